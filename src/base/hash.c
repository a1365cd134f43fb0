/* SPDX-License-Identifier: MIT */
/*
 * Hashes: the one file that sees xxhash and OpenSSL.
 *
 * XXH3 takes some 20 ns for the bytes of a todo, and its values are fixed for good. So workers of different builds
 * agree on ETags, cursors and keys of list pages, and a client's ETag stays valid over an upgrade.
 *
 * 64 bits are enough where a collision costs little, or where more than the hash is compared. 128 bits tell bodies
 * apart without any other knowledge: two different bodies with one hash are not to be expected in the life of an
 * installation.
 *
 * XXH3 does not resist an attacker: it is not cryptographic and has no secret key here. So no promise to one client may
 * depend on such a hash of what another client sends, and none of a secret may be stored. For both there is
 * hash_secret(), which is SHA-256 and a hundred times slower.
 */
#include "base/hash.h"

#include <openssl/evp.h>
#include <xxhash.h>

#include "base/hex.h"
#include "base/mem.h"

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

void hash_secret(char text[HASH_FINGERPRINT_LEN + 1], struct slice bytes)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    int done = EVP_Digest(bytes.data, bytes.len, digest, NULL, EVP_sha256(), NULL);
    bug_unless(done == 1, "OpenSSL has no SHA-256");
    for (size_t i = 0; i < HASH_FINGERPRINT_LEN / 2; i++)
        text = hex_put(text, digest[i], 2);
    *text = '\0';
}
