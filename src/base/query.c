/* SPDX-License-Identifier: MIT */
/*
 * Query strings: split at '&' and '=', then decoded; in this order, so that an encoded '&' is part of a value.
 *
 * The text is what nginx hands over raw, so anything can be in it. Only two things are refused here, because no later
 * check could see them: an escape that is none (taking "%zz" as it stands would give one value two spellings) and an
 * encoded NUL (which ends a C string early). What names and values mean, and whether a name may come twice, the
 * handler decides, pair by pair.
 *
 * Guarantees: the callback sees pairs in their order, decoded, NUL-terminated, neither absent; it is not called for
 * anything behind the first fault. Decoding never makes text longer.
 *
 * Does not: know ';' as a separator, character sets (bytes are handed on; JSON or id rules check them), or arrays.
 */
#include "base/query.h"

#include <ctype.h>
#include <string.h>

#include "base/hex.h"

/* The byte that an escape at text stands for; -1 if it is cut, is none, or means NUL. */
static int escaped_byte(struct slice text)
{
    int high = text.len >= 3 ? hex_value((char)tolower((unsigned char)text.data[1])) : -1;
    int low = text.len >= 3 ? hex_value((char)tolower((unsigned char)text.data[2])) : -1;
    if (high < 0 || low < 0 || (high == 0 && low == 0))
        return -1;
    return high * 16 + low;
}

/* Decodes text into arena; start is where it lies in the query, for the error. */
static enum status decode(struct slice text, size_t start, struct arena *arena, struct slice *decoded,
                          struct error *error)
{
    char *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i] == '+' ? ' ' : text.data[i];
        if (c == '%') {
            int byte = escaped_byte((struct slice){text.data + i, text.len - i});
            if (byte < 0) {
                return error_set(error, STATUS_INVALID,
                                 "query: byte %zu begins no valid percent escape (two hex digits, not 00)", start + i);
            }
            c = (char)byte;
            i += 2;
        }
        out[len++] = c;
    }
    out[len] = '\0';
    *decoded = (struct slice){out, len};
    return STATUS_OK;
}

/* One pair, not empty, at byte start of the query. */
static enum status read_pair(struct slice pair, size_t start, struct arena *arena, query_pair_cb on_pair, void *ctx,
                             struct error *error)
{
    const char *equals = memchr(pair.data, '=', pair.len);
    size_t name_len = equals ? (size_t)(equals - pair.data) : pair.len;
    size_t value_at = equals ? name_len + 1 : name_len;
    struct slice name;
    struct slice value;
    enum status status = decode((struct slice){pair.data, name_len}, start, arena, &name, error);
    if (status == STATUS_OK) {
        struct slice raw = {pair.data + value_at, pair.len - value_at};
        status = decode(raw, start + value_at, arena, &value, error);
    }
    return status == STATUS_OK ? on_pair(ctx, name, value, error) : status;
}

enum status query_read(struct slice text, struct arena *arena, query_pair_cb on_pair, void *ctx, struct error *error)
{
    enum status status = STATUS_OK;
    size_t start = 0;
    while (start < text.len && status == STATUS_OK) {
        const char *pair = text.data + start;
        const char *end = memchr(pair, '&', text.len - start);
        size_t len = end ? (size_t)(end - pair) : text.len - start;
        if (len > 0)
            status = read_pair((struct slice){pair, len}, start, arena, on_pair, ctx, error);
        start += len + 1;
    }
    return status;
}
