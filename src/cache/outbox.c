/* SPDX-License-Identifier: MIT */
/*
 * The outbox: invalidations that Redis couldn't take, kept in the store beside the data they concern, and brought to Redis
 * when it can.
 *
 *   list (store) -> fence what is open, unfence what is settled (Redis) -> remove what was settled (store) -> again if more
 *
 * A record is one writer's fence on one id, under the writer's token; so bringing it to Redis is nothing but that writer's
 * own protocol, done late: an open record becomes its fence, with what is left of its time, and a settled one its unfence.
 * An open record past its deadline counts as settled: its worker died, and the store can't apply the write any more.
 *
 * Every worker drains; doing it twice does no harm. If one worker fences from an old listing what another has already unfenced,
 * that mark runs out at its deadline, and readers go past the cache until then: slower, never stale.
 *
 * Guarantees: a record is removed only after Redis answered both of its scripts, on the connection that was there when the
 * drain began, under the epoch that still stands in the store after that. So a worker that is late to learn of another epoch
 * can't take a record away before those whom it concerns have had it. Open records are fenced but stay; if they alone fill a
 * listing, others may be hidden behind them, and the drain counts as unfinished until they are settled or past their deadline. What is owed (the store refused the record of a write that Redis couldn't unfence) lives
 * in this process only, until the store takes it.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/mem.h"
#include "cache/cache_state.h"
#include "cache/fence.h"

enum { DRAIN_MAX = 256 };

struct owed {
    struct owed *next;
    size_t count;
    struct store_fence fences[];
};

struct outbox {
    struct cache *cache;
    struct store_fence fences[DRAIN_MAX];
    size_t count;
    size_t settled_count; /* of fences, moved to the front */
    int64_t epoch;        /* these two: when the drain began */
    uint64_t distrust_count;
    unsigned replies_left;
    bool refused; /* a script */
    bool drains;
    bool has_news; /* since the last listing began */
    outbox_drained_cb done;
    void *ctx;
    struct pool_job job;
    struct owed *owed;
    struct owed *paying; /* taken from the list, for the job that runs; NULL: none does */
    struct pool_job owed_job;
};

static void outbox_list(struct outbox *outbox);

static struct outbox *outbox_of_job(struct pool_job *job)
{
    return (struct outbox *)((char *)job - offsetof(struct outbox, job));
}

static void outbox_run(struct outbox *outbox, pool_work_fn work, pool_done_cb done)
{
    outbox->job = (struct pool_job){.work = work, .done = done};
    pool_run(outbox->cache->options.pool, &outbox->job);
}

static void outbox_end(struct outbox *outbox, enum drain_result result)
{
    outbox->drains = false;
    outbox->done(outbox->ctx, result);
}

/* Whether Redis has been the same all the time: what an earlier connection took says nothing about this one. */
static bool outbox_is_current(const struct outbox *outbox)
{
    const struct cache *cache = outbox->cache;
    return redis_is_up(cache->redis) && cache->distrust_count == outbox->distrust_count;
}

/* ---- The steps, last to first ---- */

/* pool thread */
static enum status remove_work(struct pool_job *job, struct error *error)
{
    struct outbox *outbox = outbox_of_job(job);
    struct store *store = outbox->cache->options.store;
    struct store_meta meta;
    failpoint_pass(FAILPOINT_DRAIN_BEFORE_REMOVE);
    enum status status = store_meta_get(store, &meta, error);
    if (status != STATUS_OK)
        return status;
    if (meta.epoch != outbox->epoch)
        return error_set(error, STATUS_BUSY, "the epoch has moved on to %lld meanwhile", (long long)meta.epoch);
    return store_outbox_remove(store, outbox->fences, outbox->settled_count, error);
}

