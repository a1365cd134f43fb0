/* SPDX-License-Identifier: MIT */
/*
 * A fenced write: no entry may outlive the change of the todo that it shows.
 *
 *   AWAITING --trusted--> FENCING --taken--> STORING --> UNFENCING or publish --taken--> ANSWERING
 *     |  ^--no answer-------' |               ^   |          |        ^                      ^
 *     |                       |refused        |   |          |failed  |Redis is trusted      |
 *     '--- Redis is away -----+---------------'   |          v        |                      |
 *          (open record first)                    '------> RECORDING -+--Redis is not--------'
 *
 *   STORING -> RECORDING   Redis was lost meanwhile; or the epoch moved on, and the store did not take the record
 *   STORING -> ANSWERING   the outcome is unknown; a write by record wrote nothing; or Redis is away
 *   AWAITING, FENCING -> ANSWERING   Redis is away and on_cache_down = refuse
 *
 * fence deletes the entries and keeps readers from filling new ones. unfence deletes once more, in case the fence was
 * lost in between, and lets readers fill again. publish is an unfence that stores what this write made, if no other
 * write overlapped. The list's generation is removed at both ends. All are scripts, so each is one step for Redis.
 *
 * Redis away: the store's outbox takes the fence as an open record before the write, and as a closed one after it;
 * drain.c brings it to Redis later. If Redis is trusted by the time the store has answered, its entries go before the
 * answer does.
 *
 * Unfence failed: a closed record goes to the outbox. If the store cannot take it either, this process keeps it
 * (outbox_owe). So an invalidation is lost only with every process that knows it, and a worker killed anywhere leaves
 * at worst a mark that is in doubt (doubt.c).
 *
 * Other machines' L1s are told between the fence and the store, and the write waits for them. It tells them again
 * before its answer if its mark did not stand all the time (peers/tell.c).
 *
 * This machine's own generations (l1/table.c) are raised twice, whether or not Redis took anything. Before the store is
 * asked: what was read until then is not found any more, so nobody finds it after another reader has seen the new
 * state. Before the answer: if Redis lost the mark in between, or never had one, what was read meanwhile goes as well.
 * A worker that dies in between leaves its mark or its record, and entries come back only through them.
 *
 * What happens on the pool thread, and what if the epoch moves on before the commit: write_store.c. With caches in
 * front the answer waits a little for their acknowledgement: cdn/purger.c.
 */
#include "cache/write.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/failpoint.h"
#include "base/mem.h"
#include "cache/cache_state.h"
#include "cache/fence.h"
#include "cache/keys.h"
#include "cache/lifetime.h"
#include "cache/mutant.h"
#include "cache/outbox.h"
#include "cache/write_homes.h"
#include "cache/write_step.h"
#include "cache/write_store.h"

enum { AWAIT_MAX_MS = 1000, AWAIT_LOOK_MS = 5 };

struct write_flow {
    struct cache *cache;
    struct cache_write *write;
    enum write_step step;
    unsigned fences_sent;
    struct write_homes homes; /* taken for the last fence or unfence */
    bool is_marked;           /* Redis took this write's mark, and the homes are still where it is */
    int64_t await_until_ms;   /* loop time: how long a Redis that is coming back is waited for */
    struct timer *timer;      /* of a step that waits: its end, and what comes then */
    void (*then)(struct write_flow *flow);
    struct write_store store; /* the write's token and epoch, where its fence stands, and its steps on a pool thread */
    enum status status;       /* the store's */
    struct error error;
};

static void write_await(struct write_flow *flow);
static void write_fence(struct write_flow *flow);
static void write_ask_store(struct write_flow *flow);
static void write_catch_up(struct write_flow *flow);
static void write_clear(struct write_flow *flow);
static void write_unfence(struct write_flow *flow);
static void write_record(struct write_flow *flow);
static void write_answer(struct write_flow *flow);

