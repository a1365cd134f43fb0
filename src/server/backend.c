/* SPDX-License-Identifier: MIT */
/*
 * The parts below the API, opened in the order in which they need each other and closed in the opposite one.
 *
 *   store -> L1 -> pool -> HTTP client, cache -> queue
 *
 * A worker and the tools fill in the same options from the same settings, so they do it here. To the cache's protocol a
 * tool is one more worker.
 *
 * The pool's lanes for reads and for writes have store_concurrency threads each: a store that refuses or delays the one
 * kind does not slow the other. Care has CARE_CALLS more. Four kinds of care write to the store, and so may wait for a
 * lock: the outbox's drain, its debts, the barrier (cache/doubt.c), and the removal of purges' records. A worker makes
 * one call of each at a time, so a look at the epoch and a question about readiness find a thread in any case.
 *
 * A process opens the L1's file before its first call of the store, for it must tell the others of its writes there.
 * While it can't (the database's folder is not mounted yet, or not ours), the store counts as away.
 *
 * The follower has a pool and a thread of its own: its calls wait for changes, and would delay other calls.
 *
 * Does not: make the loop, or wait until nothing is under way. A worker and a tool end in different ways.
 */
#include "server/backend.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "audit/auditor.h"
#include "audit/census.h"
#include "base/hash.h"
#include "base/log.h"
#include "cache/cache.h"
#include "cache/l1_entry.h"
#include "follow/follow.h"
#include "l1/file.h"
#include "server/http_client.h"
#include "store/pool.h"
#include "store/store.h"

enum { CARE_CALLS = 6, CARE_QUEUE_MAX = 100 };

static unsigned store_thread_count(const struct settings *settings, bool follow)
{
    return 2 * (unsigned)settings->store_concurrency + CARE_CALLS + (follow ? 1 : 0);
}

unsigned backend_thread_count(const struct settings *settings, bool follow)
{
    return store_thread_count(settings, follow) + journal_thread_count(settings);
}

static enum status backend_open_store(struct backend *backend, const struct backend_options *options,
                                      struct error *error)
{
    const struct settings *settings = options->settings;
    struct store_options store_options = {
        .uri = settings->store,
        .timeout_ms = (uint32_t)settings->store_timeout_ms,
        /* Clients of the store: one per thread, and one more that the follower's stream keeps. */
        .concurrency = store_thread_count(settings, options->follow) + (options->follow ? 1 : 0),
    };
    return store_open(&backend->store, &store_options, error);
}

/* Not SQLite: its users share the table beside the database, and so are one machine. */
static bool store_has_machines(const struct settings *settings)
{
    return strncmp(settings->store, "sqlite:", sizeof("sqlite:") - 1) != 0;
}

/*
 * In memory, one for each user of the machine and store. A process that can't have it is of no machine: its reads pass
 * it by, and its writes are told to all (peers/peers.h).
 */
static struct l1_table *l1_open_shared(const struct settings *settings)
{
    char path[64];
    struct error error;
    snprintf(path, sizeof(path), "/dev/shm/todo-fcgi-%u-%016llx", (unsigned)geteuid(),
             (unsigned long long)hash_bytes(slice_of(settings->store)));
    struct l1_table *l1 = l1_new(&(struct l1_options){
        .path = path, .needs_licence = true, .format = l1_entry_format(), .mbytes = (size_t)settings->l1_mbytes});
    if (l1_open(l1, &error) == STATUS_OK)
        return l1;
    log_warn(NULL, "l1_off", "error=\"%s\"", error.text);
    l1_free(l1);
    return NULL;
}

/*
 * With SQLite all workers and tools are on one machine, and share an L1 beside the database. There is one even if
 * l1_mbytes is 0: whoever writes must raise the generations of the others.
 */
static void backend_make_l1(struct backend *backend, const struct settings *settings)
{
    if (!store_has_machines(settings))
        backend->l1 = l1_new(&(struct l1_options){.database = settings->store + sizeof("sqlite:") - 1,
                                                  .format = l1_entry_format(),
                                                  .mbytes = (size_t)settings->l1_mbytes});
    else if (settings->l1_mbytes > 0)
        backend->l1 = l1_open_shared(settings);
}

/* pool thread: no call of the store without the L1. */
static enum status on_call(void *l1, struct error *error)
{
    return l1 ? l1_open(l1, error) : STATUS_OK;
}

