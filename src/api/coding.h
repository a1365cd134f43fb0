/* SPDX-License-Identifier: MIT */
/*
 * Content codings of answers: whether a page is compressed for a request, its entity tag then, and its bytes.
 * context  loop only, never blocks
 */
#ifndef API_CODING_H
#define API_CODING_H

#include <stdbool.h>

#include "api/request.h"
#include "base/etag.h"

enum { CODING_PAGES = 32 };

/* Pages that were compressed before, by their tags. All zero: none yet. One per worker. */
struct coding {
    struct coded_page {
        char etag[ETAG_MAX + 1];
        struct buf body;
    } pages[CODING_PAGES];
};

void coding_fini(struct coding *coding);

/*
 * Whether a body of this length and tag is compressed for this request (RFC 9110 12.5.3). If so, coded is the tag of
 * the compressed form: "x" gives "x-gzip".
 */
bool coding_is_wanted(const struct request *request, size_t body_len, struct slice etag, char coded[ETAG_MAX + 1]);

/* The compressed form; borrowed until the next call. etag is the body's own: the same tag means the same bytes. */
struct slice coding_body(struct coding *coding, struct slice etag, struct slice body);

#endif
