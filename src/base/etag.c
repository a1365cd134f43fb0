/* SPDX-License-Identifier: MIT */
/*
 * Strong entity tags, by hash of the bytes that are sent.
 *
 * A tag is strong (RFC 9110 8.8.3) if two bodies with the same tag are the same bytes. The hash covers exactly these
 * bytes, so no table of what went into them is needed, and a change of the JSON's layout changes all tags by itself.
 * The hash is not cryptographic: a client can make two versions of its own todo with one hash, but that misleads only
 * itself.
 *
 * A todo's tag holds its version too. Its hash only has to tell apart two lives of one id, and 64 bits do that. A list
 * has no version. Its tag must tell pages apart by the hash alone, so it has 128 bits.
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

/* How many hex digits a number has without leading zeros. */
static unsigned hex_len(int64_t number)
{
    unsigned len = 1;
    while (number >>= 4)
        len++;
    return len;
}

/* Takes hex digits off the front of text; false if there is none, or more than an int64_t holds. */
static bool take_hex(struct slice *text, int64_t *value)
{
    size_t len = 0;
    *value = 0;
    for (; len < text->len; len++) {
        int digit = hex_value(text->data[len]);
        if (digit < 0)
            break;
        if (*value >> 59)
            return false;
        *value = *value << 4 | digit;
    }
    *text = (struct slice){text->data + len, text->len - len};
    return len > 0;
}

void etag_of_todo(char etag[ETAG_MAX + 1], int64_t v, int64_t created_at_ms, struct slice body)
{
    bug_unless(v >= 1 && created_at_ms >= 0, "a todo without a version or a time");
    *etag++ = '"';
    etag += slice_of_int64(etag, v).len;
    *etag++ = '-';
    etag = hex_put(etag, (uint64_t)created_at_ms, hex_len(created_at_ms));
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

bool etag_parse_todo(struct slice etag, int64_t *v, int64_t *created_at_ms)
{
    if (etag.len < 2 || etag.data[0] != '"' || etag.data[etag.len - 1] != '"')
        return false;
    struct slice rest;
    if (!slice_to_int64(slice_split((struct slice){etag.data + 1, etag.len - 2}, '-', &rest), v) || *v < 1)
        return false;
    return take_hex(&rest, created_at_ms) && rest.len == 1 + HASH_LEN && rest.data[0] == '-';
}
