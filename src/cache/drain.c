/* SPDX-License-Identifier: MIT */
/*
 * A drain: the outbox's records (outbox.c) are brought to Redis.
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
 * In a cluster each shard drains by itself. A record has two parts: the id's goes to the shard that has its slot, and
 * the list's to where the list is. The shard of the id sends both, and removes the record if both were taken. If the
 * list's shard is away, the record stays; that shard's own drain brings the list's part of all records before it is
 * trusted. A closed record that waits for another shard is brought here once (brought.c). Records of other shards' ids
 * are passed by, and so are those of a slot that turns out to be on its way: the slot is not drained then
 * (drain_own()). If slots have moved meanwhile, a removal needs those of its records, and the list's, to be where they
 * were.
 *
 * What it does on a pool thread is in drain_page.c.
 */
#include "cache/drain.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/mem.h"
#include "cache/brought.h"
#include "cache/drain_page.h"
#include "cache/fence.h"
#include "cache/keys.h"

/* What becomes of a record, in this order on a page. */
enum part {
    PART_CLOSED,       /* unfenced, and removed */
    PART_OPEN,         /* fenced; it stays */
    PART_OTHER_CLOSED, /* these two: of another shard's id. Of the list's part alone, if the list is here; they stay */
    PART_OTHER_OPEN,
    PART_STAYS, /* closed, and brought by an earlier drain (brought.h): nothing is done */
    PART_COUNT,
};

struct drain {
    const struct cache_options *options;
    struct outbox *outbox;
    struct redis *redis; /* these two: of the drain under way */
    struct cluster *cluster;
    struct drain_page page;         /* and its place in the outbox */
    size_t part_counts[PART_COUNT]; /* of the page, which is in their order */
    bool is_changed;                /* a record of any page */
    bool has_list;                  /* for this page: it is there, and has answered so far */
    bool is_draining;
    bool is_cut;         /* that connection is gone, or is not trusted any more */
    unsigned calls_left; /* fences and unfences without an outcome */
    bool is_refused;     /* one of them */
    uint64_t closed_at;  /* outbox_closed_count() when it began */
    bool has_removed;    /* since the last one began */
    bool has_left;       /* it met records which stay */
    struct brought *brought;
    drain_done_cb done;
    void *ctx;
};

static void drain_list(struct drain *drain, bool is_first_page);

static void drain_run(struct drain *drain, pool_work_fn work, pool_done_cb done)
{
    drain->page.job = (struct pool_job){.lane = POOL_CARE, .work = work, .done = done};
    pool_run(drain->options->pool, &drain->page.job);
}

/* Of an id's slot, be it trusted or not; its epoch is 0 if the slot is another shard's. */
static struct home drain_home(const struct drain *drain, int slot)
{
    return (struct home){.redis = drain->redis,
                         .epoch = slot < 0 ? drain->page.epoch : drain->page.own->of[slot],
                         .slot = slot,
                         .cluster = drain->cluster};
}

static int slot_of(const struct drain *drain, const char *id)
{
    return drain->page.own ? (int)slot_of_key(slice_of(id)) : HOME_SLOT_NONE;
}

/* A slot that is on its way to another server is not this shard's any more: its records stay, and hold up no others. */
static void note_outcome(struct drain *drain, int slot, enum fence_outcome outcome)
{
    drain->is_cut |= outcome == FENCE_UNANSWERED;
    drain->is_refused |= outcome == FENCE_REFUSED;
    if (outcome != FENCE_ELSEWHERE)
        return;
    drain->page.own->of[slot] = 0;
    drain->has_left = true;
}

static void note_list_outcome(struct drain *drain, enum fence_outcome outcome)
{
    if (drain->page.is_list_away || outcome == FENCE_ELSEWHERE)
        drain->has_list &= outcome == FENCE_TAKEN; /* that shard's own drain brings it again before it is trusted */
    if (!drain->page.is_list_away)
        note_outcome(drain, drain->page.list.slot, outcome);
}

static void drain_end(struct drain *drain, enum drain_result result)
{
    brought_turn(drain->brought, result == DRAIN_DONE);
    if (result == DRAIN_DONE && !drain->has_left && !drain_has_news(drain, HOME_SLOT_NONE))
        outbox_note_empty(drain->outbox);
    drain->is_draining = false;
    drain->done(drain->ctx, result);
}

