/* SPDX-License-Identifier: MIT */
/*
 * Preconditions (RFC 9110 13.1): comparing entity tags with what a client sent.
 * context  any (pure)
 */
#ifndef BASE_CONDITION_H
#define BASE_CONDITION_H

#include <stdbool.h>

#include "base/slice.h"

/*
 * Whether an If-None-Match field lists etag, or is "*". The comparison is weak (RFC 9110 13.1.2): a W/ prefix, which nginx
 * puts on when it compresses, is passed over. A malformed field matches nothing.
 */
bool condition_none_match_hits(struct slice field, struct slice etag);

#endif
