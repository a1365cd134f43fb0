/* SPDX-License-Identifier: MIT */
/*
 * Strong entity tags over the bytes of a body (RFC 9110 8.8.3).
 *
 * A todo's tag is "v-created-hash". v tells versions apart. created is the todo's created_at in hex; it tells apart two
 * lives of one id (deleted, made again). So a store can decide If-Match by these two alone, in one operation. The hash
 * covers the bytes. A list's tag is "hash", 128 bits, because a list has no version.
 * context  any (pure)
 */
#ifndef BASE_ETAG_H
#define BASE_ETAG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum { ETAG_MAX = 56 }; /* bytes, quotes included, without the NUL */

void etag_of_todo(char etag[ETAG_MAX + 1], int64_t v, int64_t created_at_ms, struct slice body);
void etag_of_bytes(char etag[ETAG_MAX + 1], struct slice body);

/* Reads version and creation time out of a todo's tag, quotes included; false: it is no tag of a todo. */
bool etag_parse_todo(struct slice etag, int64_t *v, int64_t *created_at_ms);

#endif
