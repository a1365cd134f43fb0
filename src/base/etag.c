/* SPDX-License-Identifier: MIT */
/*
 * Strong entity tags, by hash of the bytes that are sent.
 *
 * A tag is strong (RFC 9110 8.8.3) if two bodies with the same tag are the same bytes. The hash covers exactly these
 * bytes, so no table of what went into them is needed, and a change of the JSON's layout changes all tags by itself.
 * The hash is not cryptographic: a client can make two versions of its own todo with one hash, but that misleads only
 * itself.
 *
 * A todo's tag holds its version and its life, which name one state by themselves: a life is named by chance and comes
 * once. So 64 bits of hash do. A list has no version. Its tag must tell pages apart by the hash alone, so it has 128
 * bits.
 *
 * Guarantees: the text is quoted, without a weak mark, and of a fixed alphabet, so that it can go into a header as it
 * is. etag_parse_todo() takes only texts of the form that etag_of_todo() makes; it ignores the hash.
 *
 * Does not: compare tags. base/condition.c does that for reads, the stores do it for writes (store/condition.c).
 */
#include "base/etag.h"

#include <string.h>

#include "base/hash.h"
#include "base/hex.h"
#include "base/mem.h"

enum { HASH_LEN = 16 };

void etag_of_todo(char etag[ETAG_MAX + 1], int64_t v, int64_t life, struct slice body)
{
    bug_unless(v >= 1 && life >= 0, "a todo without a version or a life");
    *etag++ = '"';
    etag += slice_of_int64(etag, v).len;
    *etag++ = '-';
    etag = hex_put_int64(etag, life);
    *etag++ = '-';
    etag = hex_put(etag, hash_bytes(body), HASH_LEN);
    *etag++ = '"';
    *etag = '\0';
}

void etag_of_bytes(char etag[ETAG_MAX + 1], struct slice body)
{
    *etag++ = '"';
    hash_fingerprint(etag, body);
    memcpy(etag + HASH_FINGERPRINT_LEN, "\"", 2);
}

bool etag_parse_todo(struct slice etag, int64_t *v, int64_t *life)
{
    if (etag.len < 2 || etag.data[0] != '"' || etag.data[etag.len - 1] != '"')
        return false;
    struct slice rest;
    if (!slice_to_int64(slice_split((struct slice){etag.data + 1, etag.len - 2}, '-', &rest), v) || *v < 1)
        return false;
    return hex_take_int64(&rest, life) && rest.len == 1 + HASH_LEN && rest.data[0] == '-';
}
