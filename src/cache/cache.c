/* SPDX-License-Identifier: MIT */
/*
 * The cache as a whole: what it is made of, its start, its periodic duties and its end.
 *
 *   cache_get   todo_read.c --+                        redis.c    the connection; sentinel.c
 *   cache_list  list_read.c --+-- flight.c -- pool --> store      scripts.c  the protocol's steps on Redis
 *   cache_write_run  write.c, fence.c                  keys.c, entry.c, page.c  what lies in Redis
 *   link.c  which Redis, which epoch, trusted or not   outbox.c   invalidations that Redis couldn't take
 *   follow.c  what others write to the store           auditor.c, audit.c  whether the invariant holds, measured
 *   purge.c, purge_record.c  caches in front           purge_target.c  in which words they are told
 *
 * The invariant that all of it serves: an entry that exists equals the committed document, and no write to it is in flight.
 * It holds because (1) a reader fills only under a lease taken before it read, which every write deletes; (2) a write
 * marks its ids before it touches the store, and nobody gets a lease while a mark is there; (3) a write deletes entry and
 * lease again after the store has answered, and what can't be deleted now is kept until it can.
 *
 * Redis away, frozen or unknown: trusted is false, reads go to the store, writes through the outbox. doc/consistency.md
 * says what is promised when, and which test shows it.
 */
#include "cache/cache.h"

#include <stdlib.h>

#include "base/mem.h"
#include "cache/auditor.h"
#include "cache/cache_state.h"
#include "cache/purge.h"

static void on_redis_up(void *ctx)
{
    struct cache *cache = ctx;
    link_on_up(cache->link);
}

static void on_redis_down(void *ctx)
{
    struct cache *cache = ctx;
    link_on_down(cache->link);
}

static struct redis_options redis_options_of(struct cache *cache)
{
    const struct settings *settings = cache->options.settings;
    return (struct redis_options){.events = cache->options.events,
                                  .stats = cache->options.stats,
                                  .address = settings->redis,
                                  .user = settings->redis_user,
                                  .password_file = settings->redis_password_file,
                                  .sentinel_user = settings->sentinel_user,
                                  .sentinel_password_file = settings->sentinel_password_file,
                                  .timeout_ms = (uint32_t)settings->redis_timeout_ms,
                                  .reconnect_max_ms = (uint32_t)settings->redis_reconnect_max_ms,
                                  .on_up = on_redis_up,
                                  .on_down = on_redis_down,
                                  .ctx = cache};
}

enum status cache_new(struct cache **out, const struct cache_options *options, struct error *error)
{
    struct cache *cache = mem_zalloc(sizeof(*cache));
    cache->options = *options;
    /* Twice a page's life, so that no page outlives its generation for want of readers. */
    cache->generation_ms = 2 * options->settings->list_ttl_s * 1000;
    cache->link = link_new(cache);
    cache->outbox = outbox_new(cache);
    cache->auditor = auditor_new(cache);
    if (options->follow_pool)
        cache->follow = follow_new(cache);
    struct redis_options redis_options = redis_options_of(cache);
    enum status status = purge_new(&cache->purge, cache, error);
    if (status == STATUS_OK)
        status = redis_new(&cache->redis, &redis_options, error);
    if (status != STATUS_OK) {
        cache_free(cache);
        return status;
    }
    *out = cache;
    return STATUS_OK;
}

void cache_free(struct cache *cache)
{
    if (!cache)
        return;
    bug_unless(!cache_is_reading(cache), "the cache is freed while a read is under way");
    redis_free(cache->redis);
    link_free(cache->link);
    outbox_free(cache->outbox);
    follow_free(cache->follow);
    auditor_free(cache->auditor);
    purge_free(cache->purge);
    free(cache);
}

bool cache_is_reading(const struct cache *cache)
{
    return !flight_table_is_empty(cache);
}

bool cache_is_trusted(const struct cache *cache)
{
    return cache->trusted;
}

bool cache_is_purging(const struct cache *cache)
{
    return cache->purge && purge_is_busy(cache->purge);
}

void cache_tend(struct cache *cache)
{
    if (cache->purge)
        purge_tend(cache->purge);
    outbox_tend(cache->outbox);
    link_tend(cache->link);
    if (cache->follow)
        follow_tend(cache->follow);
    auditor_tend(cache->auditor);
}

void cache_stop_following(struct cache *cache)
{
    if (cache->follow)
        follow_stop(cache->follow);
}

bool cache_is_following(const struct cache *cache)
{
    return cache->follow && !follow_is_idle(cache->follow);
}
