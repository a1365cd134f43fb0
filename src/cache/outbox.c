/* SPDX-License-Identifier: MIT */
/*
 * The outbox: invalidations that Redis could not take, kept in the store beside the data they concern, and brought to
 * Redis when it answers again.
 *
 *   list (store) -> fence what is open, unfence what is closed (Redis) -> remove what was closed (store) -> next page
 *
 * A record is one writer's fence on one id, under the writer's token. To bring it to Redis is that writer's own
 * protocol, done late: an open record becomes its fence, with what is left of its time, and a closed one its unfence.
 * An open record past its deadline counts as closed once store_barrier() has shown that its write is visible or never
 * will be (doubt.c tells why the deadline alone is not enough). As a rule its worker died. But the worker may have been
 * frozen, and may go on: it commits, closes the record and answers. A reader may have filled the old value after the
 * unfence of this drain. So a removal names the record as it was listed, and the record that was closed meanwhile stays
 * for the next drain.
 *
 * Every worker drains, and draining twice does no harm. A worker may fence from an old listing what another has already
 * unfenced; then that mark stays until doubt.c removes it, and readers bypass the cache until then: slower, never
 * stale.
 *
 * Guarantees: a drain removes a record only after Redis has answered both of its scripts, on the connection that the
 * drain began with, and under the epoch that still stands in the store after that. So a worker that is late to learn of
 * another epoch cannot remove a record before the workers that it concerns have seen it. Open records are fenced but
 * stay; the next page begins behind them, so they hide no closed ones. If a record has changed since it was listed, the
 * drain counts as unfinished.
 *
 * What is owed: if neither Redis nor the store took a write's invalidation, this process keeps it until the store takes
 * it.
 */
#include "cache/outbox.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/mem.h"
#include "cache/fence.h"

enum { DRAIN_MAX = 256 };

struct owed {
    struct owed *next;
    size_t count;
    struct store_fence fences[];
};

struct outbox {
    const struct cache_options *options;
    struct store_fence fences[DRAIN_MAX];
    size_t count;
    size_t closed_count;     /* of fences, moved to the front */
    bool has_barrier;        /* open records past their deadline count as closed */
    int64_t listed_at_ms;    /* wall time */
    struct store_fence last; /* of the page, as listed: the next page begins behind it */
    bool is_first_page;
    size_t changed_count; /* of those: put again since they were listed, so they stay */
    bool is_changed;      /* a record of any page */
    struct redis *redis;  /* these two: of the drain under way */
    int64_t epoch;
    bool is_draining;
    bool is_cut;         /* that connection is gone, or is not trusted any more */
    unsigned calls_left; /* fences and unfences without an outcome */
    bool is_refused;     /* one of them */
    bool has_news;       /* since the drain began */
    bool has_removed;    /* since the last drain began */
    bool has_open;       /* that drain met open records, which stay */
    bool is_waiting;     /* these two: there may be records, since when */
    int64_t waiting_since_ms;
    outbox_drained_cb done;
    void *ctx;
    struct pool_job job;
    struct owed *owed;
    struct owed *paying; /* taken from the list, for the job that runs; NULL: none does */
    struct pool_job owed_job;
};

static void outbox_list(struct outbox *outbox, bool is_first_page);

static void outbox_run(struct outbox *outbox, pool_work_fn work, pool_done_cb done)
{
    outbox->job = (struct pool_job){.lane = POOL_CARE, .work = work, .done = done};
    pool_run(outbox->options->pool, &outbox->job);
}

static void outbox_note_waiting(struct outbox *outbox)
{
    if (!outbox->is_waiting)
        outbox->waiting_since_ms = events_now_ms(outbox->options->events);
    outbox->is_waiting = true;
}

static void outbox_end(struct outbox *outbox, enum drain_result result)
{
    if (result == DRAIN_DONE && !outbox->has_open && !outbox->has_news && !outbox->owed)
        outbox->is_waiting = false;
    outbox->is_draining = false;
    outbox->done(outbox->ctx, result);
}

/* ---- The steps, last to first ---- */

