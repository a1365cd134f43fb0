/* SPDX-License-Identifier: MIT */
/*
 * Compression of bodies, in one call and in memory.
 *
 * It runs on the loop, so it is the fastest level: the next ones make pages of todos a tenth smaller and take twice as
 * long. There is no time and no name in the result (zlib's default header), so it depends on the bytes alone.
 *
 * Does not: bound the input; the caller must, for a megabyte holds the loop up for 10 ms. Nor decompress: requests with
 * a coded body are refused.
 */
#include "base/gzip.h"

#include <limits.h>
#include <zlib.h>

#include "base/mem.h"

enum { WINDOW_BITS = 15, GZIP_FORM = 16, MEMORY_LEVEL = 8 };

void gzip_write(struct buf *out, struct slice bytes)
{
    bug_unless(bytes.len <= INT_MAX, "a body's size is bounded");
    z_stream stream = {.next_in = (unsigned char *)(uintptr_t)bytes.data, .avail_in = (unsigned)bytes.len};
    int status =
        deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, WINDOW_BITS + GZIP_FORM, MEMORY_LEVEL, Z_DEFAULT_STRATEGY);
    bug_unless(status == Z_OK, "zlib does not start: out of memory, or another version than the header's");
    size_t most = deflateBound(&stream, bytes.len);
    stream.next_out = (unsigned char *)buf_reserve(out, most);
    stream.avail_out = (unsigned)most;
    status = deflate(&stream, Z_FINISH);
    bug_unless(status == Z_STREAM_END, "zlib needs more room than it said");
    buf_advance(out, stream.total_out);
    deflateEnd(&stream);
}
