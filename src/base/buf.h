/* SPDX-License-Identifier: MIT */
/*
 * A growable run of bytes that is always followed by a NUL, so that data can be printed.
 *
 * ownership  the buf owns data; buf_fini frees it; buf_reset keeps the memory for the next use
 * errors     none: running out of memory ends the process with a message (mem.h)
 * context    any (pure)
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/slice.h"

struct buf {
    char *data;      /* owned; NULL until the first append */
    size_t len;      /* bytes in use, the NUL not counted */
    size_t capacity; /* bytes allocated */
};

void buf_init(struct buf *buf);
void buf_fini(struct buf *buf);
void buf_reset(struct buf *buf);

/* Makes capacity be more than len + more. */
void buf_grow(struct buf *buf, size_t more);

/* Makes room for len more bytes and returns where they go; buf_advance() then says how many were written. */
static inline char *buf_reserve(struct buf *buf, size_t len)
{
    if (buf->capacity - buf->len <= len) /* one byte more, for the NUL */
        buf_grow(buf, len);
    return buf->data + buf->len;
}

static inline void buf_advance(struct buf *buf, size_t len)
{
    bug_unless(len < buf->capacity - buf->len, "advanced beyond what was reserved");
    buf->len += len;
    buf->data[buf->len] = '\0';
}

/* Removes len bytes from the front. */
void buf_drop(struct buf *buf, size_t len);

static inline void buf_append(struct buf *buf, const void *data, size_t len)
{
    char *end = buf_reserve(buf, len);
    if (len > 0) /* memcpy() wants a pointer even for nothing, an absent slice has none */
        memcpy(end, data, len);
    end[len] = '\0';
    buf->len += len;
}

static inline void buf_append_slice(struct buf *buf, struct slice text)
{
    buf_append(buf, text.data, text.len);
}

static inline void buf_append_text(struct buf *buf, const char *text)
{
    buf_append(buf, text, strlen(text));
}

static inline void buf_append_char(struct buf *buf, char c)
{
    buf_append(buf, &c, 1);
}

void buf_append_int(struct buf *buf, int64_t value);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Borrowed until the next change of buf. */
struct slice buf_slice(const struct buf *buf);

#endif
