/* SPDX-License-Identifier: MIT */
/*
 * Answers kept for requests with an Idempotency-Key: the store's calls (store/store.h, struct store_answer), run on a pool
 * thread. They concern no entry of the cache, so no fence is needed.
 *
 * The struct stands inside the caller's, which must live until done. context loop only
 */
#ifndef CACHE_KEPT_ANSWER_H
#define CACHE_KEPT_ANSWER_H

#include <stdbool.h>

#include "cache/cache.h"

typedef void (*kept_answer_cb)(void *ctx, enum status status, const struct error *error);

struct kept_answer {
    struct store_answer answer; /* filled in by the caller; begin may fill in the kept one */
    struct arena *arena;        /* where begin puts body and etag */
    kept_answer_cb done;
    void *ctx;
    bool worked; /* the store was asked: a BUSY is its word, not the queue's */
    struct cache *cache;
    struct pool_job job;
};

/* The status is the store's, or BUSY, UNAVAILABLE if it was not asked. */
void kept_answer_begin(struct cache *cache, struct kept_answer *kept);
void kept_answer_end(struct cache *cache, struct kept_answer *kept);
void kept_answer_forget(struct cache *cache, struct kept_answer *kept);

#endif
