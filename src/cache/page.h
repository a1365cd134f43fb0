/* SPDX-License-Identifier: MIT */
/*
 * What a cached page of a list looks like in Redis: a hash with "query" (what was asked), "body", "etag", "next" (the
 * next page's cursor, or empty), "gen" (the generation it was read under), "at" and "cost" as an entry has them. Also
 * how a page is rendered from the store's rows. context any (pure)
 */
#ifndef CACHE_PAGE_H
#define CACHE_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "base/etag.h"
#include "base/slice.h"
#include "redis/redis.h"
#include "store/store.h"

enum {
    PAGE_MAX_BYTES = 512 * 1024, /* a larger one is not filled */
    PAGES_MAX = 128,             /* that Redis keeps */
};

/* A rendered page: the bytes that were answered first are answered until a write changes the list. */
struct cache_page {
    struct slice body; /* {"todos":[...],"next":...} */
    struct slice etag; /* quotes included */
    struct slice next; /* the next page's cursor; empty on the last page */
};

/* The tag that this query's cursors carry, so that one is not taken for another order's or filter's. */
uint8_t query_cursor_tag(const struct store_query *query);

struct cached_page {
    struct cache_page page; /* borrowed from the reply, or from the code that filled it in */
    struct slice query, generation;
    int64_t at_ms;
    int64_t cost_ms;
};

/* Whether reply (HGETALL's) is a whole page for this query. */
bool page_parse(struct cached_page *page, struct slice query, const struct redis_reply *reply);

enum { PAGE_ARGS = 14 };

/* The page as HSET's arguments; they borrow from page and numbers. */
void page_print(struct slice args[PAGE_ARGS], char numbers[2][INT64_TEXT_MAX + 1], const struct cached_page *page);

/* A page's bytes and where they lie. */
struct rendered_page {
    struct buf body;
    char etag[ETAG_MAX + 1];
    char next[CURSOR_TEXT_MAX + 1];
};

/* {"todos":[...],"next":CURSOR or null} */
void page_render(struct rendered_page *rendered, const struct store_query *query, const struct store_page *rows);

#endif
