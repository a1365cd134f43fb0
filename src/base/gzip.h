/* SPDX-License-Identifier: MIT */
/*
 * Compressing a body (RFC 1952). The same bytes give the same result, as long as zlib stays the same.
 * context  any (pure)
 */
#ifndef BASE_GZIP_H
#define BASE_GZIP_H

#include "base/buf.h"

/* Appends bytes in gzip's form. It costs some 10 us per KB. */
void gzip_write(struct buf *out, struct slice bytes);

#endif
