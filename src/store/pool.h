/* SPDX-License-Identifier: MIT */
/*
 * Runs blocking store calls on libuv's threads, so that the loop never waits for a disk or a database.
 *
 * Two bounds: at most `concurrency` calls run, and at most queue_max jobs wait; a further job is turned away at once.
 * Jobs start in the order in which they came.
 *
 * If several calls in a row find the store unreachable, a breaker opens: jobs then end at once with STATUS_UNAVAILABLE,
 * until a probe gets an answer.
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

/* pool thread, may block; touches only the struct around job. The breaker and done get its status. */
typedef enum status (*pool_work_fn)(struct pool_job *job, struct error *error);

/* Loop, once, never before pool_run() has returned. After BUSY and the breaker's UNAVAILABLE, work did not run. */
typedef void (*pool_done_cb)(struct pool_job *job, enum status status, const struct error *error);

/* A member of the caller's own struct, which must live until done. The caller fills in work and done. */
struct pool_job {
    pool_work_fn work;
    pool_done_cb done;
    struct pool *pool; /* the rest is the pool's own */
    struct pool_job *prev, *next;
    enum status status;
    struct error error;
    int64_t queued_at_us, started_at_us, ended_at_us;
    bool worked;
};

struct pool_options {
    void *loop;           /* the uv_loop_t */
    uint32_t concurrency; /* as many as UV_THREADPOOL_SIZE, which main sets before the first job */
    uint32_t queue_max;
    struct stats *stats; /* borrowed; counts the times of waiting and running; NULL: they are not counted */
};

struct pool *pool_new(const struct pool_options *options);

/* From the done of the last job on. The memory is freed in the next turn of the loop. NULL is fine. */
void pool_free(struct pool *pool);

void pool_run(struct pool *pool, struct pool_job *job);

/* Jobs whose done has not been called yet. */
size_t pool_busy_count(const struct pool *pool);

/* Whether the breaker lets calls through; if not, retry_after_ms tells when it next will. */
bool pool_is_open(const struct pool *pool, uint32_t *retry_after_ms);

#endif