static struct fence_call call_of(const struct write_flow *flow)
{
    const struct settings *settings = flow->cache->options.settings;
    bool may_refuse = flow->step == WRITE_FENCING && settings->on_cache_down == CACHE_DOWN_REFUSE;
    return (struct fence_call){.settings = settings,
                               .store = flow->cache->options.store,
                               .token = &flow->store.token,
                               .ids = flow->write->ids,
                               .homes = flow->homes.taken,
                               .id_count = flow->write->id_count,
                               .list = write_homes_list(&flow->homes),
                               .shared = flow->cache->fences,
                               .window_ms = settings->write_deadline_ms,
                               .refusal = may_refuse ? NULL : "it refuses an invalidation"};
}

static void count_ids(const struct write_flow *flow, enum stat_counter stat)
{
    stats_add(flow->cache->options.stats, stat, flow->write->id_count);
}

static void note_ids(const struct write_flow *flow, enum trail_kind kind)
{
    const struct cache_write *write = flow->write;
    int64_t v = flow->status == STATUS_OK && write->written ? write->written->v : 0;
    for (size_t i = 0; i < write->id_count; i++)
        trail_note(flow->cache->options.trail, kind, write->ids[i], write->request, v);
}

static void note_marks(const struct write_flow *flow, enum fence_outcome outcome, enum trail_kind kind)
{
    note_ids(flow, outcome == FENCE_TAKEN ? kind : TRAIL_NOT_TAKEN);
}

static void note_recorded(const struct write_flow *flow)
{
    count_ids(flow, STAT_OUTBOX_ADDED);
    note_ids(flow, TRAIL_RECORDED);
}

/* What the L1 has of these ids goes out of reach. */
static void raise_generations(const struct write_flow *flow)
{
    l1_raise(flow->cache->options.l1, flow->write->ids, flow->write->id_count);
}

/* ---- Awaiting ---- */

static void on_time(void *ctx)
{
    struct write_flow *flow = ctx;
    flow->then(flow);
}

static void write_later(struct write_flow *flow, void (*then)(struct write_flow *flow), uint32_t after_ms)
{
    const struct events *events = flow->cache->options.events;
    if (!flow->timer)
        flow->timer = events->timer_new(events->loop, on_time, flow);
    flow->then = then;
    events->timer_start(flow->timer, after_ms);
}

static bool may_wait(const struct write_flow *flow)
{
    return events_now_ms(flow->cache->options.events) < flow->await_until_ms;
}

/*
 * A worker that has just been started, or whose connection was cut, will trust Redis again in a moment. Until then the
 * others go on answering from entries that this write makes old. So it waits for that moment, unless Redis seems to be
 * away.
 */
static void write_await(struct write_flow *flow)
{
    enum homes_trust trust = write_homes_look(&flow->homes);
    if (trust == HOMES_TRUSTED)
        write_fence(flow);
    else if (trust == HOMES_COMING && may_wait(flow))
        write_later(flow, write_await, AWAIT_LOOK_MS);
    else
        write_ask_store(flow);
}

/* ---- Fencing ---- */

static void on_told(void *ctx, enum fence_outcome outcome, int64_t count)
{
    struct write_flow *flow = ctx;
    (void)count;
    if (outcome == FENCE_TAKEN && !write_homes_stand(&flow->homes))
        outcome = FENCE_UNANSWERED; /* the connection was lost while other machines were waited for */
    note_marks(flow, outcome, TRAIL_FENCED);
    if (outcome == FENCE_TAKEN) {
        flow->store.fence = FENCE_IN_REDIS;
        flow->is_marked = true;
    }
    if (outcome != FENCE_TAKEN && outcome != FENCE_REFUSED && may_wait(flow)) {
        write_step_take(&flow->step, WRITE_AWAITING);
        write_later(flow, write_await, AWAIT_LOOK_MS); /* by then it is known that the connection is gone */
    } else {
        write_ask_store(flow);
    }
}

/* Told after the fence, never beside it: what another machine reads from Redis after that is no entry of before. */
static void on_fenced(void *ctx, enum fence_outcome outcome, int64_t count)
{
    struct write_flow *flow = ctx;
    struct fence_call call = call_of(flow);
    if (outcome == FENCE_TAKEN)
        fence_tell(flow->cache->options.peers, &call, true, on_told, flow);
    else
        on_told(flow, outcome, count);
}