/* ---- The steps, last to first ---- */

/* After a page whose records Redis has answered for. */
static void drain_next(struct drain *drain)
{
    if (drain->page.count == DRAIN_PAGE_MAX)
        drain_list(drain, false);
    else
        drain_end(drain, drain->is_changed ? DRAIN_UNFINISHED : DRAIN_DONE);
}

static void on_removed(struct pool_job *job, enum status status, const struct error *error)
{
    struct drain *drain = container_of(job, struct drain, page.job);
    if (status == STATUS_OK) {
        size_t removed_count = drain->page.closed_count - drain->page.changed_count;
        drain->is_changed |= drain->page.changed_count > 0;
        drain->has_removed |= removed_count > 0;
        stats_add(drain->options->stats, STAT_OUTBOX_DRAINED, removed_count);
        log_info(NULL, "outbox_drained", "records=%zu changed=%zu", removed_count, drain->page.changed_count);
    } else {
        log_warn(NULL, "outbox_not_removed", "error=\"%s\"", error->text);
    }
    /* Unless the epoch has moved, records that the store did not remove have been taken to Redis all the same. */
    if (status == STATUS_BUSY)
        drain_end(drain, DRAIN_UNFINISHED);
    else
        drain_next(drain);
}

/*
 * Of a cluster: whether it is a closed record that has to wait for another shard, and goal, to which it is brought from
 * here: its id's slot, or the list's.
 */
static bool waits(const struct drain *drain, const struct store_fence *fence, struct home *goal)
{
    *goal = drain_home(drain, slot_of(drain, fence->id));
    if (goal->epoch != 0)
        return fence->is_closed && !drain->has_list;
    *goal = drain_home(drain, drain->page.list.slot);
    return fence->is_closed && goal->epoch != 0;
}

static void note_brought(struct drain *drain)
{
    struct home goal;
    for (size_t i = 0; i < drain->page.count; i++)
        if (waits(drain, &drain->page.fences[i], &goal))
            brought_add(drain->brought, &drain->page.fences[i], &goal);
}

/* Both parts must have been answered: the id's here, which goes to the front then, and the list's where it is. */
static bool may_remove(struct drain *drain)
{
    size_t count = 0;
    note_brought(drain);
    for (size_t i = 0; i < drain->part_counts[PART_CLOSED]; i++)
        if (drain_home(drain, slot_of(drain, drain->page.fences[i].id)).epoch != 0)
            drain->page.fences[count++] = drain->page.fences[i];
    drain->page.closed_count = count;
    bool has_heard = drain->has_list && (!drain->page.is_list_away || home_holds(&drain->page.list));
    return count > 0 && (has_heard || failpoint_is_on(FAILPOINT_SLOT_LIST_UNHEARD));
}

static void drain_remove(struct drain *drain)
{
    if (drain->is_cut)
        drain_end(drain, DRAIN_UNFINISHED);
    else if (drain->is_refused)
        drain_end(drain, DRAIN_REFUSED);
    else if (may_remove(drain))
        drain_run(drain, drain_page_remove_work, on_removed);
    else
        drain_next(drain);
}

static void on_told(void *ctx, enum fence_outcome outcome, int64_t count)
{
    struct drain *drain = ctx;
    (void)count;
    note_list_outcome(drain, outcome);
    drain_remove(drain);
}

/*
 * Redis has deleted the entries: what L1s have read from them goes as well. Nobody waits for other machines: when their
 * boxes have it they forget it within 300 ms, and only then a record goes. In a cluster the boxes are beside the list:
 * if that is here, it is told of others' ids as well, for they may have been drained while it was away.
 */
