/* SPDX-License-Identifier: MIT */
/*
 * List cursors: the last row's key, packed, with a check sum, safe in a URL.
 *
 * Why a keyset and no offset: rows are added and removed between two pages. "After (created_at, id)" names a place that
 * stays, and finding it costs one seek in the index on any page.
 *
 *   version 1 byte | query tag 1 byte | created_at_ms 8 bytes, big-endian | id 1-64 bytes | check sum 4 bytes
 *
 * as base64url without padding (RFC 4648 5): at most 104 characters. Clients may keep cursors, so the version lets a
 * later layout refuse old ones or still read them. The tag stands for order and filter: a cursor of another query would
 * skip rows silently, so it is refused.
 *
 * Guarantees: cursor_parse() takes exactly what cursor_print() gives, one text per cursor (bits behind the last byte
 * must be zero), and only ids and times that a todo can have.
 *
 * Does not: authenticate. A forged cursor starts a page elsewhere in a list that its sender may read anyway.
 */
#include "base/cursor.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

enum {
    CURSOR_VERSION = 1,
    TIME_BYTES = 8,
    ID_AT = 2 + TIME_BYTES,
    SUM_BYTES = 4,
    PACKED_MAX = ID_AT + TODO_ID_MAX + SUM_BYTES,
};

_Static_assert((PACKED_MAX * 4 + 2) / 3 <= CURSOR_TEXT_MAX, "the longest cursor fits");

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void put_number(unsigned char *bytes, size_t count, uint64_t value)
{
    for (size_t i = count; i > 0; i--) {
        bytes[i - 1] = (unsigned char)value;
        value >>= 8;
    }
}

static uint64_t get_number(const unsigned char *bytes, size_t count)
{
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

static uint32_t check_sum(const unsigned char *packed, size_t len)
{
    return (uint32_t)hash_bytes((struct slice){(const char *)packed, len});
}

static void encode(char *text, const unsigned char *bytes, size_t len)
{
    uint32_t bits = 0;
    unsigned bit_count = 0;
    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | bytes[i];
        bit_count += 8;
        while (bit_count >= 6) {
            bit_count -= 6;
            *text++ = alphabet[bits >> bit_count & 63];
        }
    }
    if (bit_count > 0)
        *text++ = alphabet[bits << (6 - bit_count) & 63];
    *text = '\0';
}

/* Decodes into bytes, which has room for PACKED_MAX; 0 if text is not what encode() would give. */
static size_t decode(unsigned char *bytes, struct slice text)
{
    uint32_t bits = 0;
    unsigned bit_count = 0;
    size_t len = 0;
    if (text.len > (PACKED_MAX * 4 + 2) / 3 || text.len % 4 == 1)
        return 0;
    for (size_t i = 0; i < text.len; i++) {
        const char *digit = memchr(alphabet, text.data[i], sizeof(alphabet) - 1);
        if (!digit)
            return 0;
        bits = bits << 6 | (uint32_t)(digit - alphabet);
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            bytes[len++] = (unsigned char)(bits >> bit_count);
        }
    }
    uint32_t left_over = bits & ((1u << bit_count) - 1);
    return left_over == 0 ? len : 0;
}

void cursor_print(char text[CURSOR_TEXT_MAX + 1], const struct cursor *cursor, uint8_t query_tag)
{
    unsigned char packed[PACKED_MAX];
    size_t id_len = strlen(cursor->id);
    bug_unless(id_len >= 1 && id_len <= TODO_ID_MAX, "a cursor without a row's id");
    packed[0] = CURSOR_VERSION;
    packed[1] = query_tag;
    put_number(packed + 2, TIME_BYTES, (uint64_t)cursor->created_at_ms);
    memcpy(packed + ID_AT, cursor->id, id_len);
    size_t sum_at = ID_AT + id_len;
    put_number(packed + sum_at, SUM_BYTES, check_sum(packed, sum_at));
    encode(text, packed, sum_at + SUM_BYTES);
}

bool cursor_parse(struct slice text, uint8_t query_tag, struct cursor *cursor)
{
    unsigned char packed[PACKED_MAX];
    size_t len = decode(packed, text);
    if (len <= ID_AT + SUM_BYTES || packed[0] != CURSOR_VERSION || packed[1] != query_tag)
        return false;
    size_t sum_at = len - SUM_BYTES;
    if (get_number(packed + sum_at, SUM_BYTES) != check_sum(packed, sum_at))
        return false;
    uint64_t at_ms = get_number(packed + 2, TIME_BYTES);
    struct slice id = {(const char *)packed + ID_AT, sum_at - ID_AT};
    if (at_ms > (uint64_t)TODO_TIME_MAX_MS || !todo_id_valid(id))
        return false;
    cursor->created_at_ms = (int64_t)at_ms;
    memcpy(cursor->id, id.data, id.len);
    cursor->id[id.len] = '\0';
    return true;
}
