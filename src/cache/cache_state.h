/* SPDX-License-Identifier: MIT */
/*
 * What the cache is made of. Each part keeps its own state behind its own header; this struct only tells where the
 * parts are.
 */
#ifndef CACHE_CACHE_STATE_H
#define CACHE_CACHE_STATE_H

#include <stdbool.h>

#include "cache/options.h"

struct cache_list;
struct doubt;
struct shared_fences;
struct flight_state;
struct outbox;
struct purger;
struct shards;

struct cache {
    struct cache_options options;
    struct shards *shards;        /* shards.c: the Redises that hold entries */
    struct outbox *outbox;        /* outbox.c: invalidations that Redis could not take */
    struct shared_fences *fences; /* shared_fences.c: calls that writes of one turn share */
    struct doubt *doubt;          /* doubt.c: marks past their deadline */
    struct purger *purger;        /* cdn/: caches in front; NULL: there are none */
    struct flight_state *flights; /* flight.c: by name */
    struct cache_list *asking;    /* list_read.c: readers that have asked Redis for a page */
    cache_hit_fn on_hit;          /* NULL: there is no auditor */
    void *on_hit_ctx;
};

static inline void cache_count(struct cache *cache, enum stat_counter stat)
{
    stats_add(cache->options.stats, stat, 1);
}

#endif