static void drain_tell(struct drain *drain)
{
    const char *ids[DRAIN_PAGE_MAX];
    size_t own_count = drain->part_counts[PART_CLOSED] + drain->part_counts[PART_OPEN];
    size_t count = drain->page.is_list_away ? own_count : drain->page.count - drain->part_counts[PART_STAYS];
    for (size_t i = 0; i < count; i++)
        ids[i] = drain->page.fences[i].id;
    for (size_t i = 0; i < own_count && !drain->is_cut && !drain->is_refused; i++)
        trail_note(drain->options->trail, TRAIL_DRAINED, ids[i], NULL, 0);
    const struct fence_call call = {.ids = ids, .id_count = count, .list = &drain->page.list};
    if (!failpoint_is_on(FAILPOINT_L1_DRAIN_UNRAISED))
        l1_raise(drain->options->l1, ids, count);
    if (failpoint_is_on(FAILPOINT_DRAIN_UNANSWERED))
        return;
    if (drain->has_list && !drain->is_cut) /* else the list's connection may be gone as well */
        fence_tell(drain->options->peers, &call, false, on_told, drain);
    else
        drain_remove(drain);
}

static void call_end(struct drain *drain)
{
    if (--drain->calls_left == 0)
        drain_tell(drain);
}

struct bringing {
    struct drain *drain;
    int slot;
    bool is_lists; /* the list's part alone */
};

static void on_brought(void *ctx, enum fence_outcome outcome, int64_t count)
{
    struct bringing bringing = *(struct bringing *)ctx;
    (void)count;
    free(ctx);
    if (bringing.is_lists)
        note_list_outcome(bringing.drain, outcome);
    else
        note_outcome(bringing.drain, bringing.slot, outcome);
    call_end(bringing.drain);
}

/* The loader and batches share a token over many ids: one call for each run of neighbours that do, and share a slot. */
static size_t run_length(const struct drain *drain, const struct store_fence *fences, size_t count)
{
    size_t length = 1;
    while (length < count && strcmp(fences[length].token.text, fences[0].token.text) == 0 &&
           slot_of(drain, fences[length].id) == slot_of(drain, fences[0].id))
        length++;
    return length;
}

static void send_call(struct drain *drain, const struct fence_call *call, bool is_closed)
{
    struct bringing *bringing = mem_alloc(sizeof(*bringing));
    *bringing = (struct bringing){.drain = drain, .slot = call->homes[0].slot, .is_lists = call->id_count == 0};
    drain->calls_left++;
    if (is_closed)
        unfence_send(call, on_brought, bringing);
    else
        fence_send(call, on_brought, bringing);
}

static void send_run(struct drain *drain, const struct store_fence *fences, size_t count, enum part part)
{
    const char *ids[DRAIN_PAGE_MAX];
    struct home homes[DRAIN_PAGE_MAX];
    bool is_own = part <= PART_OPEN, is_closed = part == PART_CLOSED || part == PART_OTHER_CLOSED;
    for (size_t i = 0; i < count; i++) {
        ids[i] = fences[i].id;
        homes[i] = drain_home(drain, slot_of(drain, ids[i]));
    }
    struct fence_call call = {.settings = drain->options->settings,
                              .store = drain->options->store,
                              .token = &fences[0].token,
                              .ids = ids,
                              .homes = homes,
                              .id_count = is_own ? count : 0,
                              .list = drain->page.own ? NULL : &drain->page.list,
                              .window_ms = fences[0].deadline_at_ms - clock_wall_ms()};
    if (is_own)
        send_call(drain, &call, is_closed);
    if (!drain->page.own || !drain->has_list || (!is_own && drain->page.is_list_away))
        return;
    call.id_count = 0;
    call.list = &drain->page.list;
    send_call(drain, &call, is_closed);
}

static void send_all(struct drain *drain)
{
    const struct store_fence *fences = drain->page.fences;
    for (enum part part = 0; part < PART_STAYS; part++)
        for (size_t left = drain->part_counts[part], length; left > 0; left -= length, fences += length) {
            length = run_length(drain, fences, left);
            send_run(drain, fences, length, part);
        }
}

static enum part part_of(const struct drain *drain, const struct store_fence *fence)
{
    struct home goal;
    bool is_closed = fence->is_closed || (drain->page.has_barrier && drain_page_is_past(&drain->page, fence));
    if (waits(drain, fence, &goal) && brought_has(drain->brought, fence, &goal))
        return PART_STAYS;
    if (drain_home(drain, slot_of(drain, fence->id)).epoch != 0)
        return is_closed ? PART_CLOSED : PART_OPEN;
    return is_closed ? PART_OTHER_CLOSED : PART_OTHER_OPEN;
}

