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

#include "base/slice.h"

struct buf {
    char *data;      /* owned; NULL until the first append */
    size_t len;      /* bytes in use, the NUL not counted */
    size_t capacity; /* bytes allocated */
};

void buf_init(struct buf *buf);
void buf_fini(struct buf *buf);
void buf_reset(struct buf *buf);

/* Makes room for len more bytes and returns where they go; buf_advance() then says how many were written. */
char *buf_reserve(struct buf *buf, size_t len);
void buf_advance(struct buf *buf, size_t len);

void buf_append(struct buf *buf, const void *data, size_t len);
void buf_append_slice(struct buf *buf, struct slice text);
void buf_append_text(struct buf *buf, const char *text);
void buf_append_char(struct buf *buf, char c);
void buf_append_int(struct buf *buf, int64_t value);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Borrowed until the next change of buf. */
struct slice buf_slice(const struct buf *buf);

#endif
