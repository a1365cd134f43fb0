/* SPDX-License-Identifier: MIT */
/*
 * How a load leaves no stale entry in the cache.
 *
 *   guard_start  -> prepare the store -> wait for Redis --trusted--> done: fenced
 *                                             '--not within 1 s--> move the epoch -> done: not fenced
 *   guard_finish -> [not fenced: move the epoch] -> done
 *
 * With Redis, each batch is fenced like any other write, and readers never see a stale row. If Redis is lost during the
 * load, the load pauses for up to PATIENCE_MS. Then it continues, and the cache records the fences in the store's
 * outbox, which is as safe but several times slower.
 *
 * Of a cluster all primaries are waited for in the same way: most batches have ids of each, and go to the outbox as a
 * whole while one is away. But one that may be trusted is enough to begin: to give up all entries would cost more.
 *
 * Without Redis (this machine may not reach the Redis that workers use) entries become stale without notice. So all of
 * them are given up, not one by one. The store holds the epoch that is part of every key (cache/cache.h), and every
 * worker reads it once a second. Within a second after the move no worker reads an older entry. The epoch moves twice:
 * at the start, so that few stale entries remain if the load is killed, and at the end, so that no entry remains that
 * was filled meanwhile. In between, and for the last second, readers may get the state before the load. If Redis comes
 * up during the load, nothing changes.
 *
 * With on_cache_down = refuse a load without Redis is refused, as any other write is.
 *
 * Caches in front of the service (purge_url) are purged for each batch by its own write. Without fences they are purged
 * as a whole at both moves: the workers send the record of it when all of them have read the new epoch.
 */
#include "load/guard.h"

#include <stdlib.h>

#include "base/container.h"
#include "base/mem.h"

enum {
    CACHE_WAIT_MS = 1000,
    CACHE_LOOK_MS = 20,
    TEND_MS = 1000,      /* as often as cache_tend() wants it */
    PATIENCE_MS = 10000, /* how long writes wait for a Redis that was lost */
};

enum guard_kind { GUARD_NONE, GUARD_FENCES, GUARD_EPOCH };

struct guard {
    struct guard_options options;
    enum guard_kind kind;
    struct pool_job job;
    struct timer *wait; /* until Redis is trusted, or for the answer's own turn */
    struct timer *tend;
    int64_t wait_end_at_ms;
    int64_t distrusted_at_ms; /* since when Redis, or a part of it, can't be trusted; 0: all can */
    guard_done_cb done;
    void *ctx;
};

static struct guard *guard_of_job(struct pool_job *job)
{
    return container_of(job, struct guard, job);
}

static void guard_answer(struct guard *guard, enum status status, const struct error *error)
{
    guard->done(guard->ctx, status, error);
}

static void guard_run_job(struct guard *guard, pool_work_fn work, pool_done_cb done)
{
    guard->job = (struct pool_job){.lane = POOL_CARE, .work = work, .done = done};
    pool_run(guard->options.pool, &guard->job);
}

static void guard_on_tend(void *ctx)
{
    struct guard *guard = ctx;
    cache_tend(guard->options.cache);
    guard->options.events->timer_start(guard->tend, TEND_MS);
}

/* Pool thread. */
static enum status guard_work_epoch(struct pool_job *job, struct error *error)
{
    int64_t epoch;
    return cache_move_epoch(guard_of_job(job)->options.cache, &epoch, error);
}

static void guard_on_epoch(struct pool_job *job, enum status status, const struct error *error)
{
    struct guard *guard = guard_of_job(job);
    guard->kind = status == STATUS_OK ? GUARD_EPOCH : GUARD_NONE;
    guard_answer(guard, status, error);
}

static void guard_without_cache(struct guard *guard)
{
    if (guard->options.cache_required) {
        struct error error;
        enum status status =
            error_set(&error, STATUS_UNAVAILABLE,
                      "Redis can't be reached or trusted, and on_cache_down is refuse: nothing is written");
        guard_answer(guard, status, &error);
        return;
    }
    progress_say(guard->options.progress,
                 "Redis can't be reached or trusted: all its entries are invalidated, at the start and at the end");
    guard_run_job(guard, guard_work_epoch, guard_on_epoch);
}

