/* SPDX-License-Identifier: MIT */
/*
 * The applier of one shard.
 *
 *   idle --hold--> claiming --bookmark--> reading --> applying --> settling --> reading ...
 *     ^                ^                     |          |     |       |
 *     |                '--- not known, away -|----------'     |       |
 *     '--- hold lost, replaced, stopped -----'----------------'-------'
 *
 * Reading always begins with the first write that the journal still has. What the shard's bookmark knows of it decides:
 *
 *   behind the bookmark   it is new, and is applied with those behind it
 *   among its results     it was applied, and only its outcome is not in the journal yet: it is settled
 *   before, unknown       the journal is of another time than the store: it becomes a dead letter, never silently lost
 *
 * So there is one way for all: after a failure, a death or a lost answer the applier claims the shard again, reads, and
 * goes on behind the bookmark. The bookmark is committed with the batch (store/apply.h), so nothing is applied twice,
 * and an applier that was replaced applies nothing. The hold in the journal only sees to it that one works at a time.
 *
 * Pace. A batch begins BATCH_PAUSE_MS after the one before, unless that many writes wait that they fill one: several
 * writes of one todo are then one change in the store. Without writes the pauses grow up to IDLE_MAX_MS.
 * Claims and batches wait for their turn, so that clients' writes find threads of the store (queue/turns.h).
 *
 * Size. A failing store gets half as many writes the next time, down to one, and twice as many after a success. A slow
 * one gets no more than it does in half its timeout, so that it does not come to failures. Halving also finds a write
 * that the store refuses for good: alone, and refused REFUSALS_MAX times, it becomes a dead letter, and the shard goes
 * on. Of a write that ends its worker nobody learns in the same way, so a batch is noted on the board before it begins
 * (queue/board.h). After DEATHS_ALONE deaths at one number writes are applied one by one; the one whose application has
 * ended DEATHS_MAX workers becomes a dead letter.
 *
 * Does not: look at shards that others hold, or wait for the store in any other way than by trying again.
 */
#include "queue/applier.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/container.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/mem.h"
#include "queue/batch.h"
#include "queue/settlement.h"

enum {
    START_MS = 1500,   /* until the first try to get the shard, at most; drawn, so that workers share the shards */
    TAKE_MIN_MS = 300, /* between tries */
    TAKE_MAX_MS = 900,
    BATCH_PAUSE_MS = 60,
    IDLE_MIN_MS = 25,
    IDLE_MAX_MS = 200,
    FAIL_MIN_MS = 50,
    FAIL_MAX_MS = 1000,
    FAIL_TELL_MS = 10000, /* between lines of the log, while it lasts */
    SLOW_PART = 2,        /* of the store's timeout: a batch that took longer was too large */
    FAST_PART = 8,        /* of it too: after one that took less the next may be larger */
    REFUSED_PAUSE_MS = 100,
    REFUSALS_MAX = 3,
    DEATHS_ALONE = 2,
    DEATHS_MAX = 5,
};

enum applier_state {
    APPLIER_IDLE,
    APPLIER_WORKING, /* a call is under way, or waits for its turn */
    APPLIER_WAITING, /* for the timer, then next */
};

struct applier {
    struct applier_options options;
    enum applier_state state;
    bool is_started, is_stopped;
    bool is_held;    /* this applier has the shard, as far as it knows */
    bool is_polling; /* it waits to read again: applier_poke() may shorten that */
    bool is_poked;   /* a write came since the read was sent */
    struct token owner;
    struct timer *timer;
    void (*next)(struct applier *applier);
    int64_t begun_at_ms; /* loop time: the latest batch */
    uint32_t idle_ms, fail_ms;
    size_t span; /* a run has at most so many writes */
    unsigned refusals;
    int64_t tell_at_ms; /* loop time: the failure's next line in the log; 0: all is well */
    struct turn turn;
    struct pool_job job;
    struct store_bookmark bookmark; /* while the job runs, the job's */
    struct batch batch;
    int64_t given_up; /* the last write that this applier gave up, and why */
    char given_up_reason[sizeof(((struct error *)0)->text)];
    struct settlement settlement;
};

static void applier_take(struct applier *applier);
static void applier_claim(struct applier *applier);
static void applier_read(struct applier *applier);
static void applier_go_on(struct applier *applier);
static void applier_bury(struct applier *applier, const char *reason);

static int64_t now_ms(const struct applier *applier)
{
    return events_now_ms(applier->options.queue->events);
}

/* ---- Waiting, and the end ---- */

