/* SPDX-License-Identifier: MIT */
/*
 * Strong entity tags over the bytes of a body (RFC 9110 8.8.3). The only place that sees xxhash.
 *
 * A todo's is "v-created-hash". v tells versions apart; created, the todo's created_at in hex, tells apart two lives of one id
 * (deleted, made again), so that a store can decide If-Match by the two alone, in one operation; the hash covers the bytes.
 * A list's is "hash", 128 bits, for no version speaks for it.
 */
#ifndef BASE_ETAG_H
#define BASE_ETAG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum { ETAG_MAX = 56 }; /* bytes, quotes included, without the NUL */

void etag_of_todo(char etag[ETAG_MAX + 1], int64_t v, int64_t created_at_ms, struct slice body);
void etag_of_bytes(char etag[ETAG_MAX + 1], struct slice body);

enum { ETAG_FINGERPRINT_LEN = 32 };

/* 128 bits over bytes as hex digits: whether two bodies are the same. Not cryptographic. */
void etag_fingerprint(char text[ETAG_FINGERPRINT_LEN + 1], struct slice bytes);

/* Reads version and life out of a tag of a todo, quotes included; false: it is none of ours. */
bool etag_parse_todo(struct slice etag, int64_t *v, int64_t *created_at_ms);

/* 64 bits over bytes, not cryptographic: for keys of list pages and for spreading, not for promises. */
uint64_t etag_hash(struct slice bytes);

#endif
