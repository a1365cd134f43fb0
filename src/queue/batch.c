/* SPDX-License-Identifier: MIT */
/*
 * A batch of queued writes, from the journal's texts to one call of the store.
 *
 * To the cache a run of queued writes is one write of several todos (cache/write.h): a fence over all their ids, one
 * store call, one unfence. So readers, L1s, other machines and caches in front learn of it as of any write.
 *
 * A text that can't be read ends what is taken over: the writes before it are applied first, then it becomes a dead
 * letter. So order is kept for that one too. A dead letter changes no todo, so it goes to the store without a fence.
 *
 * Does not: decide how many writes make a run, or what becomes of them. That is applier.c.
 */
#include "queue/batch.h"

#include "base/container.h"
#include "base/failpoint.h"
#include "base/texts.h"
#include "queue/queued.h"

void batch_init(struct batch *batch)
{
    arena_init(&batch->arena);
}

void batch_fini(struct batch *batch)
{
    arena_fini(&batch->arena);
}

void batch_reset(struct batch *batch)
{
    arena_reset(&batch->arena);
    batch->count = batch->at = 0;
    batch->is_full = false;
}

void batch_read(struct batch *batch, const struct journal_write *writes, size_t count)
{
    batch_reset(batch);
    batch->is_full = count >= STORE_APPLY_MAX;
    bool is_dead = false;
    while (batch->count < count && batch->count < STORE_APPLY_MAX && !is_dead) {
        const struct journal_write *write = &writes[batch->count];
        struct store_queued *queued = &batch->writes[batch->count++];
        is_dead = queued_read(write->text, &batch->arena, queued, &batch->flaw) != STATUS_OK;
        queued->number = write->number;
        queued->is_dead = is_dead;
    }
}

void batch_bury(struct batch *batch)
{
    batch->writes[batch->at].is_dead = true;
    batch->count = batch->at + 1;
    batch->is_full = true;
}

/* ---- The run ---- */

/* A fence has each id once. */
static size_t batch_take_ids(struct batch *batch)
{
    for (size_t i = 0; i < batch->run; i++)
        batch->ids[i] = batch->call.writes[i].change.todo->id;
    return texts_unique(batch->ids, batch->run);
}

/* pool thread */
static enum status run_work(struct batch *batch, struct store *store, struct error *error)
{
    failpoint_pass(FAILPOINT_QUEUE_BEFORE_APPLY);
    enum status status = store_apply(store, &batch->call, batch->results, error);
    failpoint_pass(FAILPOINT_QUEUE_AFTER_COMMIT);
    return status;
}

static enum status fenced_work(struct cache_write *write, struct store *store, struct error *error)
{
    return run_work(container_of(write, struct batch, write), store, error);
}

static void on_written(struct cache_write *write, enum status status, const struct error *error)
{
    struct batch *batch = container_of(write, struct batch, write);
    batch->done(batch, status, error);
}

/* pool thread */
static enum status dead_work(struct pool_job *job, struct error *error)
{
    struct batch *batch = container_of(job, struct batch, job);
    return run_work(batch, batch->store, error);
}

static void on_buried(struct pool_job *job, enum status status, const struct error *error)
{
    struct batch *batch = container_of(job, struct batch, job);
    batch->done(batch, status, error);
}

void batch_apply(struct batch *batch, struct cache *cache, unsigned shard, const struct token *owner,
                 batch_done_cb done)
{
    batch->done = done;
    batch->call =
        (struct store_batch){.shard = shard, .owner = *owner, .writes = batch->writes + batch->at, .count = batch->run};
    if (batch->call.writes->is_dead) {
        batch->store = cache_options(cache)->store;
        batch->job = (struct pool_job){.lane = POOL_WRITE, .work = dead_work, .done = on_buried};
        pool_run(cache_options(cache)->pool, &batch->job);
        return;
    }
    batch->write = (struct cache_write){
        .ids = batch->ids, .id_count = batch_take_ids(batch), .work = fenced_work, .done = on_written};
    cache_write_run(cache, &batch->write);
}
