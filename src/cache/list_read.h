/* SPDX-License-Identifier: MIT */
/*
 * Reading one page of a list: from Redis if it has it, else from the store.
 * context  loop only
 */
#ifndef CACHE_LIST_READ_H
#define CACHE_LIST_READ_H

#include "base/error.h"
#include "base/random.h"
#include "cache/keys.h"
#include "cache/page.h"
#include "cache/reader.h"
#include "store/store.h"

struct cache_page_answer {
    enum status status;            /* OK, BUSY, UNAVAILABLE, MISMATCH */
    const struct cache_page *page; /* OK: borrowed until the callback returns */
    const struct error *error;
    struct cache_trace trace;
};

typedef void (*cache_list_cb)(void *ctx, const struct cache_page_answer *answer);

/* As struct cache_get; the caller fills in query, demand, done and ctx. */
struct cache_list {
    struct store_query query;
    struct cache_demand demand;
    cache_list_cb done;
    void *ctx;
    struct cache_reader reader; /* from here on the cache's own */
    char generation[TOKEN_LEN + 1];
    struct key page;
    struct cache_list *prev, *next; /* readers that have asked Redis for a page */
    struct cache_list *joined;      /* later readers of the same page, linked by next */
    struct page_copy *copy;         /* for a reader that joined: the page, if Redis had it */
};

void cache_list(struct cache *cache, struct cache_list *list);

#endif
