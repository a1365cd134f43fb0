/* SPDX-License-Identifier: MIT */
/*
 * Cache-Control: what a request allows the caches on its way to do (RFC 9111 5.2.1), and the form of such a field.
 * context  any (pure)
 */
#ifndef BASE_DIRECTIVE_H
#define BASE_DIRECTIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* Larger numbers count as this one (RFC 9111 1.2.2). */
#define DIRECTIVE_SECONDS_MAX (INT64_C(1) << 31)

struct directives {
    bool no_cache;       /* also max-age=0: the answer must come from the store */
    bool only_if_cached; /* the answer must not come from the store */
    int64_t max_age_s;   /* -1: any age */
    int64_t min_fresh_s; /* 0: none */
};

/* Reads a field value. Unknown directives are ignored, as caches must do. An absent field asks for nothing. */
struct directives directives_parse(struct slice field);

/* Seconds as any number of digits (RFC 9111 1.2.2); otherwise, if text is something else. */
int64_t directive_seconds(struct slice text, int64_t otherwise);

/*
 * Whether an answer with this field may go to other clients from a shared cache that does not ask (RFC 9111 3, 5.2.2).
 */
bool directives_allow_sharing(struct slice field);

/*
 * Whether text has the form of a Cache-Control field: name, name=token or name="text", set apart by commas. For
 * settings.
 */
bool directives_valid(struct slice text);

#endif
