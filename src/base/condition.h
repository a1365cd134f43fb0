/* SPDX-License-Identifier: MIT */
/*
 * Conditional requests (RFC 9110 13): entity tags and dates, taken apart and compared with a representation's validators.
 *
 * A W/ prefix is passed over everywhere. For If-None-Match that is the rule (weak comparison); for If-Match the standard wants
 * strong comparison, but nginx weakens the tag of what it compresses and clients send that back, and the tag inside
 * is exact all the same.
 * context  any (pure)
 */
#ifndef BASE_CONDITION_H
#define BASE_CONDITION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* Takes the next entity tag off the front of a field's list, quotes included, without W/; absent at its end, or at what is none. */
struct slice condition_take_tag(struct slice *field);

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
 * Decides a GET or HEAD in the order of RFC 9110 13.2.2. modified_at_ms is the representation's Last-Modified, -1: it has none;
 * a date that can't be read is as if it weren't there.
 */
enum condition_outcome condition_of_read(const struct condition_fields *fields, struct slice etag,
                                         int64_t modified_at_ms);

#endif
