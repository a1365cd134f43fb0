/* SPDX-License-Identifier: MIT */
/*
 * Runs blocking store calls on libuv's threads, so that the loop never waits for a disk or a database.
 *
 * Jobs go in lanes, which don't delay each other: blocked writes leave reads their threads, and both leave care its
 * own. Two bounds hold in each lane: at most `concurrency` calls run, and at most queue_max jobs wait; a further job is
 * turned away at once. The jobs of a lane start in the order in which they came.
 *
 * A lane may run its jobs in groups: what they write is committed together, and all of them are told how that went. A
 * job of a group must not wait for another one. Each waits for other writers no longer than the store's timeout.
 *
 * If several calls of a lane in a row find the store unreachable, the lane's breaker opens: its jobs then end at once
 * with STATUS_UNAVAILABLE, until a probe gets an answer.
 */
#ifndef STORE_POOL_H
#define STORE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/stats.h"
#include "store/store.h"

struct pool;
struct pool_job;

enum pool_lane {
    POOL_LANE_NONE, /* a job that was not given a lane: a bug */
    POOL_READ,      /* for clients' reads, fills and audits */
    POOL_WRITE,     /* for clients' writes: they may wait for a lock */
    POOL_CARE,      /* looks at the epoch, drains, readiness: few calls, which keep the cache trusted */
    POOL_LANE_COUNT,
};

/* pool thread, may block; touches only the struct around job. The breaker and done get its status. */
typedef enum status (*pool_work_fn)(struct pool_job *job, struct error *error);

/*
 * Loop, once, never before pool_run() has returned. After BUSY, the breaker's UNAVAILABLE and what the options' before
 * says, work did not run.
 */
typedef void (*pool_done_cb)(struct pool_job *job, enum status status, const struct error *error);

/* A member of the caller's own struct, which must live until done. The caller fills in lane, work and done. */
struct pool_job {
    enum pool_lane lane;
    pool_work_fn work;
    pool_done_cb done;
    struct pool *pool; /* the rest is the pool's own */
    struct pool_job *prev, *next;
    enum status status;
    struct error error;
    int64_t queued_at_us, started_at_us, ended_at_us;
    bool worked;
};

struct pool_lane_options {
    uint32_t concurrency; /* 0: the pool has no such lane */
    uint32_t queue_max;
    struct store *grouped; /* jobs that wait at the same time are a group of this store; NULL: each runs by itself */
};

/* pool thread, may block: before each job. Unless it is OK, the job ends with its status, and work did not run. */
typedef enum status (*pool_before_fn)(void *ctx, struct error *error);

struct pool_options {
    void *loop;            /* the uv_loop_t */
    pool_before_fn before; /* NULL: none */
    void *before_ctx;
    /* UV_THREADPOOL_SIZE, which main sets before the first job, is their sum: else one lane would wait for another. */
    struct pool_lane_options lanes[POOL_LANE_COUNT];
    struct stats *stats; /* borrowed; counts refusals, and the times of waiting and running; NULL: not counted */
};

struct pool *pool_new(const struct pool_options *options);

/* From the done of the last job on. The memory is freed in the next turn of the loop. NULL is fine. */
void pool_free(struct pool *pool);

void pool_run(struct pool *pool, struct pool_job *job);

/* Ends a job that does not run: done comes as after pool_run(), with the status and error that the caller has set. */
void pool_refuse(struct pool *pool, struct pool_job *job);

/* Jobs whose done has not been called yet, of all lanes. */
size_t pool_busy_count(const struct pool *pool);

/* Whether the lane's breaker lets calls through; if not, retry_after_ms tells when it next will. */
bool pool_is_open(const struct pool *pool, enum pool_lane lane, uint32_t *retry_after_ms);

/* "read", "write" or "care": in the log, /readyz and the metrics. */
const char *pool_lane_name(enum pool_lane lane);

#endif
