/* SPDX-License-Identifier: MIT */
/*
 * The cache as a whole: what it is made of, its start, its periodic duties and its end.
 *
 *   todo_read.c, list_read.c -- flight.c -- pool --> store    a read: how it hits, misses and fills
 *   change.c -- write.c -- fence, parted, outbox, drain.c     a write: how it deletes entries, twice
 *   doubt.c                                                   marks past their deadline, until the store tells
 *   shards.c, trust.c, record.c, beat.c, epoch.c, identity.c  trust: which Redis and store these are, which epoch
 *   claim.c, slots.c, grants.c                                which Redis of a cluster has which slots
 *   keys.c, entry.c, page.c, scripts.c, lifetime.c            what Redis holds, by which steps, and for how long
 *   cdn/, peers/                                              below this room: caches in front, other machines
 *   follow/, audit/                                           above this room: foreign writes, audits
 *
 * The invariant that all of it serves: an entry that exists equals the committed document, and no write to it is in
 * flight. It holds because (1) a reader fills only under a lease that it took before it read, and every write deletes
 * that lease; (2) a write marks its ids before it touches the store, and no reader gets a lease while a mark is there;
 * (3) a write deletes entry and lease again after the store has answered, and the outbox keeps what cannot be deleted
 * now.
 *
 * If Redis is away, frozen or unknown, there is no trust: reads go to the store, writes through the outbox.
 * doc/consistency.md says what is promised when, and which test shows it.
 */
#include "cache/cache.h"

#include <stdlib.h>

#include "base/mem.h"
#include "cache/cache_state.h"
#include "cache/doubt.h"
#include "cache/epoch.h"
#include "cache/flight.h"
#include "cache/home.h"
#include "cache/outbox.h"
#include "cache/scripts.h"
#include "cache/shards.h"
#include "cache/shared_fences.h"
#include "peers/peers.h"

static int64_t trusted_epoch(const void *ctx)
{
    const struct home home = home_of_list(ctx);
    return home_holds(&home) ? home.epoch : 0;
}

static struct redis *list_redis(const void *ctx)
{
    return home_of_list(ctx).redis;
}

static void peers_begin(struct cache *cache)
{
    cache->options.peers = peers_new(&(struct peers_options){.events = cache->options.events,
                                                             .settings = cache->options.settings,
                                                             .stats = cache->options.stats,
                                                             .redis = list_redis,
                                                             .cluster = shards_cluster(cache->shards),
                                                             .l1 = cache->options.l1,
                                                             .discard = script_discard(),
                                                             .epoch = trusted_epoch,
                                                             .ctx = cache});
}

enum status cache_new(struct cache **out, const struct cache_options *options, struct error *error)
{
    struct cache *cache = mem_zalloc(sizeof(*cache));
    cache->options = *options;
    struct purger_options purger_options = {
        .events = options->events,
        .settings = options->settings,
        .store = options->store,
        .pool = options->pool,
        .stats = options->stats,
        .http = options->http,
    };
    enum status status = purger_new(&cache->purger, &purger_options, error);
    cache->outbox = outbox_new(&cache->options);
    if (status == STATUS_OK)
        status = shards_new(&cache->shards, &cache->options, cache->outbox, error);
    if (status != STATUS_OK) {
        cache_free(cache);
        return status;
    }
    if (options->has_peers)
        peers_begin(cache);
    cache->doubt = doubt_new(&cache->options);
    cache->fences = shared_fences_new(options->events);
    *out = cache;
    return STATUS_OK;
}

void cache_free(struct cache *cache)
{
    if (!cache)
        return;
    bug_unless(!cache_is_reading(cache), "the cache is freed while a read is under way");
    shared_fences_free(cache->fences);
    shards_free(cache->shards);
    peers_free(cache->options.peers);
    doubt_free(cache->doubt);
    outbox_free(cache->outbox);
    purger_free(cache->purger);
    free(cache);
}

bool cache_is_reading(const struct cache *cache)
{
    return !flight_table_is_empty(cache);
}

bool cache_is_trusted(const struct cache *cache)
{
    return shards_trusted_count(cache->shards) > 0;
}

size_t cache_shard_count(const struct cache *cache)
{
    return shards_count(cache->shards);
}

size_t cache_trusted_count(const struct cache *cache)
{
    return shards_trusted_count(cache->shards);
}

size_t cache_missing_slots(const struct cache *cache)
{
    return shards_missing_slots(cache->shards);
}

bool cache_is_purging(const struct cache *cache)
{
    return cache->purger && purger_is_busy(cache->purger);
}

enum status cache_move_epoch(const struct cache *cache, int64_t *epoch, struct error *error)
{
    return epoch_move(cache->options.store, cache->options.settings, cache->purger, epoch, error);
}

void cache_tend(struct cache *cache)
{
    if (cache->purger)
        purger_tend(cache->purger);
    outbox_tend(cache->outbox);
    shards_tend(cache->shards);
}

uint32_t cache_outbox_waiting_s(const struct cache *cache)
{
    return outbox_waiting_s(cache->outbox);
}

size_t cache_purges_waiting(const struct cache *cache)
{
    return cache->purger ? purger_waiting_count(cache->purger) : 0;
}

void cache_note_write(struct cache *cache)
{
    home_note_write(cache);
}

bool cache_settle(struct cache *cache)
{
    struct peers *peers = cache->options.peers;
    bool has_left = !peers || peers_settle(peers);
    return shards_settle(cache->shards) && has_left;
}

void cache_watch_hits(struct cache *cache, cache_hit_fn on_hit, void *ctx)
{
    cache->on_hit = on_hit;
    cache->on_hit_ctx = ctx;
}

const struct cache_options *cache_options(const struct cache *cache)
{
    return &cache->options;
}

enum trust_lack cache_lack(const struct cache *cache, const char **reason)
{
    return shards_lack(cache->shards, reason);
}

const char *cache_lacking_primary(const struct cache *cache)
{
    return shards_lacking_primary(cache->shards);
}

struct cluster *cache_cluster(const struct cache *cache)
{
    return shards_cluster(cache->shards);
}

struct redis *cache_redis(const struct cache *cache)
{
    return home_of_list(cache).redis;
}

const struct purger *cache_purger(const struct cache *cache)
{
    return cache->purger;
}