/* After a page whose records Redis has answered for. */
static void outbox_next(struct outbox *outbox)
{
    if (outbox->count == DRAIN_MAX)
        outbox_list(outbox, false);
    else
        outbox_end(outbox, outbox->is_changed ? DRAIN_UNFINISHED : DRAIN_DONE);
}

/* pool thread */
static enum status remove_work(struct pool_job *job, struct error *error)
{
    struct outbox *outbox = container_of(job, struct outbox, job);
    struct store *store = outbox->options->store;
    struct store_meta meta;
    failpoint_pass(FAILPOINT_DRAIN_BEFORE_REMOVE);
    enum status status = store_meta_get(store, &meta, error);
    if (status != STATUS_OK)
        return status;
    if (meta.epoch != outbox->epoch)
        return error_set(error, STATUS_BUSY, "the epoch has moved on to %lld meanwhile", (long long)meta.epoch);
    return store_outbox_remove(store, outbox->fences, outbox->closed_count, &outbox->changed_count, error);
}

static void on_removed(struct pool_job *job, enum status status, const struct error *error)
{
    struct outbox *outbox = container_of(job, struct outbox, job);
    if (status == STATUS_OK) {
        size_t removed_count = outbox->closed_count - outbox->changed_count;
        outbox->is_changed |= outbox->changed_count > 0;
        outbox->has_removed |= removed_count > 0;
        stats_add(outbox->options->stats, STAT_OUTBOX_DRAINED, removed_count);
        log_info(NULL, "outbox_drained", "records=%zu changed=%zu", removed_count, outbox->changed_count);
    } else {
        log_warn(NULL, "outbox_not_removed", "error=\"%s\"", error->text);
    }
    /* Unless the epoch has moved, records that the store did not remove have been taken to Redis all the same. */
    if (status == STATUS_BUSY)
        outbox_end(outbox, DRAIN_UNFINISHED);
    else
        outbox_next(outbox);
}

static void outbox_remove(struct outbox *outbox)
{
    if (outbox->is_cut)
        outbox_end(outbox, DRAIN_UNFINISHED);
    else if (outbox->is_refused)
        outbox_end(outbox, DRAIN_REFUSED);
    else if (outbox->closed_count > 0)
        outbox_run(outbox, remove_work, on_removed);
    else
        outbox_next(outbox);
}

static void on_told(void *ctx, enum fence_outcome outcome, int64_t count)
{
    struct outbox *outbox = ctx;
    (void)count;
    outbox->is_cut |= outcome == FENCE_UNANSWERED;
    outbox->is_refused |= outcome == FENCE_REFUSED;
    outbox_remove(outbox);
}

/*
 * Redis has deleted the entries: what L1s have read from them goes as well. Nobody waits for other machines: when their
 * boxes have it they forget it within 300 ms, and only then a record goes.
 */
static void outbox_tell(struct outbox *outbox)
{
    const char *ids[DRAIN_MAX];
    for (size_t i = 0; i < outbox->count; i++)
        ids[i] = outbox->fences[i].id;
    for (size_t i = 0; i < outbox->count && !outbox->is_cut && !outbox->is_refused; i++)
        trail_note(outbox->options->trail, TRAIL_DRAINED, ids[i], NULL, 0);
    const struct fence_call call = {
        .redis = outbox->redis, .epoch = outbox->epoch, .ids = ids, .id_count = outbox->count};
    if (!failpoint_is_on(FAILPOINT_L1_DRAIN_UNRAISED))
        l1_raise(outbox->options->l1, ids, outbox->count);
    if (!failpoint_is_on(FAILPOINT_DRAIN_UNANSWERED))
        fence_tell(outbox->options->peers, &call, false, on_told, outbox);
}

static void on_brought(void *ctx, enum fence_outcome outcome, int64_t count)
{
    struct outbox *outbox = ctx;
    (void)count;
    if (outcome == FENCE_UNANSWERED)
        outbox->is_cut = true;
    else if (outcome == FENCE_REFUSED)
        outbox->is_refused = true;
    if (--outbox->calls_left == 0)
        outbox_tell(outbox);
}

