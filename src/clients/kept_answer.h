/* SPDX-License-Identifier: MIT */
/*
 * Answers kept for requests with an Idempotency-Key: the store's calls (store/store.h, struct store_answer), run on a
 * pool thread. No entry of the cache shows a kept answer, so no fence is needed.
 *
 * The struct stands inside the caller's, which must live until done. context loop only
 */
#ifndef CLIENTS_KEPT_ANSWER_H
#define CLIENTS_KEPT_ANSWER_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "store/pool.h"
#include "store/store.h"

typedef void (*kept_answer_cb)(void *ctx, enum status status, const struct error *error);

struct kept_answer {
    struct store *store; /* these two borrowed */
    struct pool *pool;
    struct store_answer answer; /* filled in by the caller; begin may fill in the kept one */
    struct arena *arena;        /* begin puts body and etag there */
    kept_answer_cb done;
    void *ctx;
    bool worked;         /* the store was asked: a BUSY is its word, not the queue's */
    struct pool_job job; /* the kept answer's own */
};

/* The status is the store's, or BUSY, UNAVAILABLE if it was not asked. */
void kept_answer_begin(struct kept_answer *kept);
void kept_answer_end(struct kept_answer *kept);
void kept_answer_forget(struct kept_answer *kept);

#endif
