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
    size_t first = sizeof(digits);
    do {
        digits[--first] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    memcpy(text, digits + first, sizeof(digits) - first);
    return text + (sizeof(digits) - first);
}

static char *put_hex(char *text, int64_t value)
{
    int shift = 60;
    while (shift > 0 && (value >> shift & 15) == 0)
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        *text++ = "0123456789abcdef"[value >> shift & 15];
    return text;
}

/* Takes lower-case hex digits off the front of text; false if there is none, or more than an int64_t holds. */
static bool take_hex(struct slice *text, int64_t *value)
{
    static const char hex[] = "0123456789abcdef";
    size_t len = 0;
    *value = 0;
    for (; len < text->len; len++) {
        const char *digit = memchr(hex, text->data[len], 16);
        if (!digit)
            break;
        if (*value >> 59)
            return false;
        *value = *value << 4 | (digit - hex);
    }
    *text = (struct slice){text->data + len, text->len - len};
    return len > 0;
}

void etag_of_todo(char etag[ETAG_MAX + 1], int64_t v, int64_t created_at_ms, struct slice body)
{
    bug_unless(v >= 1 && created_at_ms >= 0, "a todo without a version or a time");
    *etag++ = '"';
    etag = put_decimal(etag, v);
    *etag++ = '-';
    etag = put_hex(etag, created_at_ms);
    *etag++ = '-';
    etag = put_hex64(etag, XXH3_64bits(body.data, body.len));
    *etag++ = '"';
    *etag = '\0';
}

void etag_fingerprint(char text[ETAG_FINGERPRINT_LEN + 1], struct slice bytes)
{
    XXH128_hash_t hash = XXH3_128bits(bytes.data, bytes.len);
    text = put_hex64(text, hash.high64);
    text = put_hex64(text, hash.low64);
    *text = '\0';
}

void etag_of_bytes(char etag[ETAG_MAX + 1], struct slice body)
{
    *etag++ = '"';
    etag_fingerprint(etag, body);
    memcpy(etag + ETAG_FINGERPRINT_LEN, "\"", 2);
}

bool etag_parse_todo(struct slice etag, int64_t *v, int64_t *created_at_ms)
{
    if (etag.len < 2 || etag.data[0] != '"' || etag.data[etag.len - 1] != '"')
        return false;
    const char *begin = etag.data + 1, *end = etag.data + etag.len - 1;
    const char *dash = memchr(begin, '-', (size_t)(end - begin));
    if (!dash || !slice_to_int64((struct slice){begin, (size_t)(dash - begin)}, v) || *v < 1)
        return false;
    struct slice rest = {dash + 1, (size_t)(end - dash - 1)};
    return take_hex(&rest, created_at_ms) && rest.len == 1 + HEX64_LEN && rest.data[0] == '-';
}

uint64_t etag_hash(struct slice bytes)
{
    return XXH3_64bits(bytes.data, bytes.len);
}