/* Gives the shard back if it has it, and asks for it again later. */
static void applier_rest(struct applier *applier)
{
    struct journal *journal = applier->options.journal;
    if (applier->is_held)
        journal->ops->release(journal, applier->options.shard, &applier->owner);
    batch_reset(&applier->batch);
    applier->is_held = false;
    applier->next = applier_take;
    applier->state = APPLIER_IDLE;
    if (!applier->is_stopped)
        applier->options.queue->events->timer_start(applier->timer,
                                                    TAKE_MIN_MS + (uint32_t)random_below(TAKE_MAX_MS - TAKE_MIN_MS));
}

static bool may_go_on(const struct applier *applier)
{
    return applier->is_held && !applier->is_stopped;
}

static void applier_wait(struct applier *applier, uint32_t ms, void (*next)(struct applier *applier))
{
    if (!may_go_on(applier)) {
        applier_rest(applier);
        return;
    }
    applier->state = APPLIER_WAITING;
    applier->next = next;
    applier->is_polling = false;
    applier->options.queue->events->timer_start(applier->timer, ms);
}

static void applier_proceed(void *ctx)
{
    struct applier *applier = ctx;
    if (applier->state == APPLIER_IDLE || may_go_on(applier))
        applier->next(applier);
    else
        applier_rest(applier);
}

static void on_turn(struct turn *turn)
{
    struct applier *applier = container_of(turn, struct applier, turn);
    if (!may_go_on(applier))
        turn_give(applier->options.turns);
    applier_proceed(applier);
}

static void applier_await_turn(struct applier *applier, void (*next)(struct applier *applier))
{
    applier->state = APPLIER_WORKING;
    applier->next = next;
    turn_take(applier->options.turns, &applier->turn);
}

static void applier_fail(struct applier *applier, const char *what, const struct error *error,
                         void (*next)(struct applier *applier))
{
    if (now_ms(applier) >= applier->tell_at_ms) {
        log_warn(NULL, what, "shard=%u error=\"%s\" action=\"trying again\"", applier->options.shard, error->text);
        applier->tell_at_ms = now_ms(applier) + FAIL_TELL_MS;
    }
    applier_wait(applier, applier->fail_ms, next);
    applier->fail_ms = applier->fail_ms * 2 < FAIL_MAX_MS ? applier->fail_ms * 2 : FAIL_MAX_MS;
}

static void note_success(struct applier *applier)
{
    if (applier->tell_at_ms != 0)
        log_info(NULL, "queue_back", "shard=%u", applier->options.shard);
    applier->tell_at_ms = 0;
    applier->fail_ms = FAIL_MIN_MS;
}

/* ---- The hold ---- */

static void on_taken(void *ctx, enum status status, const struct error *error)
{
    struct applier *applier = ctx;
    (void)error;
    applier->is_held = status == STATUS_OK;
    applier->next = applier_claim;
    applier_proceed(applier);
}

static void applier_take(struct applier *applier)
{
    struct journal *journal = applier->options.journal;
    applier->state = APPLIER_WORKING;
    journal->ops->hold(journal, applier->options.shard, &applier->owner, on_taken, applier);
}

/* Without an answer the shard is still worked on: the store decides whose it is. */
static void on_renewed(void *ctx, enum status status, const struct error *error)
{
    struct applier *applier = ctx;
    (void)error;
    if (status == STATUS_BUSY)
        applier->is_held = false;
}

void applier_tend(struct applier *applier)
{
    struct journal *journal = applier->options.journal;
    if (may_go_on(applier))
        journal->ops->hold(journal, applier->options.shard, &applier->owner, on_renewed, applier);
}

/* ---- The claim ---- */

/* pool thread */
static enum status claim_work(struct pool_job *job, struct error *error)
{
    struct applier *applier = container_of(job, struct applier, job);
    return store_apply_claim(applier->options.queue->store, applier->options.shard, &applier->owner, &applier->bookmark,
                             error);
}

static void on_claimed(struct pool_job *job, enum status status, const struct error *error)
{
    struct applier *applier = container_of(job, struct applier, job);
    turn_give(applier->options.turns);
    if (failpoint_is_on(FAILPOINT_BOOKMARK_UNLOOKED))
        applier->bookmark.count = 0;
    if (!may_go_on(applier))
        applier_rest(applier);
    else if (status == STATUS_OK)
        applier_read(applier);
    else
        applier_fail(applier, "queue_not_claimed", error, applier_claim);
}

static void claim_begin(struct applier *applier)
{
    batch_reset(&applier->batch);
    applier->job = (struct pool_job){.lane = POOL_WRITE, .work = claim_work, .done = on_claimed};
    pool_run(applier->options.queue->pool, &applier->job);
}

static void applier_claim(struct applier *applier)
{
    applier_await_turn(applier, claim_begin);
}

/* ---- Settling ---- */

