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
 * In a lane with groups, a thread waits until no other process writes, and takes all jobs that have come meanwhile. The
 * longer writers wait for each other, the larger their groups are. A job alone in the lane waits for no other.
 *
 * Jobs that were turned away get their done from an idle handle, which libuv runs in its next turn; the handle also
 * keeps the loop from sleeping until then. So done never runs inside pool_run(), whose caller may still be setting up
 * its own struct.
 *
 * All state belongs to the loop's thread; other threads see only the jobs of a slot, and those in the queue of a lane
 * with groups, under its mutex. A job can't be cancelled: the time limits of the store end it.
 */
#include "store/pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <utlist.h>
#include <uv.h>

#include "base/breaker.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/mem.h"

enum {
    BREAKER_TRIP_COUNT = 5,
    BREAKER_OPEN_MS = 100,
    BREAKER_MAX_OPEN_MS = 250, /* so long the store may be back before a probe finds it */
    GROUP_MAX = 64,            /* jobs */
    GROUP_MAX_US = 10000,      /* from then on it takes no more, as others want to write, too */
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

/* What libuv needs for one call or group that runs. */
struct slot {
    uv_work_t work;
    struct lane *lane;
    struct job_list jobs; /* one, or the group: its leader first */
    struct slot *next;    /* free */
};

struct lane {
    struct pool *pool;
    uint32_t queue_max;
    struct store *grouped;
    struct breaker breaker;
    struct error last;     /* of the calls that failed */
    pthread_mutex_t queue; /* guards waiting: a group's thread takes jobs, too */
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
    size_t busy_count;           /* jobs whose done has not been called */
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
    if (!job)
        return NULL;
    DL_DELETE(list->head, job);
    list->count--;
    return job;
}

static void lane_push(struct lane *lane, struct pool_job *job)
{
    pthread_mutex_lock(&lane->queue);
    job_list_push(&lane->waiting, job);
    pthread_mutex_unlock(&lane->queue);
}

/* NULL: no job waits. */
static struct pool_job *lane_pop(struct lane *lane)
{
    pthread_mutex_lock(&lane->queue);
    struct pool_job *job = job_list_pop(&lane->waiting);
    pthread_mutex_unlock(&lane->queue);
    return job;
}

static size_t lane_waiting_count(struct lane *lane)
{
    pthread_mutex_lock(&lane->queue);
    size_t count = lane->waiting.count;
    pthread_mutex_unlock(&lane->queue);
    return count;
}

/* done may free the job. */
static void job_end(struct pool_job *job)
{
    job->pool->busy_count--;
    job->done(job, job->status, &job->error);
}

/* Ends the jobs that were turned away before this turn. A job that done adds waits for the next turn. */
static void on_deliver(uv_idle_t *handle)
{
    struct pool *pool = handle->data;
    for (size_t rest = pool->turned_away.count; rest > 0; rest--)
        job_end(job_list_pop(&pool->turned_away));
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
                            lane_waiting_count(&pool->lanes[job->lane]), KINDS[job->lane].name);
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

/* ---- Pool threads ---- */

static enum status job_before(struct pool_job *job)
{
    const struct pool *pool = job->pool;
    return pool->before ? pool->before(pool->before_ctx, &job->error) : STATUS_OK;
}

static void job_work(struct pool_job *job)
{
    job->started_at_us = clock_monotonic_us();
    job->worked = true;
    job->status = job_before(job);
    if (job->status == STATUS_OK)
        job->status = job->work(job, &job->error);
    job->ended_at_us = clock_monotonic_us();
}

/* The jobs that have come while the leader waited for other writers are part of its group. */
static void group_fill(struct slot *slot)
{
    for (struct pool_job *leader = slot->jobs.head, *job = leader; job;) {
        job_work(job);
        bool is_full = slot->jobs.count >= GROUP_MAX || job->ended_at_us - leader->started_at_us >= GROUP_MAX_US;
        job = is_full ? NULL : lane_pop(slot->lane);
        if (job)
            job_list_push(&slot->jobs, job);
    }
}

/* What a job has returned holds only if its group is committed: a refusal may be due to another job of the group. */
static void commit_work(struct slot *slot)
{
    struct error error = {0};
    struct pool_job *job;
    failpoint_pass(FAILPOINT_GROUP_BEFORE_COMMIT);
    enum status status = store_group_end(slot->lane->grouped, &error);
    failpoint_pass(FAILPOINT_GROUP_AFTER_COMMIT);
    int64_t ended_at_us = clock_monotonic_us();
    DL_FOREACH(slot->jobs.head, job)
    {
        job->ended_at_us = ended_at_us;
        if (status == STATUS_OK)
            continue;
        job->status = status;
        job->error = error;
    }
}

/* If it can't begin, only the leader has waited too long: the others stay in the queue, and the next one leads. */
static void group_work(struct slot *slot)
{
    struct pool_job *leader = slot->jobs.head;
    leader->started_at_us = clock_monotonic_us();
    leader->status = job_before(leader);
    if (leader->status == STATUS_OK)
        leader->status = store_group_begin(slot->lane->grouped, leader->queued_at_us / 1000, &leader->error);
    leader->ended_at_us = clock_monotonic_us();
    if (leader->status != STATUS_OK)
        return;
    group_fill(slot);
    commit_work(slot);
}

static void on_work(uv_work_t *work)
{
    struct slot *slot = work->data;
    if (slot->lane->grouped)
        group_work(slot);
    else
        job_work(slot->jobs.head);
}

/* ---- The loop ---- */

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
        log_info(NULL, "store_back", "lane=%s waiting=%zu", KINDS[job->lane].name, lane_waiting_count(lane));
}

