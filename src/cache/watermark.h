/* SPDX-License-Identifier: MIT */
/*
 * The watermark between workers: through Redis, each tells the others how far the store has come, and is told. A store
 * without watermarks (store.h) asks nothing and is told nothing.
 * context  loop only; on_reply as in redis.h
 */
#ifndef CACHE_WATERMARK_H
#define CACHE_WATERMARK_H

#include <stdbool.h>

#include "base/settings.h"
#include "base/slice.h"
#include "cache/home.h"
#include "redis/redis.h"
#include "store/store.h"

/*
 * Of an answer of acquire.lua or list_acquire.lua: the word, without the watermark behind it. Reads of the store that
 * begin from now on show what the watermark stands for.
 */
struct slice watermark_take(struct store *store, struct slice answer);

/*
 * Tells Redis the store's watermark. Of home, where and under which epoch are used. False: the store has none, nothing
 * was sent, and on_reply does not come.
 */
bool watermark_tell(const struct home *home, const struct settings *settings, const struct store *store,
                    redis_reply_cb on_reply, void *ctx);

/*
 * Asks Redis for the watermark, for a read that acquire has told none; its reply goes to watermark_heed(). False as
 * above.
 */
bool watermark_ask(const struct home *home, const struct store *store, redis_reply_cb on_reply, void *ctx);
/* Whether Redis has none, by acquire's answer; or a write is under way, and it may have none. */
bool watermark_is_lost(const struct redis_reply *acquired);

void watermark_heed(struct store *store, const struct redis_reply *reply);

#endif