static void write_fence(struct write_flow *flow)
{
    write_step_take(&flow->step, WRITE_FENCING);
    flow->store.serial = write_homes_take(&flow->homes);
    flow->store.begun_at_ms = clock_wall_ms();
    flow->store.fence = FENCE_NOWHERE;
    flow->fences_sent++;
    count_ids(flow, STAT_FENCE);
    struct fence_call call = call_of(flow);
    fence_send(&call, on_fenced, flow);
}

/* ---- Storing ---- */

/* pool thread */
static enum status flow_work(void *ctx, struct store *store, struct error *error)
{
    struct write_flow *flow = ctx;
    return flow->write->work(flow->write, store, error);
}

static void note_outcome(struct write_flow *flow, enum status status, const struct error *error)
{
    write_store_count(&flow->store, status);
    if (write_store_may_have_written(&flow->store, status))
        home_note_write(flow->cache);
    flow->status = status;
    flow->error = *error;
    note_ids(flow, status == STATUS_OK ? flow->write->kind : status == STATUS_UNKNOWN ? TRAIL_UNKNOWN : TRAIL_REFUSED);
}

/* Fenced in Redis. If the outcome is unknown, the mark stays; doubt.c removes it. */
static void on_fenced_stored(struct pool_job *job, enum status status, const struct error *error)
{
    struct write_flow *flow = container_of(job, struct write_flow, store.job);
    note_outcome(flow, status, error);
    flow->await_until_ms = events_now_ms(flow->cache->options.events) + AWAIT_MAX_MS;
    if (flow->store.fence == FENCE_IN_OUTBOX) {
        note_recorded(flow);
        outbox_note_closed(flow->cache->outbox, flow->write->ids, flow->write->id_count);
    }
    if (status == STATUS_UNKNOWN)
        write_answer(flow);
    else if (flow->store.fence == FENCE_NOWHERE)
        write_record(flow);
    else
        write_catch_up(flow);
}

/* Fenced by a record. Unless something was written, its record is closed, or is in doubt after its deadline. */
static void on_recorded_stored(struct pool_job *job, enum status status, const struct error *error)
{
    struct write_flow *flow = container_of(job, struct write_flow, store.job);
    note_outcome(flow, status, error);
    if (status != STATUS_OK) {
        write_answer(flow);
        return;
    }
    outbox_note_closed(flow->cache->outbox, flow->write->ids, flow->write->id_count);
    write_clear(flow);
}

static void write_ask_store(struct write_flow *flow)
{
    const struct cache *cache = flow->cache;
    bool is_fenced = flow->store.fence == FENCE_IN_REDIS;
    if (!is_fenced && cache->options.settings->on_cache_down == CACHE_DOWN_REFUSE) {
        flow->status = error_set(&flow->error, STATUS_UNAVAILABLE,
                                 "the cache is away and on_cache_down = refuse; nothing was written, try again");
        write_later(flow, write_answer, 0); /* an answer never comes before the write's starter has returned */
        return;
    }
    write_step_take(&flow->step, WRITE_STORING);
    if (!failpoint_is_on(FAILPOINT_L1_RAISE_LATE))
        raise_generations(flow);
    if (is_fenced) {
        write_store_fenced(&flow->store, on_fenced_stored);
    } else {
        note_recorded(flow);
        write_store_by_record(&flow->store, on_recorded_stored);
    }
}

/* ---- Unfencing ---- */

/*
 * Slots have moved between the fence and the commit, and readers look where they are now. The homes learn of it within
 * a second; then the entries go there before the answer. Without a cluster the record alone takes care of that.
 */
static void write_catch_up(struct write_flow *flow)
{
    if (flow->store.moved_to > 0 && may_wait(flow) && write_homes_are_behind(&flow->homes, flow->store.moved_to))
        write_later(flow, write_catch_up, AWAIT_LOOK_MS);
    else
        write_clear(flow);
}

/*
 * The entries must be gone before the answer. If reads trust Redis they go at once, even if it is another Redis or
 * epoch by now, where readers met no mark of this write. Else a record is enough: it is drained before reads trust
 * Redis again.
 */
