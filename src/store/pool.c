/* SPDX-License-Identifier: MIT */
/*
 * Blocking store calls on libuv's threads: lanes, each a bounded first-in first-out queue with a circuit breaker.
 *
 *   pool_run -> its lane's queue -> (a slot is free, the breaker allows) -> uv_queue_work -> work -> done
 *                              \-> (queue full, or breaker open) -> turned away -> next turn of the loop -> done
 *
 * Why lanes: a write may wait for a lock that another process holds, and reads don't need that lock. In one queue, ten
 * such writes would take all threads, and their timeouts would open the breaker for reads too. Looks at the epoch and
 * drains are few, but trust in the whole cache depends on them, so they wait neither for reads nor for writes. A lane
 * never lends a slot: a lane that has lent its slots would wait for the borrower.
 *
 * Why not libuv's own queue: it has no bound and also serves files and name look-ups. A slow store would starve those,
 * and no job could be turned away. At most `concurrency` jobs of a lane are with libuv at a time. Each holds a slot,
 * which has the uv_work_t that libuv needs; running a job therefore allocates nothing. libuv has a thread for each slot
 * of all lanes.
 *
 * A breaker is asked when a job would start, not when it is queued. When it opens, all waiting jobs of its lane are
 * turned away in the same turn. The one probe that it lets through is a job that really runs.
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

static const struct {
    const char *name;
    enum stat_counter busy, away;
} KINDS[POOL_LANE_COUNT] = {
    [POOL_READ] = {"read", STAT_STORE_BUSY_READ, STAT_STORE_AWAY_READ},
    [POOL_WRITE] = {"write", STAT_STORE_BUSY_WRITE, STAT_STORE_AWAY_WRITE},
    [POOL_CARE] = {"care", STAT_STORE_BUSY_CARE, STAT_STORE_AWAY_CARE},
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

struct lane {
    uint32_t queue_max;
    struct breaker breaker;
    struct error last; /* of the calls that failed */
    struct job_list waiting;
    size_t running_count;
    struct slot *free_slots;
};