/* The loader and batches share a token over many ids: one call for each run of neighbours that do. */
static size_t run_length(const struct store_fence *fences, size_t count)
{
    size_t length = 1;
    while (length < count && strcmp(fences[length].token.text, fences[0].token.text) == 0)
        length++;
    return length;
}

static void send_run(struct outbox *outbox, const struct store_fence *fences, size_t count, bool is_closed)
{
    const char *ids[DRAIN_MAX];
    for (size_t i = 0; i < count; i++)
        ids[i] = fences[i].id;
    struct fence_call call = {.redis = outbox->redis,
                              .settings = outbox->options->settings,
                              .store = outbox->options->store,
                              .token = &fences[0].token,
                              .ids = ids,
                              .id_count = count,
                              .epoch = outbox->epoch,
                              .window_ms = fences[0].deadline_at_ms - clock_wall_ms()};
    outbox->calls_left++;
    if (is_closed)
        unfence_send(&call, on_brought, outbox);
    else
        fence_send(&call, on_brought, outbox);
}

static void send_all(struct outbox *outbox, const struct store_fence *fences, size_t count, bool is_closed)
{
    for (size_t i = 0; i < count;) {
        size_t length = run_length(fences + i, count - i);
        send_run(outbox, fences + i, length, is_closed);
        i += length;
    }
}

static bool is_past(const struct outbox *outbox, const struct store_fence *fence)
{
    return !fence->is_closed && fence->deadline_at_ms <= outbox->listed_at_ms;
}

/* Moves closed records to the front, keeping their order; returns how many there are. */
static size_t closed_first(struct outbox *outbox)
{
    struct store_fence *fences = outbox->fences;
    struct store_fence *open = mem_alloc((outbox->count + 1) * sizeof(*open));
    size_t closed_count = 0, open_count = 0;
    for (size_t i = 0; i < outbox->count; i++)
        if (fences[i].is_closed || (outbox->has_barrier && is_past(outbox, &fences[i])))
            fences[closed_count++] = fences[i];
        else
            open[open_count++] = fences[i];
    memcpy(fences + closed_count, open, open_count * sizeof(*open));
    free(open);
    return closed_count;
}

static void on_listed(struct pool_job *job, enum status status, const struct error *error)
{
    struct outbox *outbox = container_of(job, struct outbox, job);
    (void)error;
    if (status != STATUS_OK || outbox->is_cut) {
        outbox_end(outbox, DRAIN_UNFINISHED);
        return;
    }
    if (outbox->count == 0) {
        outbox_next(outbox);
        return;
    }
    outbox_note_waiting(outbox);
    outbox->last = outbox->fences[outbox->count - 1];
    outbox->is_refused = false;
    outbox->calls_left = 0;
    outbox->closed_count = closed_first(outbox);
    outbox->has_open |= outbox->closed_count < outbox->count;
    send_all(outbox, outbox->fences, outbox->closed_count, true);
    send_all(outbox, outbox->fences + outbox->closed_count, outbox->count - outbox->closed_count, false);
    if (failpoint_is_on(FAILPOINT_DRAIN_UNANSWERED))
        outbox_remove(outbox);
}

/*
 * pool thread. Without a barrier, records past their deadline stay open: their fences leave marks that doubt.c clears.
 */
static enum status list_work(struct pool_job *job, struct error *error)
{
    struct outbox *outbox = container_of(job, struct outbox, job);
    struct store *store = outbox->options->store;
    const struct store_fence *after = outbox->is_first_page ? NULL : &outbox->last;
    struct error no_barrier;
    enum status status = store_outbox_list(store, after, outbox->fences, DRAIN_MAX, &outbox->count, error);
    size_t past_count = 0;
    outbox->listed_at_ms = clock_wall_ms();
    for (size_t i = 0; status == STATUS_OK && i < outbox->count; i++)
        past_count += is_past(outbox, &outbox->fences[i]);
    outbox->has_barrier = past_count > 0 && store_barrier(store, &no_barrier) == STATUS_OK;
    return status;
}