/* If it is not known whether the journal did it, what is still there is read again, and the bookmark knows it. */
static void on_settled(void *ctx, enum status status, const struct error *error)
{
    struct applier *applier = ctx;
    if (status != STATUS_OK) {
        applier_fail(applier, "queue_not_settled", error, applier_read);
        return;
    }
    settlement_note(&applier->settlement, applier->options.queue, applier->options.shard);
    note_success(applier);
    applier->refusals = 0;
    applier->batch.at += applier->settlement.count;
    applier_go_on(applier);
}

/* ---- What the bookmark knows ---- */

/* Why the first write, which is at the bookmark or before it, is a dead letter; "": it is none. */
static const char *dead_reason(const struct applier *applier, int64_t number, const struct store_applied *applied)
{
    if (!applied)
        return "the journal is of another time than the store: "
               "the write's number is at or before the last one applied, and it is not known whether this one was";
    if (applied->status != STATUS_INVALID)
        return "";
    return number == applier->given_up ? applier->given_up_reason : "the store can't apply it, now or later";
}

/* The writes that the bookmark has as applied; or a single dead letter. */
static void applier_settle_known(struct applier *applier)
{
    const struct store_queued *write = &applier->batch.writes[applier->batch.at];
    const struct store_queued *end = applier->batch.writes + applier->batch.count;
    const struct store_applied *applied = store_bookmark_find(&applier->bookmark, write->number);
    const struct store_applied unknown = {.number = write->number, .status = STATUS_INVALID};
    settlement_begin(&applier->settlement, dead_reason(applier, write->number, applied));
    do
        settlement_add(&applier->settlement, write, applied ? applied : &unknown);
    while (!*applier->settlement.reason && ++write < end &&
           (applied = store_bookmark_find(&applier->bookmark, write->number)) && applied->status != STATUS_INVALID);
    applier->state = APPLIER_WORKING;
    failpoint_pass(FAILPOINT_QUEUE_BEFORE_SETTLE);
    settlement_send(&applier->settlement, applier->options.journal, applier->options.shard, on_settled, applier);
}

/* ---- Applying ---- */

static void on_refused(struct applier *applier, const struct error *error)
{
    if (applier->batch.run > 1) {
        applier->span = applier->batch.run / 2;
        applier_go_on(applier);
    } else if (++applier->refusals < REFUSALS_MAX) {
        applier_wait(applier, REFUSED_PAUSE_MS, applier_go_on);
    } else {
        applier_bury(applier, error->text);
    }
}

/* After a batch that the store has taken. */
static void span_adapt(struct applier *applier)
{
    int64_t took_ms = now_ms(applier) - applier->begun_at_ms;
    int64_t timeout_ms = applier->options.queue->settings->store_timeout_ms;
    if (took_ms > timeout_ms / SLOW_PART)
        applier->span = applier->batch.run > 1 ? applier->batch.run / 2 : 1;
    else if (took_ms < timeout_ms / FAST_PART)
        applier->span = applier->span * 2 < STORE_APPLY_MAX ? applier->span * 2 : STORE_APPLY_MAX;
}

static void on_committed(struct applier *applier)
{
    const struct batch *batch = &applier->batch;
    stats_add(applier->options.queue->stats, STAT_QUEUE_BATCHES, 1);
    applier->bookmark.count = batch->run;
    memcpy(applier->bookmark.last, batch->results, batch->run * sizeof(*batch->results));
    span_adapt(applier);
    applier_settle_known(applier);
}

static void on_applied(struct batch *batch, enum status status, const struct error *error)
{
    struct applier *applier = container_of(batch, struct applier, batch);
    turn_give(applier->options.turns);
    board_end(applier->options.board, applier->options.shard);
    if (status == STATUS_OK) {
        on_committed(applier);
    } else if (status == STATUS_INVALID && !batch->call.writes->is_dead) {
        on_refused(applier, error);
    } else if (status == STATUS_MISMATCH) {
        applier->is_held = false; /* another applier has claimed the shard */
        applier_rest(applier);
    } else {
        applier->span = batch->run > 1 ? batch->run / 2 : 1;
        applier_fail(applier, "queue_not_applied", error, applier_claim);
    }
}

static void apply_begin(struct applier *applier)
{
    const struct applier_options *options = &applier->options;
    struct batch *batch = &applier->batch;
    const struct store_queued *first = &batch->writes[batch->at];
    applier->begun_at_ms = now_ms(applier);
    if (!first->is_dead)
        board_begin(options->board, options->shard, first->number, batch->run);
    batch_apply(batch, options->queue->cache, options->shard, &applier->owner, on_applied);
    if (failpoint_is_on(FAILPOINT_SETTLE_EARLY) && !first->is_dead)
        settlement_send_early(&applier->settlement, options->journal, &batch->call);
}

/*
 * The first write is given up. The store learns of it first: an applier that replaces this one would apply the write
 * after all, while the journal calls it dead.
 */