static void write_clear(struct write_flow *flow)
{
    bool is_recorded = flow->store.fence == FENCE_IN_OUTBOX;
    if (is_recorded ? write_homes_any_trusted(&flow->homes) : write_homes_look(&flow->homes) == HOMES_TRUSTED)
        write_unfence(flow);
    else if (is_recorded)
        write_answer(flow);
    else
        write_record(flow);
}

static void note_lost_marks(const struct write_flow *flow, int64_t count)
{
    stats_add(flow->cache->options.stats, STAT_FENCE_LOST, (uint64_t)count);
    struct todo_keys keys;
    todo_keys_init(&keys, flow->homes.taken[0].epoch, flow->write->ids[0]);
    mutant_unmark(flow->homes.taken[0].redis, key_slice(&keys.writers));
}

/* A record that stands already stays the fence: readers under another epoch need it. */
static void on_told_again(void *ctx, enum fence_outcome outcome, int64_t count)
{
    struct write_flow *flow = ctx;
    (void)count;
    if (outcome == FENCE_TAKEN && write_homes_stand(&flow->homes) && flow->store.fence != FENCE_IN_OUTBOX)
        flow->store.fence = FENCE_LIFTED;
    if (flow->store.fence == FENCE_LIFTED || flow->store.fence == FENCE_IN_OUTBOX)
        write_answer(flow);
    else
        write_record(flow);
}

/*
 * Where this write's mark did not stand all the time, another machine may have kept the old state meanwhile, although
 * it had been told.
 */
static void write_unfenced(struct write_flow *flow, enum fence_outcome outcome, bool was_marked)
{
    struct fence_call call = call_of(flow);
    bool waits = !failpoint_is_on(FAILPOINT_TELL_AGAIN_UNAWAITED);
    if (outcome == FENCE_TAKEN && !was_marked && !failpoint_is_on(FAILPOINT_TELL_ONCE))
        fence_tell(flow->cache->options.peers, &call, waits, on_told_again, flow);
    else
        on_told_again(flow, outcome, 0);
}

static void on_published(void *ctx, enum fence_outcome outcome, int64_t answer)
{
    struct write_flow *flow = ctx;
    cache_count(flow->cache, answer == 1 ? STAT_PUBLISHED : STAT_PUBLISH_REFUSED);
    note_marks(flow, outcome, answer == 1 ? TRAIL_PUBLISHED : TRAIL_PUBLISH_REFUSED);
    if (answer == -1)
        note_lost_marks(flow, 1);
    write_unfenced(flow, outcome, answer != -1);
}

static void on_unfenced(void *ctx, enum fence_outcome outcome, int64_t lost_count)
{
    struct write_flow *flow = ctx;
    note_marks(flow, outcome, TRAIL_UNFENCED);
    if (flow->is_marked && lost_count > 0)
        note_lost_marks(flow, lost_count);
    write_unfenced(flow, outcome, flow->is_marked && lost_count == 0);
}

/*
 * Publish only after the one fence that this write sent, in this Redis. If an earlier fence of this write may still
 * arrive late, over a connection that was given up, don't publish: the entry would outlive a newer write.
 */
static bool may_publish(const struct write_flow *flow)
{
    const struct cache_write *write = flow->write;
    return flow->cache->options.settings->write_policy == WRITE_PUBLISH && flow->store.fence == FENCE_IN_REDIS &&
           flow->fences_sent == 1 && flow->status == STATUS_OK && write->written && write->id_count == 1;
}

/* The published entry is as old as the begin of its write, and cost what the write did. */
static void publish(struct write_flow *flow, const struct fence_call *call)
{
    struct entry entry = {.todo = *flow->write->written,
                          .at_ms = flow->store.begun_at_ms,
                          .cost_ms = (flow->store.job.ended_at_us - flow->store.job.started_at_us) / 1000};
    struct lifetime lifetime = lifetime_ms(call->settings, false, call->ids[0], entry.at_ms);
    publish_send(call, &entry, lifetime.kept_ms, on_published, flow);
}

