/* SPDX-License-Identifier: MIT */
/*
 * Hashes over bytes. They are the same in all builds and on all machines. The first two (XXH3) are not cryptographic: a
 * client can make two texts with one hash.
 * context  any (pure)
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdint.h>

#include "base/slice.h"

enum { HASH_FINGERPRINT_LEN = 32 };

/* 64 bits: for keys, check sums and spreading. */
uint64_t hash_bytes(struct slice bytes);

/* 128 bits as hex digits: enough to tell two bodies apart by it alone. */
void hash_fingerprint(char text[HASH_FINGERPRINT_LEN + 1], struct slice bytes);

/* 128 bits of SHA-256 as hex digits: nobody finds the bytes by it. */
void hash_secret(char text[HASH_FINGERPRINT_LEN + 1], struct slice bytes);

#endif
