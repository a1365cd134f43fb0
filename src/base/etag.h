/* SPDX-License-Identifier: MIT */
/*
 * Strong entity tags over the bytes of a body (RFC 9110 8.8.3). The only place that sees xxhash.
 *
 * A todo's is "v-hash": v tells versions apart, the hash tells apart two lives of one id (deleted, made again).
 * A list's is "hash", 128 bits, for no version speaks for it.
 */
#ifndef BASE_ETAG_H
#define BASE_ETAG_H

#include <stdint.h>

#include "base/slice.h"

enum { ETAG_MAX = 48 }; /* bytes, quotes included, without the NUL */

void etag_of_todo(char etag[ETAG_MAX + 1], int64_t v, struct slice body);
void etag_of_bytes(char etag[ETAG_MAX + 1], struct slice body);

/* 64 bits over bytes, not cryptographic: for keys of list pages and for spreading, not for promises. */
uint64_t etag_hash(struct slice bytes);

#endif
