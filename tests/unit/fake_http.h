/* SPDX-License-Identifier: MIT */
/*
 * base/http_call.h without a network: calls wait here until the test answers them. There is one for all.
 */
#ifndef TESTS_UNIT_FAKE_HTTP_H
#define TESTS_UNIT_FAKE_HTTP_H

#include <stddef.h>

#include "base/http_call.h"

const struct http *fake_http(void);

/* Calls under way; fake_http_started() also counts those that have ended. */
size_t fake_http_count(void);
unsigned fake_http_started(void);

/* The oldest call as "METHOD URL", a line per header field, and the body if it has one; borrowed until the next call here. */
struct slice fake_http_oldest(void);

/* Ends the oldest call; 0: no answer came. */
void fake_http_answer(int http_status);

/* From now on each call is answered in its own turn by fake_http_step() with this status; -1: tests do it by hand. */
void fake_http_always(int http_status);
int fake_http_step(void);

void fake_http_reset(void);

#endif
