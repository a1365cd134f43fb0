/* SPDX-License-Identifier: MIT */
/*
 * Kept answers, from the loop to the store and back.
 *
 * A POST with an Idempotency-Key must have one effect and one answer, however often it is sent. The store keeps that
 * answer under the key; the calls block, so they run on a pool thread.
 *
 * These are the only calls of requests that reach the store past the cache, and why they may: an answer is no todo, so
 * no entry and no page shows it, and nothing has to be fenced.
 *
 * It does not know what a key means, nor what is kept under it: the api and the store decide that.
 */
#include "clients/kept_answer.h"

#include "base/container.h"

static enum status begin_work(struct pool_job *job, struct error *error)
{
    struct kept_answer *kept = container_of(job, struct kept_answer, job);
    kept->worked = true;
    return store_answer_begin(kept->store, &kept->answer, kept->arena, error);
}

static enum status end_work(struct pool_job *job, struct error *error)
{
    struct kept_answer *kept = container_of(job, struct kept_answer, job);
    return store_answer_end(kept->store, &kept->answer, error);
}

static enum status forget_work(struct pool_job *job, struct error *error)
{
    struct kept_answer *kept = container_of(job, struct kept_answer, job);
    return store_answer_forget(kept->store, &kept->answer, error);
}

static void on_worked(struct pool_job *job, enum status status, const struct error *error)
{
    struct kept_answer *kept = container_of(job, struct kept_answer, job);
    kept->done(kept->ctx, status, error);
}

static void kept_run(struct kept_answer *kept, pool_work_fn work)
{
    kept->worked = false;
    kept->job = (struct pool_job){.lane = POOL_WRITE, .work = work, .done = on_worked};
    pool_run(kept->pool, &kept->job);
}

void kept_answer_begin(struct kept_answer *kept)
{
    kept_run(kept, begin_work);
}

void kept_answer_end(struct kept_answer *kept)
{
    kept_run(kept, end_work);
}

void kept_answer_forget(struct kept_answer *kept)
{
    kept_run(kept, forget_work);
}