static void on_removed(struct pool_job *job, enum status status, const struct error *error)
{
    struct outbox *outbox = outbox_of_job(job);
    if (status != STATUS_OK) {
        /* Unless the epoch has moved, they have been taken to Redis all the same. */
        bool is_done = status != STATUS_BUSY && outbox->count < DRAIN_MAX;
        log_warn(NULL, "outbox_not_removed", "error=\"%s\"", error->text);
        outbox_end(outbox, is_done ? DRAIN_DONE : DRAIN_UNFINISHED);
        return;
    }
    stats_add(outbox->cache->options.stats, STAT_OUTBOX_DRAINED, outbox->settled_count);
    log_info(NULL, "outbox_drained", "records=%zu", outbox->settled_count);
    if (outbox->count == DRAIN_MAX)
        outbox_list(outbox);
    else
        outbox_end(outbox, DRAIN_DONE);
}

static void outbox_remove(struct outbox *outbox)
{
    if (!outbox_is_current(outbox)) /* unanswered scripts too: there is no connection then */
        outbox_end(outbox, DRAIN_UNFINISHED);
    else if (outbox->refused)
        outbox_end(outbox, DRAIN_REFUSED);
    else if (outbox->settled_count > 0)
        outbox_run(outbox, remove_work, on_removed);
    else
        outbox_end(outbox, outbox->count < DRAIN_MAX ? DRAIN_DONE : DRAIN_UNFINISHED);
}

static void on_script_reply(void *ctx, const struct redis_reply *reply)
{
    struct outbox *outbox = ctx;
    if (reply && !redis_reply_ok(reply))
        outbox->refused = true;
    if (--outbox->replies_left == 0)
        outbox_remove(outbox);
}

/* The loader and batches share a token over many ids: one call for each run of neighbours that do. */
static size_t run_length(const struct store_fence *fences, size_t count)
{
    size_t length = 1;
    while (length < count && strcmp(fences[length].token.text, fences[0].token.text) == 0)
        length++;
    return length;
}

static void send_run(struct outbox *outbox, const struct store_fence *fences, size_t count, bool settled)
{
    const char *ids[DRAIN_MAX];
    for (size_t i = 0; i < count; i++)
        ids[i] = fences[i].id;
    struct fence_call call = {.token = &fences[0].token,
                              .ids = ids,
                              .id_count = count,
                              .epoch = outbox->epoch,
                              .window_ms = fences[0].deadline_at_ms - clock_wall_ms()};
    outbox->replies_left += 2;
    if (settled)
        unfence_send(outbox->cache, &call, on_script_reply, on_script_reply, outbox);
    else
        fence_send(outbox->cache, &call, on_script_reply, on_script_reply, outbox);
}

static void send_all(struct outbox *outbox, const struct store_fence *fences, size_t count, bool settled)
{
    for (size_t i = 0; i < count;) {
        size_t length = run_length(fences + i, count - i);
        send_run(outbox, fences + i, length, settled);
        i += length;
    }
}

/* Moves settled records to the front, keeping their order; returns how many there are. */
static size_t settled_first(struct store_fence *fences, size_t count)
{
    struct store_fence *open = mem_alloc((count + 1) * sizeof(*open));
    size_t settled_count = 0, open_count = 0;
    int64_t now_ms = clock_wall_ms();
    for (size_t i = 0; i < count; i++)
        if (fences[i].settled || fences[i].deadline_at_ms <= now_ms)
            fences[settled_count++] = fences[i];
        else
            open[open_count++] = fences[i];
    memcpy(fences + settled_count, open, open_count * sizeof(*open));
    free(open);
    return settled_count;
}

static void on_listed(struct pool_job *job, enum status status, const struct error *error)
{
    struct outbox *outbox = outbox_of_job(job);
    (void)error;
    if (status != STATUS_OK || !outbox_is_current(outbox)) {
        outbox_end(outbox, DRAIN_UNFINISHED);
        return;
    }
    if (outbox->count == 0) {
        outbox_end(outbox, DRAIN_DONE);
        return;
    }
    outbox->refused = false;
    outbox->replies_left = 0;
    outbox->settled_count = settled_first(outbox->fences, outbox->count);
    send_all(outbox, outbox->fences, outbox->settled_count, true);
    send_all(outbox, outbox->fences + outbox->settled_count, outbox->count - outbox->settled_count, false);
}

