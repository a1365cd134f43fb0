/* SPDX-License-Identifier: MIT */
/*
 * The cache-aside service: todos and pages of todos from Redis if it has them, from the store otherwise, and writes
 * that leave no entry stale. Handlers and the loader reach todos through this door alone.
 *
 * The promise, the protocol and its proof: doc/consistency.md. In short, an entry that exists equals the committed
 * document, and no write to it is in flight. The calls are in the headers below:
 *
 *   cache_get()     todo_read.h      cache_insert(), cache_change()   change.h
 *   cache_list()    list_read.h      cache_write_run()                write.h
 *
 * context   loop only, never blocks
 * outcomes  a function that starts something returns void; its callback comes once, later, on the loop
 */
#ifndef CACHE_CACHE_H
#define CACHE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "cache/change.h"
#include "cache/home.h"
#include "cache/list_read.h"
#include "cache/options.h"
#include "cache/todo_read.h"
#include "cache/write.h"
#include "cdn/purger.h"

/*
 * Starts to connect to Redis; works without it from the first moment. STATUS_INVALID: the redis setting, or purge_url.
 */
enum status cache_new(struct cache **cache, const struct cache_options *options, struct error *error) STATUS_MUST_CHECK;

/* When no read or write is under way; NULL is fine. */
void cache_free(struct cache *cache);

/* Whether a read is under way; a refresh is a read that goes on after its reader has its answer. */
bool cache_is_reading(const struct cache *cache);

/* Whether Redis answers and is known to hold this epoch's entries, so that reads may believe it; of a cluster, any. */
bool cache_is_trusted(const struct cache *cache);

/* Why not: trust_lack() of this cache. */
enum trust_lack cache_lack(const struct cache *cache, const char **reason);

/* In a cluster: the address of the primary that is meant; "": none, or there is one Redis. */
const char *cache_lacking_primary(const struct cache *cache);

/* Redises that hold entries: one, or the known primaries of a cluster. And how many of them are trusted. */
size_t cache_shard_count(const struct cache *cache);
size_t cache_trusted_count(const struct cache *cache);

/* Of a cluster: slots for which none is. */
size_t cache_missing_slots(const struct cache *cache);

/* Whether caches in front that answer have still to be told of a write. */
bool cache_is_purging(const struct cache *cache);

/* epoch_move() of this cache: all entries, pages and caches in front. context  pool thread, may block */
enum status cache_move_epoch(const struct cache *cache, int64_t *epoch, struct error *error) STATUS_MUST_CHECK;

/* Periodic duty, once a second: epoch, outbox, purges. Bounded work; it goes on in the background. */
void cache_tend(struct cache *cache);

/* What waits: for how long invalidations have (outbox_waiting_s()), and how many purges do. */
uint32_t cache_outbox_waiting_s(const struct cache *cache);
size_t cache_purges_waiting(const struct cache *cache);

/* Others' writes were taken to Redis. */
void cache_note_write(struct cache *cache);

/* Before the end, when nothing is under way: trust_settle() of this cache. */
bool cache_settle(struct cache *cache);

/* From now on on_hit is told of each hit on a todo, before its answer; NULL: no longer. It must be cheap. */
void cache_watch_hits(struct cache *cache, cache_hit_fn on_hit, void *ctx);

/*
 * What others work with that stand on the cache (audit/, follow/) or share its Redis (clients/); borrowed for the
 * cache's life. Where entries are: home.h.
 */
const struct cache_options *cache_options(const struct cache *cache);
struct redis *cache_redis(const struct cache *cache);         /* unused in a cluster */
struct cluster *cache_cluster(const struct cache *cache);     /* NULL: there is one Redis */
const struct purger *cache_purger(const struct cache *cache); /* NULL: there are no caches in front */

#endif
