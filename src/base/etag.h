/* SPDX-License-Identifier: MIT */
/*
 * Strong entity tags over the bytes of a body (RFC 9110 8.8.3).
 *
 * A todo's tag is "v-life-hash". v tells versions apart. life, in hex, tells apart two lives of one id (deleted, made
 * again). So a store can decide If-Match by these two alone, in one operation. The hash covers the bytes. A list's tag
 * is "hash", 128 bits, because a list has no version.
 *
 * Older versions of this service put created_at in the place of life. Such a tag still matches a todo that was stored
 * without a life, because there the same time stands for the life (todo.h). It matches no other.
 * context  any (pure)
 */
#ifndef BASE_ETAG_H
#define BASE_ETAG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum { ETAG_MAX = 56 }; /* bytes, quotes included, without the NUL */

void etag_of_todo(char etag[ETAG_MAX + 1], int64_t v, int64_t life, struct slice body);
void etag_of_bytes(char etag[ETAG_MAX + 1], struct slice body);

/* Reads version and life out of a todo's tag, quotes included; false: it is no tag of a todo. */
bool etag_parse_todo(struct slice etag, int64_t *v, int64_t *life);

#endif
