/* SPDX-License-Identifier: MIT */
/*
 * Points in time as text: RFC 3339 in bodies, IMF-fixdate (RFC 9110 5.6.7) in headers. Milliseconds since 1970, UTC.
 * context  any (pure); no locale, no time zone data base
 */
#ifndef BASE_DATE_H
#define BASE_DATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum {
    DATE_RFC3339_LEN = 24, /* 2024-01-31T23:59:59.123Z */
    DATE_HTTP_LEN = 29,    /* Sun, 06 Nov 1994 08:49:37 GMT */
};

/* Both write a NUL behind the text. at_ms is 0 to TODO_TIME_MAX_MS. */
void date_rfc3339(char text[DATE_RFC3339_LEN + 1], int64_t at_ms);
void date_http(char text[DATE_HTTP_LEN + 1], int64_t at_ms);

/* Any RFC 3339 time from 1970 on: 'T', 't' or ' ' between, 0-9 digits of fraction (cut to ms), 'Z' or an offset. */
bool date_rfc3339_parse(struct slice text, int64_t *at_ms);

/* The three forms that RFC 9110 5.6.7 wants understood: IMF-fixdate, RFC 850, asctime. */
bool date_http_parse(struct slice text, int64_t *at_ms);

#endif
