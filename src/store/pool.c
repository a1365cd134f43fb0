/* SPDX-License-Identifier: MIT */
/*
 * Blocking store calls on libuv's threads: a bounded first-in first-out queue, with a circuit breaker over it.
 *
 *   pool_run -> waiting -> (a slot is free, the breaker allows) -> uv_queue_work -> work -> done
 *                      \-> (queue full, or breaker open) -> turned away -> next turn of the loop -> done
 *
 * Why not libuv's own queue: it has no bound and also serves files and name look-ups. A slow store would starve those,
 * and no job could be turned away. At most `concurrency` jobs are with libuv at a time. Each holds a slot, which has
 * the uv_work_t that libuv needs; running a job therefore allocates nothing.
 *
 * The breaker is asked when a job would start, not when it is queued. When it opens, all waiting jobs are turned away
 * in the same turn. The one probe that it lets through is a job that really runs.
 *
 * Jobs that were turned away get their done from an idle handle, which libuv runs in its next turn; the handle also
 * keeps the loop from sleeping until then. So done never runs inside pool_run(), whose caller may still be setting up
 * its own struct.
 *
 * All state belongs to the loop's thread; the other threads see only the job of a slot. A job can't be cancelled: the
 * time limits of the store end it.
 */
#include "store/pool.h"

#include <stdlib.h>
#include <utlist.h>
#include <uv.h>

#include "base/breaker.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum {
    BREAKER_TRIP_COUNT = 5,
    BREAKER_OPEN_MS = 100,
    BREAKER_MAX_OPEN_MS = 250, /* so long the store may be back before a probe finds it */
};

struct job_list {
    struct pool_job *head;
    size_t count;
};

/* What libuv needs for one call that runs. */
struct slot {
    uv_work_t work;
    struct pool_job *job;
    struct slot *next; /* free */
};

struct pool {
    uv_loop_t *loop;
    uv_idle_t deliver; /* active while turned_away has jobs */
    struct stats *stats;
    uint32_t queue_max;
    struct breaker breaker;
    struct job_list waiting;
    struct job_list turned_away;
    size_t running_count;
    struct slot *free_slots;
    struct slot slots[];
};

static void job_list_push(struct job_list *list, struct pool_job *job)
{
    DL_APPEND(list->head, job);
    list->count++;
}

static struct pool_job *job_list_pop(struct job_list *list)
{
    struct pool_job *job = list->head;
    DL_DELETE(list->head, job);
    list->count--;
    return job;
}

/* Ends the jobs that were turned away before this turn. A job that done adds waits for the next turn. */
static void on_deliver(uv_idle_t *handle)
{
    struct pool *pool = handle->data;
    for (size_t rest = pool->turned_away.count; rest > 0; rest--) {
        struct pool_job *job = job_list_pop(&pool->turned_away);
        job->done(job, job->status, &job->error);
    }
    if (pool->turned_away.count == 0)
        uv_idle_stop(&pool->deliver);
}

static void job_turn_away(struct pool *pool, struct pool_job *job)
{
    job_list_push(&pool->turned_away, job);
    uv_idle_start(&pool->deliver, on_deliver);
}

static void job_refuse_busy(struct pool *pool, struct pool_job *job)
{
    if (pool->stats)
        stats_add(pool->stats, STAT_STORE_BUSY, 1);
    job->status = error_set(&job->error, STATUS_BUSY, "%zu store calls are waiting already; try again shortly",
                            pool->waiting.count);
    job_turn_away(pool, job);
}

static void job_refuse_open(struct pool *pool, struct pool_job *job)
{
    job->status = error_set(&job->error, STATUS_UNAVAILABLE,
                            "the store failed several times in a row; it is tried again in %u ms",
                            (unsigned)breaker_retry_after_ms(&pool->breaker, clock_monotonic_ms()));
    job_turn_away(pool, job);
}

/* Pool thread. */
static void on_work(uv_work_t *work)
{
    struct slot *slot = work->data;
    struct pool_job *job = slot->job;
    job->started_at_us = clock_monotonic_us();
    job->worked = true;
    job->status = job->work(job, &job->error);
    job->ended_at_us = clock_monotonic_us();
}

