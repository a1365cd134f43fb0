/* SPDX-License-Identifier: MIT */
/*
 * A write's marks in Redis: set before the store's write, taken away after it.
 * context  loop only; each of the two callbacks comes once, later, as redis.h says
 */
#ifndef CACHE_FENCE_H
#define CACHE_FENCE_H

#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "cache/cache.h"
#include "cache/entry.h"
#include "redis/redis.h"
#include "store/follow.h"

struct fence_call {
    const struct token *token; /* the write's */
    const char *const *ids;
    size_t id_count;
    int64_t epoch;
    int64_t window_ms; /* of a fence: how long it lasts if nobody takes it away; unused by unfence */
};

/* All that call points to is copied. on_todos gets the number of ids, or for unfence of those that had lost the mark. */
void fence_send(struct cache *cache, const struct fence_call *call, redis_reply_cb on_todos, redis_reply_cb on_list,
                void *ctx);
void unfence_send(struct cache *cache, const struct fence_call *call, redis_reply_cb on_todos, redis_reply_cb on_list,
                  void *ctx);

/* unfence_send() for one id that leaves entry behind if no other write overlapped; on_todos gets publish.lua's answer. */
void publish_send(struct cache *cache, const struct fence_call *call, const struct entry *entry, int64_t ttl_ms,
                  redis_reply_cb on_todos, redis_reply_cb on_list, void *ctx);

/*
 * What others changed, as the store told it: entries go unless they are what the change left, and the list's pages go. on_todos
 * gets the number of entries that stayed.
 */
void invalidate_send(struct cache *cache, int64_t epoch, const struct change_event *events, size_t count,
                     redis_reply_cb on_todos, redis_reply_cb on_list, void *ctx);

#endif
