/* SPDX-License-Identifier: MIT */
/*
 * Kept answers, from the loop to the store and back. Nothing but that: what a key means, and what is kept under it, is decided
 * in api/todo_insert.c and in the store.
 *
 * This room is where it stands because handlers reach the store through the cache alone; so there is one place to look for
 * what goes to the store unfenced, and why: an answer is no todo, and no entry shows it.
 */
#include "cache/kept_answer.h"

#include "cache/cache_state.h"

static struct kept_answer *kept_of_job(struct pool_job *job)
{
    return (struct kept_answer *)((char *)job - offsetof(struct kept_answer, job));
}

static enum status begin_work(struct pool_job *job, struct error *error)
{
    struct kept_answer *kept = kept_of_job(job);
    kept->worked = true;
    return store_answer_begin(kept->cache->options.store, &kept->answer, kept->arena, error);
}

static enum status end_work(struct pool_job *job, struct error *error)
{
    struct kept_answer *kept = kept_of_job(job);
    return store_answer_end(kept->cache->options.store, &kept->answer, error);
}

static enum status forget_work(struct pool_job *job, struct error *error)
{
    struct kept_answer *kept = kept_of_job(job);
    return store_answer_forget(kept->cache->options.store, &kept->answer, error);
}

static void on_worked(struct pool_job *job, enum status status, const struct error *error)
{
    struct kept_answer *kept = kept_of_job(job);
    kept->done(kept->ctx, status, error);
}

static void kept_run(struct cache *cache, struct kept_answer *kept, pool_work_fn work)
{
    kept->cache = cache;
    kept->worked = false;
    kept->job = (struct pool_job){.work = work, .done = on_worked};
    pool_run(cache->options.pool, &kept->job);
}

void kept_answer_begin(struct cache *cache, struct kept_answer *kept)
{
    kept_run(cache, kept, begin_work);
}

void kept_answer_end(struct cache *cache, struct kept_answer *kept)
{
    kept_run(cache, kept, end_work);
}

void kept_answer_forget(struct cache *cache, struct kept_answer *kept)
{
    kept_run(cache, kept, forget_work);
}