/* One Redis, or all of a cluster. */
static bool guard_trusts_all(const struct guard *guard)
{
    const char *reason;
    return cache_lack(guard->options.cache, &reason) == TRUST_LACKS_NOTHING;
}

static void guard_on_wait(void *ctx)
{
    struct guard *guard = ctx;
    const struct events *events = guard->options.events;
    static const struct error no_error;
    bool is_over = events_now_ms(events) >= guard->wait_end_at_ms;
    if (!guard->options.cache) {
        guard_answer(guard, STATUS_OK, &no_error);
    } else if (guard_trusts_all(guard) || (is_over && cache_is_trusted(guard->options.cache))) {
        guard->kind = GUARD_FENCES;
        guard_answer(guard, STATUS_OK, &no_error);
    } else if (is_over) {
        guard_without_cache(guard);
    } else {
        events->timer_start(guard->wait, CACHE_LOOK_MS);
    }
}

static enum status guard_work_prepare(struct pool_job *job, struct error *error)
{
    return store_prepare(guard_of_job(job)->options.store, error);
}

static void guard_on_prepared(struct pool_job *job, enum status status, const struct error *error)
{
    struct guard *guard = guard_of_job(job);
    const struct events *events = guard->options.events;
    if (status != STATUS_OK) {
        guard_answer(guard, status, error);
        return;
    }
    guard->wait_end_at_ms = events_now_ms(events) + CACHE_WAIT_MS;
    guard_on_tend(guard);
    events->timer_start(guard->wait, 0);
}

/* The last batches are due a beat of the store. */
static void guard_on_finished(void *ctx)
{
    static const struct error no_error;
    struct guard *guard = ctx;
    if (!guard->options.cache || cache_settle(guard->options.cache))
        guard_answer(guard, STATUS_OK, &no_error);
    else
        guard->options.events->timer_start(guard->wait, CACHE_LOOK_MS);
}

struct guard *guard_new(const struct guard_options *options)
{
    struct guard *guard = mem_zalloc(sizeof(*guard));
    guard->options = *options;
    guard->tend = options->events->timer_new(options->events->loop, guard_on_tend, guard);
    return guard;
}

void guard_free(struct guard *guard)
{
    if (!guard)
        return;
    guard->options.events->timer_free(guard->wait);
    guard->options.events->timer_free(guard->tend);
    free(guard);
}

void guard_start(struct guard *guard, guard_done_cb done, void *ctx)
{
    const struct events *events = guard->options.events;
    guard->done = done;
    guard->ctx = ctx;
    guard->wait = events->timer_new(events->loop, guard_on_wait, guard);
    if (guard->options.cache)
        guard_run_job(guard, guard_work_prepare, guard_on_prepared);
    else
        events->timer_start(guard->wait, 0);
}

bool guard_is_fenced(const struct guard *guard)
{
    return guard->kind == GUARD_FENCES;
}

bool guard_allows_write(struct guard *guard)
{
    if (guard->kind != GUARD_FENCES)
        return true;
    int64_t now_ms = events_now_ms(guard->options.events);
    if (guard_trusts_all(guard)) {
        guard->distrusted_at_ms = 0;
        return true;
    }
    if (guard->distrusted_at_ms == 0)
        guard->distrusted_at_ms = now_ms;
    return now_ms - guard->distrusted_at_ms >= PATIENCE_MS;
}

void guard_finish(struct guard *guard, guard_done_cb done, void *ctx)
{
    const struct events *events = guard->options.events;
    guard->done = done;
    guard->ctx = ctx;
    events->timer_stop(guard->tend);
    if (guard->kind == GUARD_EPOCH) {
        guard_run_job(guard, guard_work_epoch, guard_on_epoch);
        return;
    }
    events->timer_free(guard->wait);
    guard->wait = events->timer_new(events->loop, guard_on_finished, guard);
    events->timer_start(guard->wait, 0);
}