static void backend_open_pools(struct backend *backend, const struct backend_options *options)
{
    const struct settings *settings = options->settings;
    const struct pool_lane_options clients = {
        .concurrency = (uint32_t)settings->store_concurrency,
        .queue_max = (uint32_t)settings->store_queue,
    };
    const struct pool_lane_options groups = {
        .concurrency = 1, .queue_max = clients.queue_max, .grouped = backend->store};
    struct pool_options pool_options = {
        .loop = loop_uv(options->loop),
        .before = on_call,
        .before_ctx = backend->l1,
        .lanes = {[POOL_READ] = clients,
                  [POOL_WRITE] = store_has_groups(backend->store) ? groups : clients,
                  [POOL_CARE] = {CARE_CALLS, CARE_QUEUE_MAX}},
        .stats = options->stats,
    };
    struct pool_options follow_options = {.loop = loop_uv(options->loop), .lanes = {[POOL_CARE] = {.concurrency = 1}}};
    backend->pool = pool_new(&pool_options);
    if (options->follow)
        backend->follow_pool = pool_new(&follow_options);
}

static enum status backend_open_cache(struct backend *backend, const struct backend_options *options,
                                      struct error *error)
{
    struct cache_options cache_options = {
        .events = loop_events(options->loop),
        .settings = options->settings,
        .store = backend->store,
        .pool = backend->pool,
        .stats = options->stats,
        .trail = options->trail,
        .l1 = backend->l1,
        .has_peers = store_has_machines(options->settings),
        .http = http_client_http(backend->http_client),
        .on_wrong = options->on_wrong,
        .ctx = options->ctx,
    };
    enum status status = cache_new(&backend->cache, &cache_options, error);
    if (status == STATUS_OK && backend->follow_pool)
        backend->follow = follow_new(backend->cache, backend->follow_pool);
    if (status == STATUS_OK && options->board)
        backend->census = census_taker_new(backend->cache, options->board);
    if (status == STATUS_OK && options->audit)
        backend->auditor = auditor_new(backend->cache);
    return status;
}

/* Clients' writes have half of their lane to themselves. In groups they wait for no batch. */
static size_t turn_count(const struct store *store, const struct settings *settings)
{
    return store_has_groups(store) ? QUEUE_SHARDS : (size_t)(settings->store_concurrency + 1) / 2;
}

static enum status backend_open_queue(struct backend *backend, const struct backend_options *options,
                                      struct error *error)
{
    struct queue_options queue_options = {
        .events = loop_events(options->loop),
        .settings = options->settings,
        .cache = backend->cache,
        .store = backend->store,
        .pool = backend->pool,
        .turn_count = turn_count(backend->store, options->settings),
        .stats = options->stats,
        .loop = loop_uv(options->loop),
        .board = options->queue_board,
        .on_wrong = options->on_wrong,
        .ctx = options->ctx,
    };
    return options->queue ? queue_new(&backend->queue, &queue_options, error) : STATUS_OK;
}

enum status backend_open(struct backend *backend, const struct backend_options *options, struct error *error)
{
    backend->on_wrong = options->on_wrong;
    backend->ctx = options->ctx;
    enum status status = backend_open_store(backend, options, error);
    if (status != STATUS_OK)
        return status;
    backend_make_l1(backend, options->settings);
    backend_open_pools(backend, options);
    status = http_client_new(&backend->http_client, options->settings, loop_events(options->loop), error);
    if (status == STATUS_OK)
        status = backend_open_cache(backend, options, error);
    return status == STATUS_OK ? backend_open_queue(backend, options, error) : status;
}

void backend_tend(struct backend *backend)
{
    cache_tend(backend->cache);
    if (backend->follow)
        follow_tend(backend->follow);
    if (backend->census)
        census_taker_tend(backend->census);
    if (backend->auditor)
        auditor_tend(backend->auditor);
    if (backend->queue)
        queue_tend(backend->queue);
}

void backend_stop(struct backend *backend)
{
    if (backend->follow)
        follow_stop(backend->follow);
    if (backend->queue)
        queue_stop(backend->queue);
}

bool backend_is_following(const struct backend *backend)
{
    return backend->follow && !follow_is_idle(backend->follow);
}

bool backend_is_applying(const struct backend *backend)
{
    return backend->queue && !queue_is_idle(backend->queue);
}

bool backend_is_idle(const struct backend *backend)
{
    const struct cache *cache = backend->cache;
    return pool_busy_count(backend->pool) == 0 && !cache_is_reading(cache) && !cache_is_purging(cache) &&
           !backend_is_following(backend) && !backend_is_applying(backend);
}

void backend_close(struct backend *backend)
{
    queue_free(backend->queue);             /* asks the cache to its end */
    http_client_free(backend->http_client); /* ends the cache's calls, so it goes before the cache */
    cache_free(backend->cache);
    follow_free(backend->follow); /* after the cache, whose last callbacks may be these three's */
    auditor_free(backend->auditor);
    census_taker_free(backend->census);
    pool_free(backend->follow_pool);
    pool_free(backend->pool);
    l1_free(backend->l1);
    store_close(backend->store);
}
