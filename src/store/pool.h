/* SPDX-License-Identifier: MIT */
/*
 * Runs blocking store calls on libuv's threads, so that the loop never waits for a disk or a database.
 *
 * Bounded twice: at most concurrency calls run, at most queue_max wait; beyond that a job is turned away at once. A job that
 * waited is started in its order.
 * A worker that finds the store unreachable several times in a row opens a breaker: jobs then end at once with
 * STATUS_UNAVAILABLE, until a probe gets through.
 */
#ifndef STORE_POOL_H
#define STORE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/stats.h"

struct pool;
struct pool_job;

/* pool thread, may block; touches the struct around job only. Its status is what the breaker and done get. */
typedef enum status (*pool_work_fn)(struct pool_job *job, struct error *error);

/* Loop, once, never before pool_run() has returned. BUSY and the breaker's UNAVAILABLE mean that work never ran. */
typedef void (*pool_done_cb)(struct pool_job *job, enum status status, const struct error *error);

/* Stands inside the caller's own struct, which must live until done. The caller fills in work and done. */
struct pool_job {
    pool_work_fn work;
    pool_done_cb done;
    struct pool *pool; /* the rest is the pool's own */
    struct pool_job *next;
    enum status status;
    struct error error;
    int64_t queued_at_us, started_at_us, ended_at_us;
    bool worked;
};

struct pool_options {
    void *loop;           /* the uv_loop_t */
    uint32_t concurrency; /* as many as UV_THREADPOOL_SIZE, which main sets before the first job */
    uint32_t queue_max;
    struct stats *stats; /* borrowed: waiting and running times are counted here; NULL: nowhere */
};

struct pool *pool_new(const struct pool_options *options);

/* After the last job is done, from that job's done at the earliest; its memory goes in the loop's next turn. NULL is fine. */
void pool_free(struct pool *pool);

void pool_run(struct pool *pool, struct pool_job *job);

/* Jobs that run, wait, or were turned away and not told yet. */
size_t pool_busy_count(const struct pool *pool);

/* Whether the breaker lets calls through; if not, retry_after_ms tells when it next will. */
bool pool_is_open(const struct pool *pool, uint32_t *retry_after_ms);

#endif
