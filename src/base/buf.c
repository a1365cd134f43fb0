/* SPDX-License-Identifier: MIT */
/*
 * The one growable buffer: answers, log pages, JSON and metrics are built in it.
 *
 * Memory doubles, so n appended bytes cost O(n) in all. There is always room for a NUL behind the data, so that a
 * debugger or a C function can print it. A buf that is used again and again (buf_reset) soon allocates no more; the
 * path of a request relies on that.
 *
 * An answer needs dozens of appends, so the plain ones are inline (buf.h): of a literal the compiler knows the length
 * and writes it as words. Only buf_printf() uses the C library's formatter, and the hot path does not call it.
 *
 * Guarantees: after any append data[len] is NUL; bytes appended before stay as they were; pointers into data live
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

enum { FIRST_CAPACITY = 256 };

void buf_grow(struct buf *buf, size_t more)
{
    bug_unless(more < SIZE_MAX / 4 && buf->len < SIZE_MAX / 4, "buffer larger than memory");
    size_t capacity = buf->capacity ? buf->capacity : FIRST_CAPACITY;
    while (capacity - buf->len <= more)
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

void buf_drop(struct buf *buf, size_t len)
{
    bug_unless(len <= buf->len, "more is dropped than there is");
    size_t left = buf->len - len;
    if (len > 0)
        memmove(buf->data, buf->data + len, left + 1); /* and the NUL */
    buf->len = left;
}

void buf_append_int(struct buf *buf, int64_t value)
{
    char text[INT64_TEXT_MAX + 1];
    buf_append_slice(buf, slice_of_int64(text, value));
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