static void write_unfence(struct write_flow *flow)
{
    write_step_take(&flow->step, WRITE_UNFENCING);
    flow->is_marked = flow->is_marked && write_homes_stand(&flow->homes);
    if (flow->store.fence == FENCE_IN_REDIS && !flow->is_marked)
        flow->store.fence = FENCE_NOWHERE;
    flow->store.serial = write_homes_take(&flow->homes);
    count_ids(flow, STAT_UNFENCE);
    failpoint_pass(FAILPOINT_WRITE_BEFORE_UNFENCE);
    struct fence_call call = call_of(flow);
    if (may_publish(flow))
        publish(flow, &call);
    else
        unfence_send(&call, on_unfenced, flow);
}

/* ---- Recording ---- */

static void on_recorded(struct pool_job *job, enum status status, const struct error *error)
{
    struct write_flow *flow = container_of(job, struct write_flow, store.job);
    (void)error;
    flow->store.fence = FENCE_IN_OUTBOX;
    if (status == STATUS_OK)
        outbox_note_closed(flow->cache->outbox, flow->write->ids, flow->write->id_count);
    else
        outbox_owe(flow->cache->outbox, &flow->store.token, flow->write->ids, flow->write->id_count);
    write_catch_up(flow);
}

static void write_record(struct write_flow *flow)
{
    write_step_take(&flow->step, WRITE_RECORDING);
    note_recorded(flow);
    write_store_record(&flow->store, on_recorded);
}

/* ---- Answering ---- */

static void write_end(struct write_flow *flow)
{
    struct cache_write *write = flow->write;
    enum status status = flow->status;
    struct error error = flow->error;
    write->flow = NULL;
    flow->cache->options.events->timer_free(flow->timer);
    write_homes_fini(&flow->homes);
    free(flow);
    write->done(write, status, &error);
}

static void note_pending(const struct write_flow *flow)
{
    cache_count(flow->cache, STAT_PURGE_PENDING);
    note_ids(flow, TRAIL_PENDING);
}

static void on_purged(void *ctx, bool acknowledged)
{
    struct write_flow *flow = ctx;
    if (acknowledged) {
        flow->write->purge = CACHE_PURGE_DONE;
        note_ids(flow, TRAIL_ACKNOWLEDGED);
    } else {
        note_pending(flow);
    }
    write_end(flow);
}

static void write_purge(struct write_flow *flow)
{
    struct purge_write purges = write_store_purges(&flow->store);
    enum purge_outcome outcome = write_store_purge_outcome(&flow->store, flow->status);
    flow->write->purge = outcome == PURGE_NOTHING ? CACHE_PURGE_NONE : CACHE_PURGE_PENDING;
    if (purger_send(flow->cache->purger, &purges, outcome, on_purged, flow))
        return;
    if (outcome != PURGE_NOTHING)
        note_pending(flow);
    write_end(flow);
}

static void write_answer(struct write_flow *flow)
{
    write_step_take(&flow->step, WRITE_ANSWERING);
    if (!failpoint_is_on(FAILPOINT_L1_RAISE_ONCE))
        raise_generations(flow);
    if (flow->store.has_purges)
        write_purge(flow);
    else
        write_end(flow);
}

void cache_write_run(struct cache *cache, struct cache_write *write)
{
    bug_unless(write->id_count > 0, "a write without ids");
    struct write_flow *flow = mem_zalloc(sizeof(*flow));
    flow->cache = cache;
    flow->write = write;
    flow->store = (struct write_store){.options = &cache->options,
                                       .purger = cache->purger,
                                       .ids = write->ids,
                                       .id_count = write->id_count,
                                       .work = flow_work,
                                       .ctx = flow,
                                       .token = token_new(),
                                       .begun_at_ms = clock_wall_ms()};
    write_homes_init(&flow->homes, cache, write->ids, write->id_count);
    flow->await_until_ms = events_now_ms(cache->options.events) + AWAIT_MAX_MS;
    write->written = NULL;
    write->purge = CACHE_PURGE_NONE;
    write->flow = flow;
    write_await(flow);
}