static void lane_dispatch(struct lane *lane);

static void job_report(const struct pool *pool, struct lane *lane, const struct pool_job *job)
{
    if (pool->stats) {
        stats_time(pool->stats, STAT_TIME_STORE_WAIT, job->started_at_us - job->queued_at_us);
        stats_time(pool->stats, STAT_TIME_STORE, job->ended_at_us - job->started_at_us);
    }
    breaker_report(lane, job);
}

static void on_worked(uv_work_t *work, int uv_status)
{
    bug_unless(uv_status == 0, "store calls are never cancelled");
    struct slot *slot = work->data;
    struct lane *lane = slot->lane;
    struct job_list jobs = slot->jobs;
    struct pool_job *job;
    slot->jobs = (struct job_list){0};
    LL_PREPEND(lane->free_slots, slot);
    lane->running_count--;
    DL_FOREACH(jobs.head, job)
    {
        job_report(lane->pool, lane, job);
    }
    lane_dispatch(lane);
    /* Last: after the last job the caller may free the pool. */
    while ((job = job_list_pop(&jobs)) != NULL)
        job_end(job);
}

static void job_start(struct lane *lane, struct pool_job *job)
{
    struct slot *slot = lane->free_slots;
    LL_DELETE(lane->free_slots, slot);
    lane->running_count++;
    job_list_push(&slot->jobs, job);
    int failed = uv_queue_work(lane->pool->loop, &slot->work, on_work, on_worked);
    bug_unless(failed == 0, "uv_queue_work refuses nothing but a missing function");
}

/* Starts the jobs that may start. While the breaker is open, all waiting jobs are turned away, in their order. */
static void lane_dispatch(struct lane *lane)
{
    struct pool_job *job;
    while (lane_waiting_count(lane) > 0)
        if (lane->free_slots && breaker_allows(&lane->breaker, clock_monotonic_ms()))
            job_start(lane, lane_pop(lane));
        else if (!breaker_is_open(&lane->breaker))
            return;
        else if ((job = lane_pop(lane)) != NULL)
            job_refuse_open(lane->pool, job);
}

static void on_closed(uv_handle_t *handle)
{
    struct pool *pool = handle->data;
    for (size_t i = 0; i < POOL_LANE_COUNT; i++)
        pthread_mutex_destroy(&pool->lanes[i].queue);
    free(pool);
}

static size_t slot_count(const struct pool_options *options)
{
    size_t count = 0;
    for (size_t i = 0; i < POOL_LANE_COUNT; i++)
        count += options->lanes[i].concurrency;
    return count;
}

static void lane_init(struct pool *pool, enum pool_lane kind, const struct pool_lane_options *options,
                      struct slot *slots)
{
    struct lane *lane = &pool->lanes[kind];
    bug_unless(!options->grouped || options->concurrency == 1, "a lane has one group at a time");
    lane->pool = pool;
    lane->queue_max = options->queue_max;
    lane->grouped = options->grouped;
    breaker_init(&lane->breaker, BREAKER_TRIP_COUNT, BREAKER_OPEN_MS, BREAKER_MAX_OPEN_MS);
    for (size_t i = 0; i < options->concurrency; i++) {
        slots[i].lane = lane;
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
    for (enum pool_lane kind = POOL_LANE_NONE; kind < POOL_LANE_COUNT; kind++) {
        pthread_mutex_init(&pool->lanes[kind].queue, NULL);
        lane_init(pool, kind, &options->lanes[kind], slots);
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
    pool->busy_count++;
    if (!lane->free_slots && lane_waiting_count(lane) >= lane->queue_max && !breaker_is_open(&lane->breaker)) {
        job_refuse_busy(pool, job);
        return;
    }
    lane_push(lane, job);
    lane_dispatch(lane);
}

void pool_refuse(struct pool *pool, struct pool_job *job)
{
    job->pool = pool;
    job->worked = false;
    pool->busy_count++;
    job_turn_away(pool, job);
}

size_t pool_busy_count(const struct pool *pool)
{
    return pool->busy_count;
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
