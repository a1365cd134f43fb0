/* SPDX-License-Identifier: MIT */
/*
 * Which Redis is this, and may its entries be believed?
 *
 *   connected -> INFO -> compare with the store's record -> compare the beats -> drain the outbox -> trusted
 *                              \--another identity, or an earlier beat--> the record's epoch moves on, in one operation
 *
 * The danger: a Redis that was restarted from old data, or a replica promoted without the last deletes, holds entries
 * that writes have made old. Such a Redis has another identity (identity.c). The store remembers the identity that the
 * entries belong to, beside an epoch that is part of every key. The first worker that meets another Redis moves the
 * epoch on; from then on no worker can reach an older entry, and Redis expires them by their TTL.
 *
 * Until a worker knows the epoch, it reads from the store and sends its writes' fences to the outbox. The outbox holds
 * the invalidations that Redis missed while it was away, so it is drained before the first read is trusted.
 *
 * The store may be another one, too: restored from a backup, or a copy. Then its beat is earlier than one that Redis or
 * this worker has seen (beat.c), and the epoch moves on as well.
 *
 * Once a second the record is read again: a look. If the epoch has moved on and names another Redis, this worker drops
 * its connection and connects anew, because the address may lead elsewhere by now. If it names the same one, the worker
 * only learns the new epoch. A look is good when the outbox is drained after it.
 *
 * If the store is away, hits go on: no worker can write to it. But it may be away for this worker alone, while others
 * write and leave their invalidations in the outbox. This worker can't tell. So it says so with each hit from
 * UNSEEN_MS after its last good look on, and hits_without_store_s bounds how long it trusts Redis then.
 *
 * Once a second Redis is asked for its identity again, because a primary can be made a replica without its clients
 * being told. This question also finds a connection whose other end is gone.
 *
 * Refused: a replica; a Redis that is loading its file. A Redis that answers an invalidation with an error (it was made
 * a replica, or lacks the replicas that it wants) still holds the entry: it is not trusted until it has taken the whole
 * outbox.
 */
#include "cache/trust.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "cache/identity.h"
#include "cache/record.h"

enum { DRAINS_MAX = 5, SETTLES_MAX = 3, UNSEEN_MS = 2000, REASON_MAX = 160 };

enum trust_state {
    TRUST_DOWN,     /* no connection */
    TRUST_ASKING,   /* INFO is under way */
    TRUST_CHECKING, /* the store's record is being read, moved on, compared */
    TRUST_DRAINING, /* the outbox goes first */
    TRUST_FAILED,   /* the store was away, or Redis refused: asked again at the next tend */
    TRUST_GIVEN,
};

struct trust {
    const struct cache_options *options;
    struct outbox *outbox;
    struct redis *redis;
    enum trust_state state;
    uint64_t period; /* begins at 1, counts withdrawals */
    int64_t epoch;
    char run_id[STORE_RUN_ID_MAX + 1];
    struct record *record;
    int64_t drain_read_at_ms; /* loop time: when the record was read before the drain that runs */
    int64_t seen_at_ms;       /* loop time: when the last good look began */
    bool is_unseen;           /* that was too long ago */
    unsigned settles_left;    /* at the end: tries for a last beat */
    unsigned drains_left;     /* writes that end meanwhile make it drain again, but not for ever */
    bool is_behind;           /* failed only because an earlier check or drain still ran: asked again when that ends */
    bool was_logged;          /* this failure is in the log */
    char reason[REASON_MAX];  /* of the last failure, since Redis was last up or trusted; "": none */
    bool is_stores;           /* that was the store's, not Redis' */
};

static void trust_ask(struct trust *trust);
static void trust_drain(struct trust *trust);

/* The one place where trust ends. */
static void trust_withdraw(struct trust *trust, enum trust_state state)
{
    if (trust->state == TRUST_GIVEN)
        trail_note(trust->options->trail, TRAIL_DISTRUSTED, "", NULL, trust->epoch);
    trust->state = state;
    trust->period++;
    outbox_cut(trust->outbox);
}

/* ---- Drains ---- */

/* A look is good when the outbox is drained after it. Removed records are from writes whose workers may be gone. */
static void trust_note_drained(struct trust *trust, enum drain_result result)
{
    if (outbox_has_removed(trust->outbox))
        record_note_write(trust->record);
    if (result != DRAIN_DONE)
        return;
    trust->seen_at_ms = trust->drain_read_at_ms;
    if (trust->is_unseen)
        log_info(NULL, "store_seen", "epoch=%lld", (long long)trust->epoch);
    trust->is_unseen = false;
}

static void trust_begin_drain(struct trust *trust, outbox_drained_cb done)
{
    trust->drain_read_at_ms = record_read_at_ms(trust->record);
    outbox_drain(trust->outbox, trust->redis, trust->epoch, done, trust);
}

/* ---- Trusted at last ---- */

static void trust_give(struct trust *trust)
{
    trust->state = TRUST_GIVEN;
    trust->was_logged = false;
    trust->reason[0] = '\0';
    redis_accept(trust->redis);
    trail_note(trust->options->trail, TRAIL_TRUSTED, "", NULL, trust->epoch);
    log_info(NULL, "redis_trusted", "run_id=%s epoch=%lld", trust->run_id, (long long)trust->epoch);
}

