/* SPDX-License-Identifier: MIT */
/*
 * FastCGI records, written without libfcgi.
 *
 * libfcgi keeps 17 kB for each request from its begin to its end. A request that waits for minutes gives that back, and
 * its answer needs three kinds of records only: bytes of the answer, an empty one at their end, and the request's end.
 *
 * A record is 8 bytes and its content: version, type, request id, content length (both big-endian), padding length, a
 * reserved byte. There is no padding.
 */
#include "server/fcgi_record.h"

enum { PROTOCOL_VERSION = 1, TYPE_END_REQUEST = 3, TYPE_STDOUT = 6, CONTENT_MAX_BYTES = 65535 };

static void record_append(struct buf *out, unsigned char type, uint16_t request_id, struct slice content)
{
    const unsigned char header[8] = {
        PROTOCOL_VERSION,  type, request_id >> 8, request_id & 0xff, (unsigned char)(content.len >> 8),
        content.len & 0xff};
    buf_append(out, header, sizeof(header));
    buf_append_slice(out, content);
}

void fcgi_record_output(struct buf *out, uint16_t request_id, struct slice bytes)
{
    while (bytes.len > 0) {
        size_t len = bytes.len < CONTENT_MAX_BYTES ? bytes.len : CONTENT_MAX_BYTES;
        record_append(out, TYPE_STDOUT, request_id, (struct slice){bytes.data, len});
        bytes = (struct slice){bytes.data + len, bytes.len - len};
    }
}

void fcgi_record_end(struct buf *out, uint16_t request_id)
{
    static const char complete[8] = {0}; /* the program's exit status, FCGI_REQUEST_COMPLETE */
    record_append(out, TYPE_STDOUT, request_id, (struct slice){0});
    record_append(out, TYPE_END_REQUEST, request_id, (struct slice){complete, sizeof(complete)});
}
