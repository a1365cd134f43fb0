/* SPDX-License-Identifier: MIT */
/*
 * Strong entity tags, by hash of the bytes that are sent.
 *
 * A tag is strong (RFC 9110 8.8.3) if two bodies with the same tag are the same bytes; hashing just these bytes
 * gives that without a table of what went into them, and a change of the JSON's layout changes all tags by itself.
 * XXH3 because it is fast on short inputs (some 20 ns for a todo) and its values are fixed for good, so workers of
 * different builds agree. It is not cryptographic: who writes a todo can make two of one hash, and fools only himself.
 *
 * A todo's tag holds its version too, so that hashes need only tell apart two lives of one id: 64 bits do.
 * A list has no version, so its tag alone must tell pages apart: 128 bits.
 *
 * Guarantees: the text is quoted, without a weak mark, and of fixed alphabet, so that it can go into a header as it is.
 *
 * Does not: compare tags or parse If-None-Match; that is the API's.
 */
#include "base/etag.h"

#include <string.h>
#include <xxhash.h>

#include "base/mem.h"

enum { HEX64_LEN = 16, INT64_DIGITS_MAX = 19 };

static char *put_hex64(char *text, uint64_t value)
{
    static const char hex[] = "0123456789abcdef";
    for (int i = HEX64_LEN - 1; i >= 0; i--) {
        text[i] = hex[value & 15];
        value >>= 4;
    }
    return text + HEX64_LEN;
}

static char *put_decimal(char *text, int64_t value)
{
    char digits[INT64_DIGITS_MAX];
    size_t first = sizeof digits;
    do {
        digits[--first] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    memcpy(text, digits + first, sizeof digits - first);
    return text + (sizeof digits - first);
}

void etag_of_todo(char etag[ETAG_MAX + 1], int64_t v, struct slice body)
{
    bug_unless(v >= 1, "a todo without a version");
    *etag++ = '"';
    etag = put_decimal(etag, v);
    *etag++ = '-';
    etag = put_hex64(etag, XXH3_64bits(body.data, body.len));
    *etag++ = '"';
    *etag = '\0';
}

void etag_of_bytes(char etag[ETAG_MAX + 1], struct slice body)
{
    XXH128_hash_t hash = XXH3_128bits(body.data, body.len);
    *etag++ = '"';
    etag = put_hex64(etag, hash.high64);
    etag = put_hex64(etag, hash.low64);
    *etag++ = '"';
    *etag = '\0';
}

uint64_t etag_hash(struct slice bytes)
{
    return XXH3_64bits(bytes.data, bytes.len);
}
