/* SPDX-License-Identifier: MIT */
/*
 * The watermark between workers: through Redis, each tells the others how far the store has come (fence.h), and
 * is told. A store without watermarks (store.h) asks nothing and is told nothing.
 * context  loop only; on_reply as in redis.h
 */
#ifndef CACHE_WATERMARK_H
#define CACHE_WATERMARK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "redis/redis.h"
#include "store/store.h"

/*
 * Of an answer of acquire.lua or list_acquire.lua: the word, without the watermark behind it. Reads of the store that
 * begin from now on show what the watermark stands for.
 */
struct slice watermark_take(struct store *store, struct slice answer);

/*
 * Asks Redis for the watermark, for a read that acquire has told none; its reply goes to watermark_heed(). False: the
 * store has none, nothing was sent, and on_reply does not come.
 */
bool watermark_ask(struct redis *redis, const struct store *store, int64_t epoch, redis_reply_cb on_reply, void *ctx);
void watermark_heed(struct store *store, const struct redis_reply *reply);

#endif
