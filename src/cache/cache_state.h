/* SPDX-License-Identifier: MIT */
/*
 * What the files of this room share: the cache's own struct, and the duties that cache.c hands out to them.
 */
#ifndef CACHE_CACHE_STATE_H
#define CACHE_CACHE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "cache/cache.h"
#include "cache/flight.h"
#include "cache/redis.h"
#include "cache/scripts.h"

struct link;
struct outbox;

struct cache {
    struct cache_options options;
    struct redis *redis;
    struct link *link;            /* link.c: which Redis, which epoch, whether to trust it */
    struct outbox *outbox;        /* outbox.c: invalidations that Redis couldn't take */
    struct flight_state *flights; /* flight.c: by name */
    int64_t epoch;                /* in all keys; 0: not known yet */
    bool trusted;
    int64_t generation_ms; /* lifetime of a list's generation */
};

static inline void cache_count(struct cache *cache, enum stat_counter stat)
{
    stats_add(cache->options.stats, stat, 1);
}

/* link.c */
struct link *link_new(struct cache *cache);
void link_free(struct link *link);
void link_on_up(struct link *link);   /* Redis is there: find out which */
void link_on_down(struct link *link); /* it is gone: trust nothing until it is known again */
void link_tend(struct link *link);    /* once a second: has somebody moved the epoch on? */

/* outbox.c */
typedef void (*outbox_drained_cb)(void *ctx, bool drained);
struct outbox *outbox_new(struct cache *cache);
void outbox_free(struct outbox *outbox);

/* Takes what the outbox holds to Redis, as far as it goes; done tells whether nothing settled is left. May not be called twice at once. */
void outbox_drain(struct outbox *outbox, outbox_drained_cb done, void *ctx);
bool outbox_is_idle(const struct outbox *outbox);

/* Keeps a settled fence that could be brought neither to Redis nor to the store, and tries the store again at each tend. */
void outbox_owe(struct outbox *outbox, const struct token *token, const char *const *ids, size_t id_count);
void outbox_tend(struct outbox *outbox);

#endif