/* Parts one after the other; each keeps its order. */
static void parts_sort(struct drain *drain)
{
    struct store_fence *sorted = mem_alloc(drain->page.count * sizeof(*sorted));
    enum part parts[DRAIN_PAGE_MAX];
    size_t count = 0;
    for (size_t i = 0; i < drain->page.count; i++)
        parts[i] = part_of(drain, &drain->page.fences[i]);
    for (enum part part = 0; part < PART_COUNT; part++) {
        size_t before = count;
        for (size_t i = 0; i < drain->page.count; i++)
            if (parts[i] == part)
                sorted[count++] = drain->page.fences[i];
        drain->part_counts[part] = count - before;
    }
    memcpy(drain->page.fences, sorted, count * sizeof(*sorted));
    free(sorted);
}

static void on_listed(struct pool_job *job, enum status status, const struct error *error)
{
    struct drain *drain = container_of(job, struct drain, page.job);
    (void)error;
    if (status != STATUS_OK || drain->is_cut) {
        drain_end(drain, DRAIN_UNFINISHED);
        return;
    }
    if (drain->page.count == 0) {
        drain_next(drain);
        return;
    }
    outbox_note_waiting(drain->outbox);
    drain->page.last = drain->page.fences[drain->page.count - 1];
    drain->is_refused = false;
    drain->calls_left = 0;
    drain->has_list = !drain->page.is_list_away || home_holds(&drain->page.list);
    parts_sort(drain);
    drain->has_left |= drain->part_counts[PART_CLOSED] < drain->page.count || !drain->has_list;
    send_all(drain);
    if (drain->calls_left == 0 || failpoint_is_on(FAILPOINT_DRAIN_UNANSWERED))
        drain_remove(drain);
}

static void drain_list(struct drain *drain, bool is_first_page)
{
    drain->page.is_first = is_first_page;
    drain_run(drain, drain_page_list_work, on_listed);
}

void drain_start(struct drain *drain, const struct drain_target *target, drain_done_cb done, void *ctx)
{
    bug_unless(!drain->is_draining, "two drains at once");
    drain->is_draining = true;
    drain->is_cut = false;
    drain->has_removed = false;
    drain->done = done;
    drain->ctx = ctx;
    drain->redis = target->redis;
    drain->cluster = target->list.cluster;
    drain->page.epoch = target->epoch;
    if (drain->page.own)
        *drain->page.own = *target->own;
    const struct home list = drain_home(drain, drain->page.own ? (int)slot_of_list() : HOME_SLOT_NONE);
    drain->page.is_list_away = drain->page.own && list.epoch == 0;
    drain->page.list = drain->page.is_list_away ? target->list : list;
    drain->is_changed = false;
    drain->closed_at = outbox_closed_count(drain->outbox, HOME_SLOT_NONE);
    drain->has_left = false;
    drain_list(drain, true);
}

void drain_cut(struct drain *drain)
{
    drain->is_cut = true;
    brought_forget(drain->brought);
}

int64_t drain_epoch(const struct drain *drain)
{
    return drain->page.epoch;
}

const struct slot_epochs *drain_own(const struct drain *drain)
{
    return drain->page.own;
}

bool drain_has_removed(const struct drain *drain)
{
    return drain->has_removed;
}

bool drain_is_idle(const struct drain *drain)
{
    return !drain->is_draining;
}

bool drain_has_news(const struct drain *drain, int slot)
{
    return outbox_closed_count(drain->outbox, slot) > drain->closed_at;
}

struct drain *drain_new(const struct cache_options *options, struct outbox *outbox, bool has_slots)
{
    struct drain *drain = mem_zalloc(sizeof(*drain));
    drain->page.own = has_slots ? mem_zalloc(sizeof(*drain->page.own)) : NULL;
    drain->brought = brought_new();
    drain->options = options;
    drain->page.store = options->store;
    drain->outbox = outbox;
    return drain;
}

void drain_free(struct drain *drain)
{
    if (!drain)
        return;
    brought_free(drain->brought);
    free(drain->page.own);
    free(drain);
}