/* pool thread */
static enum status list_work(struct pool_job *job, struct error *error)
{
    struct outbox *outbox = outbox_of_job(job);
    return store_outbox_list(outbox->cache->options.store, outbox->fences, DRAIN_MAX, &outbox->count, error);
}

static void outbox_list(struct outbox *outbox)
{
    outbox->has_news = false;
    outbox_run(outbox, list_work, on_listed);
}

void outbox_drain(struct outbox *outbox, outbox_drained_cb done, void *ctx)
{
    bug_unless(!outbox->drains, "two drains at once");
    outbox->drains = true;
    outbox->done = done;
    outbox->ctx = ctx;
    outbox->epoch = outbox->cache->epoch;
    outbox->distrust_count = outbox->cache->distrust_count;
    outbox_list(outbox);
}

bool outbox_is_idle(const struct outbox *outbox)
{
    return !outbox->drains;
}

void outbox_note_settled(struct outbox *outbox)
{
    outbox->has_news = true;
}

bool outbox_has_news(const struct outbox *outbox)
{
    return outbox->has_news;
}

/* ---- What is owed ---- */

static struct outbox *outbox_of_owed_job(struct pool_job *job)
{
    return (struct outbox *)((char *)job - offsetof(struct outbox, owed_job));
}

void outbox_owe(struct outbox *outbox, const struct token *token, const char *const *ids, size_t id_count)
{
    struct owed *owed = mem_zalloc(sizeof(*owed) + id_count * sizeof(owed->fences[0]));
    owed->count = id_count;
    for (size_t i = 0; i < id_count; i++) {
        owed->fences[i] = (struct store_fence){.token = *token, .settled = true};
        memcpy(owed->fences[i].id, ids[i], strlen(ids[i]) + 1);
    }
    owed->next = outbox->owed;
    outbox->owed = owed;
    log_warn(NULL, "invalidation_owed", "token=%s ids=%zu first=%s", token->text, id_count, ids[0]);
}

/* pool thread */
static enum status owed_work(struct pool_job *job, struct error *error)
{
    struct outbox *outbox = outbox_of_owed_job(job);
    const struct owed *owed = outbox->paying;
    return store_outbox_put(outbox->cache->options.store, owed->fences, owed->count, error);
}

static void on_owed_put(struct pool_job *job, enum status status, const struct error *error)
{
    struct outbox *outbox = outbox_of_owed_job(job);
    struct owed *owed = outbox->paying;
    (void)error;
    outbox->paying = NULL;
    if (status == STATUS_OK) {
        free(owed);
        outbox_tend(outbox);
    } else {
        owed->next = outbox->owed;
        outbox->owed = owed;
    }
}

void outbox_tend(struct outbox *outbox)
{
    if (!outbox->owed || outbox->paying)
        return;
    outbox->paying = outbox->owed;
    outbox->owed = outbox->owed->next;
    outbox->owed_job = (struct pool_job){.work = owed_work, .done = on_owed_put};
    pool_run(outbox->cache->options.pool, &outbox->owed_job);
}

struct outbox *outbox_new(struct cache *cache)
{
    struct outbox *outbox = mem_zalloc(sizeof(*outbox));
    outbox->cache = cache;
    return outbox;
}

void outbox_free(struct outbox *outbox)
{
    if (!outbox)
        return;
    bug_unless(!outbox->paying, "the outbox is freed while a job of its runs");
    while (outbox->owed) {
        struct owed *owed = outbox->owed;
        outbox->owed = owed->next;
        log_error(NULL, "invalidation_lost", "token=%s ids=%zu first=%s", owed->fences[0].token.text, owed->count,
                  owed->fences[0].id);
        free(owed);
    }
    free(outbox);
}
