/* SPDX-License-Identifier: MIT */
/*
 * Hashes: the one file that sees xxhash.
 *
 * XXH3 takes some 20 ns for the bytes of a todo, and its values are fixed for good. So workers of different builds
 * agree on ETags, cursors and keys of list pages, and a client's ETag stays valid over an upgrade.
 *
 * 64 bits are enough where a collision costs little, or where more than the hash is compared. 128 bits tell bodies
 * apart without any other knowledge: two different bodies with one hash are not to be expected in the life of an
 * installation.
 *
 * Does not: resist an attacker. XXH3 is not cryptographic and has no secret key here, so no promise to one client may
 * depend on what another client sends.
 */
#include "base/hash.h"

#include <xxhash.h>

#include "base/hex.h"

uint64_t hash_bytes(struct slice bytes)
{
    return XXH3_64bits(bytes.data, bytes.len);
}

void hash_fingerprint(char text[HASH_FINGERPRINT_LEN + 1], struct slice bytes)
{
    XXH128_hash_t hash = XXH3_128bits(bytes.data, bytes.len);
    text = hex_put(text, hash.high64, HASH_FINGERPRINT_LEN / 2);
    text = hex_put(text, hash.low64, HASH_FINGERPRINT_LEN / 2);
    *text = '\0';
}
