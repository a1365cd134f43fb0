/* SPDX-License-Identifier: MIT */
/* One queue of jobs in the order in which they will be done; each works once before it is. */
#include "fake_pool.h"

#include <stdlib.h>

#include "base/mem.h"

struct pool {
    struct pool_job *jobs;
    bool held;
    enum status refusal;
};

static void job_push(struct pool_job **list, struct pool_job *job)
{
    while (*list)
        list = &(*list)->next;
    job->next = NULL;
    *list = job;
}

struct pool *fake_pool_new(void)
{
    return mem_zalloc(sizeof(struct pool));
}

void pool_free(struct pool *pool)
{
    bug_unless(!pool || !pool->jobs, "a pool was freed under its jobs");
    free(pool);
}

void fake_pool_hold(struct pool *pool, bool held)
{
    pool->held = held;
}

bool fake_pool_work(struct pool *pool)
{
    struct pool_job *job = pool->jobs;
    while (job && job->worked)
        job = job->next;
    if (!job)
        return false;
    job->worked = true;
    job->status = job->work(job, &job->error);
    return true;
}

bool fake_pool_done(struct pool *pool)
{
    struct pool_job **at = &pool->jobs;
    while (*at && !(*at)->worked)
        at = &(*at)->next;
    struct pool_job *job = *at;
    if (!job)
        return false;
    *at = job->next;
    job->done(job, job->status, &job->error);
    return true;
}

bool fake_pool_step(struct pool *pool)
{
    return !pool->held && (fake_pool_work(pool) || fake_pool_done(pool));
}

void fake_pool_delay_oldest(struct pool *pool)
{
    struct pool_job *job = pool->jobs;
    pool->jobs = job->next;
    job_push(&pool->jobs, job);
}

void fake_pool_refuse(struct pool *pool, enum status status)
{
    pool->refusal = status;
}

void pool_run(struct pool *pool, struct pool_job *job)
{
    bug_unless(job->lane > POOL_LANE_NONE && job->lane < POOL_LANE_COUNT, "a job without a lane");
    job->pool = pool;
    job->error = (struct error){0};
    job->worked = pool->refusal != STATUS_OK;
    job->status = pool->refusal;
    if (job->worked)
        error_set(&job->error, job->status, "the fake pool turns jobs away");
    job_push(&pool->jobs, job);
}

void pool_refuse(struct pool *pool, struct pool_job *job)
{
    job->pool = pool;
    job->worked = true;
    job_push(&pool->jobs, job);
}

size_t pool_busy_count(const struct pool *pool)
{
    size_t count = 0;
    for (const struct pool_job *job = pool->jobs; job; job = job->next)
        count++;
    return count;
}

bool pool_is_open(const struct pool *pool, enum pool_lane lane, uint32_t *retry_after_ms)
{
    (void)lane;
    bool is_open = pool->refusal != STATUS_UNAVAILABLE;
    *retry_after_ms = is_open ? 0 : 2500;
    return is_open;
}

const char *pool_lane_name(enum pool_lane lane)
{
    static const char *const names[] = {"none", "read", "write", "care"};
    return names[lane];
}
