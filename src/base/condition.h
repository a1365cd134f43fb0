/* SPDX-License-Identifier: MIT */
/*
 * Conditional requests (RFC 9110 13): parses entity tags and dates and compares them with a representation's
 * validators.
 *
 * A W/ prefix is ignored. For If-None-Match that is the rule (weak comparison). For If-Match the standard wants strong
 * comparison. But nginx makes the tag of an answer weak when it compresses it, and clients send that tag back; the tag
 * inside is still exact.
 * context  any (pure)
 */
#ifndef BASE_CONDITION_H
#define BASE_CONDITION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* Takes the next entity tag off the front of a list: with its quotes, without W/. Absent: there is none. */
struct slice condition_take_tag(struct slice *field);

/* Whether the field is absent, "*", or a list of one or more entity tags and nothing else (RFC 9110 13.1.1, 13.1.2). */
bool condition_is_sound(struct slice field);

/* Whether the field is "*" or lists etag. An absent field does not. */
bool condition_lists(struct slice field, struct slice etag);

/* The four fields of a request; absent ones are absent slices. */
struct condition_fields {
    struct slice if_match, if_none_match, if_modified_since, if_unmodified_since;
};

enum condition_outcome {
    CONDITION_HOLDS,        /* answer as if nothing had been asked */
    CONDITION_NOT_MODIFIED, /* 304 */
    CONDITION_FAILED,       /* 412 */
};

/*
 * Decides a GET or HEAD in the order of RFC 9110 13.2.2. modified_at_ms is the representation's Last-Modified; -1: it
 * has none. A date that can't be parsed is ignored.
 */
enum condition_outcome condition_of_read(const struct condition_fields *fields, struct slice etag,
                                         int64_t modified_at_ms);

#endif
