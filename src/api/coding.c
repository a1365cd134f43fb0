/* SPDX-License-Identifier: MIT */
/*
 * Compressed pages.
 *
 * nginx could compress, but would make every tag weak, and a weak tag is no name for bytes. So the worker does it: a
 * page in gzip is a representation of its own, with a strong tag of its own (RFC 9110 8.8.3.3), the plain one's with a
 * suffix.
 *
 * Compressing a page takes longer than all else that a hit does, so the result is kept. A page's tag is a hash of its
 * bytes, which makes it a good name to keep it under: what is kept can't get old, and nothing has to be invalidated.
 * Each tag has one place, which the next tag with this place takes over.
 *
 * Short bodies fit into a packet as they are. Long ones are not compressed either: the loop would stand still for too
 * long, and what is kept is bounded by the same length (4 MB per worker).
 *
 * Does not: compress todos and errors, which are short.
 */
#include "api/coding.h"

#include "base/gzip.h"
#include "base/hash.h"
#include "base/media.h"
#include "base/mem.h"

enum { CODED_MIN_BYTES = 1000, CODED_MAX_BYTES = 128 * 1024 };

static const char SUFFIX[] = "-gzip\"";

void coding_fini(struct coding *coding)
{
    for (size_t i = 0; i < CODING_PAGES; i++)
        buf_fini(&coding->pages[i].body);
}

bool coding_is_wanted(const struct request *request, size_t body_len, struct slice etag, char coded[ETAG_MAX + 1])
{
    bool has_length = body_len >= CODED_MIN_BYTES && body_len <= CODED_MAX_BYTES;
    if (!has_length || !media_coding_accepted(request->accept_encoding, SLICE("gzip")))
        return false;
    bool is_ours = etag.len > 1 && etag.data[etag.len - 1] == '"' && etag.len + sizeof(SUFFIX) - 2 <= ETAG_MAX;
    if (!is_ours) /* a page that a stranger put into Redis */
        return false;
    memcpy(coded, etag.data, etag.len - 1);
    memcpy(coded + etag.len - 1, SUFFIX, sizeof(SUFFIX));
    return true;
}

struct slice coding_body(struct coding *coding, struct slice etag, struct slice body)
{
    bug_unless(etag.len <= ETAG_MAX, "a tag that coding_is_wanted() refuses");
    struct coded_page *page = &coding->pages[hash_bytes(etag) % CODING_PAGES];
    if (!slice_equal(slice_of(page->etag), etag)) {
        memcpy(page->etag, etag.data, etag.len);
        page->etag[etag.len] = '\0';
        buf_reset(&page->body);
        gzip_write(&page->body, body);
    }
    return buf_slice(&page->body);
}
