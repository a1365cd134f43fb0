/* SPDX-License-Identifier: MIT */
/*
 * A write's marks in Redis: set before the store's write, removed after it.
 *
 * Each call runs one script for all todos of the write and one for the list, and tells the outcome of both together.
 * context  loop only; done comes once, later, as redis.h says
 */
#ifndef CACHE_FENCE_H
#define CACHE_FENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "base/settings.h"
#include "cache/entry.h"
#include "peers/peers.h"
#include "redis/redis.h"
#include "store/follow.h"

enum fence_outcome {
    FENCE_TAKEN,      /* Redis ran both scripts */
    FENCE_REFUSED,    /* Redis answered one of them with an error: it may still have the entries */
    FENCE_UNANSWERED, /* one of them has no answer: it may have run, or may run later */
};

/* count is the todos' script's own answer; 0 if that has none. */
typedef void (*fence_done_cb)(void *ctx, enum fence_outcome outcome, int64_t count);

struct fence_call {
    struct redis *redis;
    const struct settings *settings;
    const struct store *store;
    const struct token *token; /* the write's */
    const char *const *ids;
    size_t id_count;
    int64_t epoch;
    int64_t window_ms; /* of a fence: how long it lasts if nothing removes it; unused by the others */
};

/* All that call points to is copied, but for redis. count: the number of ids. */
void fence_send(const struct fence_call *call, fence_done_cb done, void *ctx);

/* count: how many ids had lost their mark. */
void unfence_send(const struct fence_call *call, fence_done_cb done, void *ctx);

/* An unfence of one id that also stores entry, if no other write overlapped; count: publish.lua's answer. */
void publish_send(const struct fence_call *call, const struct entry *entry, int64_t ttl_ms, fence_done_cb done,
                  void *ctx);

/*
 * Tells Redis the store's watermark (watermark.h), as unfences do by themselves. Of call, redis, settings, store and
 * epoch are used. False: the store has none, nothing was sent, and on_reply does not come.
 */
bool watermark_send(const struct fence_call *call, redis_reply_cb on_reply, void *ctx);

/*
 * What others changed, as the store told it: an entry is deleted unless it is what the change made; the list's pages
 * are out of reach. Of call, redis, settings, store and epoch are used. count: how many entries stayed.
 */
void invalidate_send(const struct fence_call *call, const struct change_event *events, size_t event_count,
                     fence_done_cb done, void *ctx);

/*
 * Tells the other machines' L1s of ids whose entries Redis has deleted (peers/peers.h); call's redis, epoch and ids are
 * used. Without peers done comes at once: call it from a callback only. count: 0.
 */
void fence_tell(struct peers *peers, const struct fence_call *call, bool waits, fence_done_cb done, void *ctx);

#endif