static void trust_fail(struct trust *trust, const char *reason, bool is_stores)
{
    trust->state = TRUST_FAILED;
    trust->is_behind = false;
    trust->is_stores = is_stores;
    slice_copy(trust->reason, sizeof(trust->reason), slice_of(reason));
    if (!trust->was_logged)
        log_warn(NULL, "redis_not_trusted", "run_id=%s error=\"%s\"", trust->run_id, reason);
    trust->was_logged = true;
}

/* Of the connection before this one. Until it has ended, nothing can be asked; writes wait for it. */
static void trust_fall_behind(struct trust *trust, const char *reason)
{
    trust_fail(trust, reason, true);
    trust->is_behind = true;
}

static void trust_catch_up(struct trust *trust)
{
    if (trust->state == TRUST_FAILED && trust->is_behind && redis_is_up(trust->redis))
        trust_ask(trust);
}

static void on_drained(void *ctx, enum drain_result result)
{
    struct trust *trust = ctx;
    trust_catch_up(trust);
    if (trust->state != TRUST_DRAINING)
        return; /* the connection was lost meanwhile */
    trust_note_drained(trust, result);
    if (result == DRAIN_DONE && outbox_has_news(trust->outbox) && trust->drains_left > 0)
        trust_drain(trust);
    else if (result == DRAIN_DONE)
        trust_give(trust);
    else
        trust_fail(trust, "the outbox could not be drained", result != DRAIN_REFUSED);
}

static void trust_drain(struct trust *trust)
{
    trust->state = TRUST_DRAINING;
    trust->drains_left--;
    if (outbox_is_idle(trust->outbox))
        trust_begin_drain(trust, on_drained);
    else
        trust_fall_behind(trust, "an earlier drain is still under way");
}

/* ---- The store's record ---- */

static void on_checked(void *ctx, enum record_outcome outcome, const char *reason)
{
    struct trust *trust = ctx;
    trust_catch_up(trust);
    if (trust->state != TRUST_CHECKING || outcome == RECORD_LOST)
        return; /* the connection was lost meanwhile */
    if (outcome != RECORD_GOOD) {
        trust_fail(trust, reason, outcome == RECORD_FAILED);
        return;
    }
    trust->epoch = record_meta(trust->record)->epoch;
    trust->drains_left = DRAINS_MAX;
    trust_drain(trust);
}

/* ---- INFO ---- */

static void on_info(void *ctx, const struct redis_reply *reply)
{
    struct trust *trust = ctx;
    struct identity identity;
    if (!reply || trust->state != TRUST_ASKING)
        return; /* on_down() was called, or will be */
    identity_take(&identity, redis_reply_ok(reply) ? redis_reply_text(reply) : SLICE(""));
    if (identity.flaw) {
        redis_drop(trust->redis, identity.flaw);
        return;
    }
    if (record_is_busy(trust->record)) {
        trust_fall_behind(trust, "an earlier check is still under way");
        return;
    }
    memcpy(trust->run_id, identity.id, sizeof(identity.id));
    trust->state = TRUST_CHECKING;
    record_check(trust->record, trust->redis, trust->run_id, on_checked);
}

static void info_send(struct trust *trust, redis_reply_cb on_reply)
{
    redis_call(trust->redis, (struct slice[]){SLICE("INFO")}, 1, on_reply, trust);
}

static void trust_ask(struct trust *trust)
{
    trust_withdraw(trust, TRUST_ASKING);
    info_send(trust, on_info);
}

static void on_up(void *ctx)
{
    struct trust *trust = ctx;
    trust->reason[0] = '\0';
    trust_ask(trust);
}

static void on_down(void *ctx)
{
    trust_withdraw(ctx, TRUST_DOWN);
}

/* ---- Once a second ---- */

static void on_tend_drained(void *ctx, enum drain_result result)
{
    struct trust *trust = ctx;
    trust_catch_up(trust);
    if (result == DRAIN_REFUSED)
        trust_report_refusal(trust, "it refuses an invalidation");
    if (trust->state == TRUST_GIVEN)
        trust_note_drained(trust, result);
}

/* The record is of another epoch, or of an earlier state of the store. */
static void trust_turn_away(struct trust *trust)
{
    const struct store_meta *meta = record_meta(trust->record);
    log_info(NULL, "epoch_changed", "from=%lld to=%lld", (long long)trust->epoch, (long long)meta->epoch);
    if (meta->epoch == 0 || strcmp(meta->cache_run_id, trust->run_id) == 0)
        trust_ask(trust);
    else
        redis_drop(trust->redis, "the cache is in another Redis now");
}

static void on_looked(void *ctx, enum record_outcome outcome, const char *reason)
{
    struct trust *trust = ctx;
    trust_catch_up(trust);
    if (trust->state != TRUST_GIVEN)
        return;
    if (outcome == RECORD_CHANGED)
        trust_turn_away(trust);
    else if (outcome == RECORD_REFUSED)
        trust_report_refusal(trust, reason);
    else if (outcome == RECORD_GOOD && outbox_is_idle(trust->outbox))
        trust_begin_drain(trust, on_tend_drained);
}