struct pool {
    uv_loop_t *loop;
    pool_before_fn before;
    void *before_ctx;
    uv_idle_t deliver; /* active while turned_away has jobs */
    struct stats *stats;
    struct job_list turned_away; /* of all lanes */
    struct lane lanes[POOL_LANE_COUNT];
    struct slot slots[]; /* each is one lane's for ever */
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

static void pool_count(const struct pool *pool, enum stat_counter stat)
{
    if (pool->stats)
        stats_add(pool->stats, stat, 1);
}

static void job_refuse_busy(struct pool *pool, struct pool_job *job)
{
    pool_count(pool, KINDS[job->lane].busy);
    job->status = error_set(&job->error, STATUS_BUSY, "%zu store calls (%s) are waiting already; try again shortly",
                            pool->lanes[job->lane].waiting.count, KINDS[job->lane].name);
    job_turn_away(pool, job);
}

static void job_refuse_open(struct pool *pool, struct pool_job *job)
{
    const struct lane *lane = &pool->lanes[job->lane];
    pool_count(pool, KINDS[job->lane].away);
    error_set(&job->error, STATUS_UNAVAILABLE, "several calls in a row (%s) have failed, tried again in %u ms: %s",
              KINDS[job->lane].name, (unsigned)breaker_retry_after_ms(&lane->breaker, clock_monotonic_ms()),
              lane->last.text);
    job->status = error_because(&job->error, lane->last.cause, STATUS_UNAVAILABLE);
    job_turn_away(pool, job);
}

/* Pool thread. */
static void on_work(uv_work_t *work)
{
    struct slot *slot = work->data;
    struct pool_job *job = slot->job;
    const struct pool *pool = job->pool;
    job->started_at_us = clock_monotonic_us();
    job->worked = true;
    job->status = pool->before ? pool->before(pool->before_ctx, &job->error) : STATUS_OK;
    if (job->status == STATUS_OK)
        job->status = job->work(job, &job->error);
    job->ended_at_us = clock_monotonic_us();
}

/* The breaker counts calls that could not be sent or got no answer. Any answer closes it. */
static void breaker_report(struct lane *lane, const struct pool_job *job)
{
    bool failed = job->status == STATUS_UNAVAILABLE || job->status == STATUS_UNKNOWN;
    if (failed)
        lane->last = job->error;
    bool changed = failed ? breaker_failure(&lane->breaker, clock_monotonic_ms()) : breaker_success(&lane->breaker);
    if (changed && failed)
        log_warn(NULL, "store_away", "lane=%s retry_ms=%u error=\"%s\"", KINDS[job->lane].name,
                 (unsigned)breaker_retry_after_ms(&lane->breaker, clock_monotonic_ms()), job->error.text);
    else if (changed)
        log_info(NULL, "store_back", "lane=%s waiting=%zu", KINDS[job->lane].name, lane->waiting.count);
}

static void lane_dispatch(struct pool *pool, struct lane *lane);

static void on_worked(uv_work_t *work, int uv_status)
{
    bug_unless(uv_status == 0, "store calls are never cancelled");
    struct slot *slot = work->data;
    struct pool_job *job = slot->job;
    struct pool *pool = job->pool;
    struct lane *lane = &pool->lanes[job->lane];
    slot->job = NULL;
    LL_PREPEND(lane->free_slots, slot);
    lane->running_count--;
    if (pool->stats) {
        stats_time(pool->stats, STAT_TIME_STORE_WAIT, job->started_at_us - job->queued_at_us);
        stats_time(pool->stats, STAT_TIME_STORE, job->ended_at_us - job->started_at_us);
    }
    breaker_report(lane, job);
    lane_dispatch(pool, lane);
    /* Last: done may free the job, and its caller may free the pool from then on. */
    job->done(job, job->status, &job->error);
}

static void job_start(struct pool *pool, struct lane *lane, struct pool_job *job)
{
    struct slot *slot = lane->free_slots;
    LL_DELETE(lane->free_slots, slot);
    lane->running_count++;
    slot->job = job;
    int failed = uv_queue_work(pool->loop, &slot->work, on_work, on_worked);
    bug_unless(failed == 0, "uv_queue_work refuses nothing but a missing function");
}

/* Starts the jobs that may start. While the breaker is open, all waiting jobs are turned away, in their order. */
static void lane_dispatch(struct pool *pool, struct lane *lane)
{
    while (lane->waiting.count > 0)
        if (lane->free_slots && breaker_allows(&lane->breaker, clock_monotonic_ms()))
            job_start(pool, lane, job_list_pop(&lane->waiting));
        else if (breaker_is_open(&lane->breaker))
            job_refuse_open(pool, job_list_pop(&lane->waiting));
        else
            return;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static size_t slot_count(const struct pool_options *options)
{
    size_t count = 0;
    for (size_t i = 0; i < POOL_LANE_COUNT; i++)
        count += options->lanes[i].concurrency;
    return count;
}

static void lane_init(struct lane *lane, const struct pool_lane_options *options, struct slot *slots)
{
    lane->queue_max = options->queue_max;
    breaker_init(&lane->breaker, BREAKER_TRIP_COUNT, BREAKER_OPEN_MS, BREAKER_MAX_OPEN_MS);
    for (size_t i = 0; i < options->concurrency; i++) {
        slots[i].work.data = &slots[i];
        LL_PREPEND(lane->free_slots, &slots[i]);
    }
}

struct pool *pool_new(const struct pool_options *options)
{
    struct pool *pool = mem_zalloc(sizeof(*pool) + slot_count(options) * sizeof(pool->slots[0]));
    struct slot *slots = pool->slots;
    pool->loop = options->loop;
    pool->before = options->before;
    pool->before_ctx = options->before_ctx;
    pool->stats = options->stats;
    uv_idle_init(pool->loop, &pool->deliver);
    pool->deliver.data = pool;
    for (enum pool_lane kind = POOL_READ; kind < POOL_LANE_COUNT; kind++) {
        lane_init(&pool->lanes[kind], &options->lanes[kind], slots);
        slots += options->lanes[kind].concurrency;
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
    struct lane *lane = &pool->lanes[job->lane];
    bug_unless(lane->free_slots || lane->running_count > 0, "a store call in a lane that the pool doesn't have");
    job->pool = pool;
    job->worked = false;
    job->error = (struct error){0};
    job->queued_at_us = clock_monotonic_us();
    if (!lane->free_slots && lane->waiting.count >= lane->queue_max && !breaker_is_open(&lane->breaker)) {
        job_refuse_busy(pool, job);
        return;
    }
    job_list_push(&lane->waiting, job);
    lane_dispatch(pool, lane);
}

size_t pool_busy_count(const struct pool *pool)
{
    size_t count = pool->turned_away.count;
    for (size_t i = 0; i < POOL_LANE_COUNT; i++)
        count += pool->lanes[i].running_count + pool->lanes[i].waiting.count;
    return count;
}

bool pool_is_open(const struct pool *pool, enum pool_lane lane, uint32_t *retry_after_ms)
{
    const struct breaker *breaker = &pool->lanes[lane].breaker;
    int64_t now = clock_monotonic_ms();
    *retry_after_ms = 0;
    /* After the pause a probe may go through: the caller should send it. */
    if (!breaker_is_open(breaker) || (!breaker->probing && now >= breaker->probe_at_ms))
        return true;
    *retry_after_ms = breaker_retry_after_ms(breaker, now);
    return false;
}

const char *pool_lane_name(enum pool_lane lane)
{
    return KINDS[lane].name;
}
