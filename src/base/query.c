/* SPDX-License-Identifier: MIT */
/*
 * Query strings: split at '&' and '=', then decoded; in this order, so that an encoded '&' is part of a value.
 *
 * nginx passes the text on as the client sent it, so anything can be in it. Two things are refused here, because no
 * later check could see them. A malformed escape: taking "%zz" literally would give one value two spellings. An encoded
 * NUL: it ends a C string early. The handler decides pair by pair what names and values mean, and whether a name may
 * come twice.
 *
 * Guarantees: the callback sees pairs in their order, decoded, NUL-terminated, neither absent; it is not called for
 * anything behind the first fault. Decoding never makes text longer.
 *
 * Does not: know ';' as a separator, check character sets (JSON or id rules do that), or support arrays.
 */
#include "base/query.h"

#include <ctype.h>

#include "base/hex.h"

/* The byte that the escape at text stands for; -1 if the escape is cut, malformed, or NUL. */
static int escaped_byte(struct slice text)
{
    int high = text.len >= 3 ? hex_value((char)tolower((unsigned char)text.data[1])) : -1;
    int low = text.len >= 3 ? hex_value((char)tolower((unsigned char)text.data[2])) : -1;
    if (high < 0 || low < 0 || (high == 0 && low == 0))
        return -1;
    return high * 16 + low;
}

/* Decodes text into arena; start is its place in the query, for the error. */
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
    struct slice name, value, raw_value;
    struct slice raw_name = slice_split(pair, '=', &raw_value);
    enum status status = decode(raw_name, start, arena, &name, error);
    if (status == STATUS_OK)
        status = decode(raw_value, start + raw_name.len + 1, arena, &value, error);
    return status == STATUS_OK ? on_pair(ctx, name, value, error) : status;
}

enum status query_read(struct slice text, struct arena *arena, query_pair_cb on_pair, void *ctx, struct error *error)
{
    enum status status = STATUS_OK;
    struct slice rest = text;
    while (rest.len > 0 && status == STATUS_OK) {
        size_t start = text.len - rest.len;
        struct slice pair = slice_split(rest, '&', &rest);
        if (pair.len > 0)
            status = read_pair(pair, start, arena, on_pair, ctx, error);
    }
    return status;
}