/* hits_without_store_s counts from the last good look. */
static void trust_watch_store(struct trust *trust)
{
    int64_t unseen_ms = events_now_ms(trust->options->events) - trust->seen_at_ms;
    int64_t most_ms = trust->options->settings->hits_without_store_s * 1000;
    if (unseen_ms <= UNSEEN_MS)
        return;
    if (!trust->is_unseen)
        log_warn(NULL, "store_unseen", "for_ms=%lld action=\"hits go on; other workers may write unnoticed\"",
                 (long long)unseen_ms);
    trust->is_unseen = true;
    stats_add(trust->options->stats, STAT_STORE_UNSEEN, 1);
    if (most_ms > 0 && unseen_ms > most_ms)
        trust_report_refusal(trust, "the store was not seen for longer than hits_without_store_s");
}

static void on_info_again(void *ctx, const struct redis_reply *reply)
{
    struct trust *trust = ctx;
    struct identity identity;
    if (!reply || trust->state != TRUST_GIVEN)
        return; /* its identity is asked for again before it is trusted again */
    identity_take(&identity, redis_reply_ok(reply) ? redis_reply_text(reply) : SLICE(""));
    if (identity.flaw)
        redis_drop(trust->redis, identity.flaw);
    else if (strcmp(identity.id, trust->run_id) != 0)
        redis_drop(trust->redis, "it has been a replica, or has got its first one");
}

void trust_tend(struct trust *trust)
{
    if (trust->state == TRUST_GIVEN)
        trust_watch_store(trust);
    if (trust->state == TRUST_GIVEN)
        info_send(trust, on_info_again);
    if (record_is_busy(trust->record))
        return;
    if (trust->state == TRUST_GIVEN)
        record_look(trust->record, trust->redis, on_looked);
    else if (trust->state == TRUST_FAILED && redis_is_up(trust->redis))
        trust_ask(trust);
}

/* ---- What others ask ---- */

bool trust_is_given(const struct trust *trust)
{
    return trust->state == TRUST_GIVEN;
}

bool trust_is_unseen(const struct trust *trust)
{
    return trust->is_unseen;
}

void trust_note_write(struct trust *trust)
{
    record_note_write(trust->record);
}

bool trust_settle(struct trust *trust)
{
    if (record_is_busy(trust->record))
        return false;
    if (!record_beat_is_due(trust->record) || trust->state != TRUST_GIVEN || trust->settles_left == 0)
        return true;
    trust->settles_left--;
    record_look(trust->record, trust->redis, on_looked);
    return false;
}

int64_t trust_epoch(const struct trust *trust)
{
    return trust->epoch;
}

enum trust_lack trust_lack(const struct trust *trust, const char **reason)
{
    bool is_down = trust->state == TRUST_DOWN;
    *reason = is_down ? redis_reason(trust->redis) : trust->reason;
    if (trust_is_given(trust))
        return TRUST_LACKS_NOTHING;
    if (!**reason)
        return TRUST_LACKS_TIME;
    return !is_down && trust->is_stores ? TRUST_LACKS_STORE : TRUST_LACKS_REDIS;
}

struct trust_hold trust_take(const struct trust *trust)
{
    return (struct trust_hold){.period = trust_is_given(trust) ? trust->period : 0};
}

bool trust_holds(const struct trust *trust, struct trust_hold hold)
{
    return trust_is_given(trust) && hold.period == trust->period;
}

bool trust_is_coming(const struct trust *trust)
{
    switch (trust->state) {
    case TRUST_DOWN:
        return redis_is_coming(trust->redis);
    case TRUST_ASKING:
    case TRUST_CHECKING:
    case TRUST_DRAINING:
        return true;
    case TRUST_FAILED:
        return trust->is_behind;
    default:
        return false;
    }
}

void trust_report_refusal(struct trust *trust, const char *reason)
{
    if (trust->state != TRUST_GIVEN)
        return;
    trust_withdraw(trust, TRUST_FAILED);
    trust_fail(trust, reason, false);
}

struct redis *trust_redis(const struct trust *trust)
{
    return trust->redis;
}

/* ---- Life ---- */

enum status trust_new(struct trust **out, const struct cache_options *options, struct outbox *outbox,
                      struct error *error)
{
    struct trust *trust = mem_zalloc(sizeof(*trust));
    trust->options = options;
    trust->outbox = outbox;
    trust->period = 1;
    trust->settles_left = SETTLES_MAX;
    trust->record = record_new(options, trust);
    struct redis_options redis_options = {
        .events = options->events,
        .stats = options->stats,
        .on_up = on_up,
        .on_down = on_down,
        .ctx = trust,
    };
    redis_options_take(&redis_options, options->settings);
    enum status status = redis_new(&trust->redis, &redis_options, error);
    if (status == STATUS_OK)
        *out = trust;
    else
        trust_free(trust);
    return status;
}

void trust_free(struct trust *trust)
{
    if (!trust)
        return;
    redis_free(trust->redis);
    record_free(trust->record);
    free(trust);
}
