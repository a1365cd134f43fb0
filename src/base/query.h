/* SPDX-License-Identifier: MIT */
/*
 * A URL's query: name=value pairs, percent-decoded (RFC 3986 2.1; '+' is a space, as forms write it).
 * context  any (pure)
 */
#ifndef BASE_QUERY_H
#define BASE_QUERY_H

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"

/* Called for each pair in its order; another status than STATUS_OK ends the walk. */
typedef enum status (*query_pair_cb)(void *ctx, struct slice name, struct slice value, struct error *error);

/*
 * Walks text ("a=1&b=%20"), which may be empty. Empty pairs ("&&") are skipped; a name without '=' has an empty
 * value. Names and values are decoded into arena.
 * errors   STATUS_INVALID: a bad or cut percent escape, an encoded NUL; or what the callback returned
 */
enum status query_read(struct slice text, struct arena *arena, query_pair_cb on_pair, void *ctx,
                       struct error *error) STATUS_MUST_CHECK;

#endif
