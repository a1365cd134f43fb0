/* SPDX-License-Identifier: MIT */
/*
 * The one growable buffer: answers, log pages, JSON and metrics are built in it.
 *
 * Memory doubles, so n appended bytes cost O(n) in all. There is always room for a NUL behind the data, so that a
 * debugger or a C function can print it. A buf that is used again and again (buf_reset) soon allocates no more; the
 * path of a request relies on that.
 *
 * An answer needs a dozen appends, so the plain ones do no formatting: buf_append_int() prints its digits by itself.
 * Only buf_printf() uses the C library's formatter, and the hot path does not call it.
 *
 * Guarantees: after any append data[len] is NUL; what was appended before stays as it was; pointers into data live
 * until the next append only.
 *
 * Does not: shrink, share or copy on write, or bound its size: code that appends input bounds the input.
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { FIRST_CAPACITY = 256, INT64_DIGITS_MAX = 20 };

static void buf_grow(struct buf *buf, size_t needed)
{
    bug_unless(needed > buf->len && needed <= SIZE_MAX / 2, "buffer larger than memory");
    size_t capacity = buf->capacity ? buf->capacity : FIRST_CAPACITY;
    while (capacity < needed)
        capacity *= 2;
    buf->data = mem_resize(buf->data, capacity);
    buf->capacity = capacity;
}

void buf_init(struct buf *buf)
{
    *buf = (struct buf){0};
}

void buf_fini(struct buf *buf)
{
    free(buf->data);
    buf_init(buf);
}

void buf_reset(struct buf *buf)
{
    buf->len = 0;
    if (buf->data)
        buf->data[0] = '\0';
}

char *buf_reserve(struct buf *buf, size_t len)
{
    size_t needed = buf->len + len + 1; /* a sum that wraps is below len, which buf_grow() refuses */
    if (needed > buf->capacity || needed <= buf->len)
        buf_grow(buf, needed);
    return buf->data + buf->len;
}

void buf_advance(struct buf *buf, size_t len)
{
    bug_unless(len < buf->capacity - buf->len, "advanced beyond what was reserved");
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void buf_append(struct buf *buf, const void *data, size_t len)
{
    char *end = buf_reserve(buf, len);
    if (len > 0) /* memcpy() wants a pointer even for nothing, an absent slice has none */
        memcpy(end, data, len);
    end[len] = '\0';
    buf->len += len;
}

void buf_append_slice(struct buf *buf, struct slice text)
{
    buf_append(buf, text.data, text.len);
}

void buf_append_text(struct buf *buf, const char *text)
{
    buf_append(buf, text, strlen(text));
}

void buf_append_char(struct buf *buf, char c)
{
    buf_append(buf, &c, 1);
}

void buf_append_int(struct buf *buf, int64_t value)
{
    char digits[INT64_DIGITS_MAX];
    size_t first = sizeof(digits);
    /* As unsigned, INT64_MIN has a magnitude too. */
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        digits[--first] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        digits[--first] = '-';
    buf_append(buf, digits + first, sizeof(digits) - first);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);

    /* Most texts fit into what is there already; the others are formatted a second time. */
    char *end = buf_reserve(buf, FIRST_CAPACITY / 2);
    size_t room = buf->capacity - buf->len;
    int len = vsnprintf(end, room, format, args);
    bug_unless(len >= 0, "a format that the C library refuses");
    if ((size_t)len >= room) {
        end = buf_reserve(buf, (size_t)len);
        vsnprintf(end, (size_t)len + 1, format, again);
    }
    buf->len += (size_t)len;
    va_end(again);
    va_end(args);
}

struct slice buf_slice(const struct buf *buf)
{
    return (struct slice){.data = buf->data ? buf->data : "", .len = buf->len};
}