/* The breaker counts calls that could not be sent or got no answer. Any answer closes it. */
static void breaker_report(struct pool *pool, const struct pool_job *job)
{
    bool failed = job->status == STATUS_UNAVAILABLE || job->status == STATUS_UNKNOWN;
    bool changed = failed ? breaker_failure(&pool->breaker, clock_monotonic_ms()) : breaker_success(&pool->breaker);
    char text[256];
    if (changed && failed)
        log_warn(NULL, "store_away", "retry_ms=%u error=\"%s\"",
                 (unsigned)breaker_retry_after_ms(&pool->breaker, clock_monotonic_ms()),
                 log_value(text, sizeof(text), slice_of(job->error.text)));
    else if (changed)
        log_info(NULL, "store_back", "waiting=%zu", pool->waiting.count);
}

static void pool_dispatch(struct pool *pool);

static void on_worked(uv_work_t *work, int uv_status)
{
    bug_unless(uv_status == 0, "store calls are never cancelled");
    struct slot *slot = work->data;
    struct pool_job *job = slot->job;
    struct pool *pool = job->pool;
    slot->job = NULL;
    LL_PREPEND(pool->free_slots, slot);
    pool->running_count--;
    if (pool->stats) {
        stats_time(pool->stats, STAT_TIME_STORE_WAIT, job->started_at_us - job->queued_at_us);
        stats_time(pool->stats, STAT_TIME_STORE, job->ended_at_us - job->started_at_us);
    }
    breaker_report(pool, job);
    pool_dispatch(pool);
    /* Last: done may free the job, and its caller may free the pool from then on. */
    job->done(job, job->status, &job->error);
}

static void job_start(struct pool *pool, struct pool_job *job)
{
    struct slot *slot = pool->free_slots;
    LL_DELETE(pool->free_slots, slot);
    pool->running_count++;
    slot->job = job;
    int failed = uv_queue_work(pool->loop, &slot->work, on_work, on_worked);
    bug_unless(failed == 0, "uv_queue_work refuses nothing but a missing function");
}

/* Starts the jobs that may start. While the breaker is open, all waiting jobs are turned away, in their order. */
static void pool_dispatch(struct pool *pool)
{
    while (pool->waiting.count > 0)
        if (pool->free_slots && breaker_allows(&pool->breaker, clock_monotonic_ms()))
            job_start(pool, job_list_pop(&pool->waiting));
        else if (breaker_is_open(&pool->breaker))
            job_refuse_open(pool, job_list_pop(&pool->waiting));
        else
            return;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

struct pool *pool_new(const struct pool_options *options)
{
    bug_unless(options->concurrency > 0, "a pool runs one call at least");
    struct pool *pool = mem_zalloc(sizeof(*pool) + options->concurrency * sizeof(pool->slots[0]));
    pool->loop = options->loop;
    pool->stats = options->stats;
    pool->queue_max = options->queue_max;
    breaker_init(&pool->breaker, BREAKER_TRIP_COUNT, BREAKER_OPEN_MS, BREAKER_MAX_OPEN_MS);
    uv_idle_init(pool->loop, &pool->deliver);
    pool->deliver.data = pool;
    for (size_t i = 0; i < options->concurrency; i++) {
        struct slot *slot = &pool->slots[i];
        slot->work.data = slot;
        LL_PREPEND(pool->free_slots, slot);
    }
    return pool;
}

void pool_free(struct pool *pool)
{
    if (!pool)
        return;
    bug_unless(pool_busy_count(pool) == 0, "a pool was freed under its jobs");
    uv_close((uv_handle_t *)&pool->deliver, on_closed);
}

void pool_run(struct pool *pool, struct pool_job *job)
{
    job->pool = pool;
    job->worked = false;
    job->error = (struct error){0};
    job->queued_at_us = clock_monotonic_us();
    if (!pool->free_slots && pool->waiting.count >= pool->queue_max && !breaker_is_open(&pool->breaker)) {
        job_refuse_busy(pool, job);
        return;
    }
    job_list_push(&pool->waiting, job);
    pool_dispatch(pool);
}

size_t pool_busy_count(const struct pool *pool)
{
    return pool->running_count + pool->waiting.count + pool->turned_away.count;
}

bool pool_is_open(const struct pool *pool, uint32_t *retry_after_ms)
{
    const struct breaker *breaker = &pool->breaker;
    int64_t now = clock_monotonic_ms();
    *retry_after_ms = 0;
    /* After the pause a probe may go through: the caller should send it. */
    if (!breaker_is_open(breaker) || (!breaker->probing && now >= breaker->probe_at_ms))
        return true;
    *retry_after_ms = breaker_retry_after_ms(breaker, now);
    return false;
}