static void applier_bury(struct applier *applier, const char *reason)
{
    struct batch *batch = &applier->batch;
    applier->given_up = batch->writes[batch->at].number;
    slice_copy(applier->given_up_reason, sizeof(applier->given_up_reason), slice_of(reason));
    batch_bury(batch);
    batch->run = 1;
    applier_await_turn(applier, apply_begin);
}

/* The first write is new. */
static void applier_apply(struct applier *applier)
{
    const struct applier_options *options = &applier->options;
    struct batch *batch = &applier->batch;
    const struct store_queued *first = &batch->writes[batch->at];
    bool alone;
    uint32_t deaths = board_deaths(options->board, options->shard, first->number, &alone);
    if (deaths >= DEATHS_MAX) {
        applier_bury(applier, "its application has ended several workers");
        return;
    }
    size_t span = deaths >= DEATHS_ALONE || alone ? 1 : applier->span;
    size_t run = store_apply_run(first, batch->count - batch->at);
    batch->run = run < span ? run : span;
    applier_await_turn(applier, apply_begin);
}

/* ---- Reading ---- */

/* Later, and not before the next batch may begin. */
static void applier_poll(struct applier *applier, uint32_t idle_ms)
{
    int64_t pause_ms = applier->begun_at_ms + BATCH_PAUSE_MS - now_ms(applier);
    applier_wait(applier, pause_ms > idle_ms ? (uint32_t)pause_ms : idle_ms, applier_read);
    applier->is_polling = true;
}

static void applier_go_on(struct applier *applier)
{
    const struct batch *batch = &applier->batch;
    if (!may_go_on(applier))
        applier_rest(applier);
    else if (batch->at < batch->count && batch->writes[batch->at].number <= store_bookmark_last(&applier->bookmark))
        applier_settle_known(applier);
    else if (batch->at < batch->count && batch->writes[batch->at].is_dead)
        applier_bury(applier, batch->flaw.text);
    else if (batch->at < batch->count)
        applier_apply(applier);
    else if (batch->is_full)
        applier_read(applier);
    else
        applier_poll(applier, 0);
}

static void on_read(void *ctx, enum status status, const struct journal_write *writes, size_t count,
                    const struct error *error)
{
    struct applier *applier = ctx;
    if (!may_go_on(applier)) {
        applier_rest(applier);
    } else if (status != STATUS_OK) {
        applier_fail(applier, "queue_not_read", error, applier_read);
    } else if (count == 0) {
        note_success(applier);
        applier_poll(applier, applier->is_poked ? 0 : applier->idle_ms);
        applier->idle_ms = applier->idle_ms * 2 < IDLE_MAX_MS ? applier->idle_ms * 2 : IDLE_MAX_MS;
    } else {
        applier->idle_ms = IDLE_MIN_MS;
        batch_read(&applier->batch, writes, count);
        applier_go_on(applier);
    }
}

static void applier_read(struct applier *applier)
{
    struct journal *journal = applier->options.journal;
    applier->state = APPLIER_WORKING;
    applier->is_poked = false;
    journal->ops->read(journal, applier->options.shard, 0, STORE_APPLY_MAX, on_read, applier);
}

void applier_poke(struct applier *applier)
{
    applier->is_poked = true;
    applier->idle_ms = IDLE_MIN_MS;
    if (applier->state == APPLIER_WAITING && applier->is_polling)
        applier_poll(applier, 0);
}

/* ---- Begin and end ---- */

struct applier *applier_new(const struct applier_options *options)
{
    struct applier *applier = mem_zalloc(sizeof(*applier));
    applier->options = *options;
    applier->owner = token_new();
    applier->next = applier_take;
    applier->turn.go = on_turn;
    applier->idle_ms = IDLE_MIN_MS;
    applier->fail_ms = FAIL_MIN_MS;
    applier->span = STORE_APPLY_MAX;
    applier->timer = options->queue->events->timer_new(options->queue->events->loop, applier_proceed, applier);
    batch_init(&applier->batch);
    return applier;
}

void applier_start(struct applier *applier)
{
    if (!applier->is_started && !applier->is_stopped)
        applier->options.queue->events->timer_start(applier->timer, (uint32_t)random_below(START_MS));
    applier->is_started = true;
}

void applier_stop(struct applier *applier)
{
    applier->is_stopped = true;
    applier->options.queue->events->timer_stop(applier->timer);
    if (applier->state == APPLIER_IDLE || applier->state == APPLIER_WAITING)
        applier_rest(applier);
}

bool applier_is_idle(const struct applier *applier)
{
    return applier->state == APPLIER_IDLE;
}

void applier_free(struct applier *applier)
{
    applier->options.queue->events->timer_free(applier->timer);
    batch_fini(&applier->batch);
    free(applier);
}