static void outbox_list(struct outbox *outbox, bool is_first_page)
{
    outbox->is_first_page = is_first_page;
    outbox_run(outbox, list_work, on_listed);
}

void outbox_drain(struct outbox *outbox, struct redis *redis, int64_t epoch, outbox_drained_cb done, void *ctx)
{
    bug_unless(!outbox->is_draining, "two drains at once");
    outbox->is_draining = true;
    outbox->is_cut = false;
    outbox->has_removed = false;
    outbox->done = done;
    outbox->ctx = ctx;
    outbox->redis = redis;
    outbox->epoch = epoch;
    outbox->is_changed = false;
    outbox->has_news = false;
    outbox->has_open = false;
    outbox_list(outbox, true);
}

void outbox_cut(struct outbox *outbox)
{
    outbox->is_cut = true;
}

bool outbox_has_removed(const struct outbox *outbox)
{
    return outbox->has_removed;
}

bool outbox_is_idle(const struct outbox *outbox)
{
    return !outbox->is_draining;
}

void outbox_note_closed(struct outbox *outbox)
{
    outbox->has_news = true;
    outbox_note_waiting(outbox);
}

bool outbox_has_news(const struct outbox *outbox)
{
    return outbox->has_news;
}

uint32_t outbox_waiting_s(const struct outbox *outbox)
{
    if (!outbox->is_waiting)
        return 0;
    return (uint32_t)((events_now_ms(outbox->options->events) - outbox->waiting_since_ms) / 1000);
}

/* ---- What is owed ---- */

void outbox_owe(struct outbox *outbox, const struct token *token, const char *const *ids, size_t id_count)
{
    struct owed *owed = mem_zalloc(sizeof(*owed) + id_count * sizeof(owed->fences[0]));
    owed->count = id_count;
    for (size_t i = 0; i < id_count; i++) {
        owed->fences[i] = (struct store_fence){.token = *token, .is_closed = true};
        memcpy(owed->fences[i].id, ids[i], strlen(ids[i]) + 1);
    }
    LL_PREPEND(outbox->owed, owed);
    outbox_note_waiting(outbox);
    log_warn(NULL, "invalidation_owed", "token=%s ids=%zu first=%s", token->text, id_count, ids[0]);
}

/* pool thread */
static enum status owed_work(struct pool_job *job, struct error *error)
{
    struct outbox *outbox = container_of(job, struct outbox, owed_job);
    const struct owed *owed = outbox->paying;
    return store_outbox_put(outbox->options->store, owed->fences, owed->count, error);
}

static void on_owed_put(struct pool_job *job, enum status status, const struct error *error)
{
    struct outbox *outbox = container_of(job, struct outbox, owed_job);
    struct owed *owed = outbox->paying;
    (void)error;
    outbox->paying = NULL;
    if (status == STATUS_OK) {
        free(owed);
        outbox_tend(outbox);
    } else {
        LL_PREPEND(outbox->owed, owed);
    }
}

void outbox_tend(struct outbox *outbox)
{
    if (!outbox->owed || outbox->paying)
        return;
    outbox->paying = outbox->owed;
    LL_DELETE(outbox->owed, outbox->paying);
    outbox->owed_job = (struct pool_job){.lane = POOL_CARE, .work = owed_work, .done = on_owed_put};
    pool_run(outbox->options->pool, &outbox->owed_job);
}

struct outbox *outbox_new(const struct cache_options *options)
{
    struct outbox *outbox = mem_zalloc(sizeof(*outbox));
    outbox->options = options;
    return outbox;
}

void outbox_free(struct outbox *outbox)
{
    if (!outbox)
        return;
    bug_unless(!outbox->paying, "the outbox is freed while a job of its runs");
    while (outbox->owed) {
        struct owed *owed = outbox->owed;
        LL_DELETE(outbox->owed, owed);
        log_error(NULL, "invalidation_lost", "token=%s ids=%zu first=%s", owed->fences[0].token.text, owed->count,
                  owed->fences[0].id);
        free(owed);
    }
    free(outbox);
}
