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

#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "cache/beat.h"
#include "cache/epoch.h"
#include "cache/identity.h"

enum { SWAP_TRIES = 5, DRAINS_MAX = 5, CHECKS_MAX = 5, SETTLES_MAX = 3, UNSEEN_MS = 2000 };

enum trust_state {
    TRUST_DOWN,      /* no connection */
    TRUST_ASKING,    /* INFO is under way */
    TRUST_CHECKING,  /* the store's record is being read, or moved on */
    TRUST_COMPARING, /* Redis is asked for the store's latest beat */
    TRUST_DRAINING,  /* the outbox goes first */
    TRUST_FAILED,    /* the store was away, or Redis refused: asked again at the next tend */
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
    struct beat known;                           /* the latest beat that this worker, or Redis, has seen */
    bool is_beat_due;                            /* this process has written since its last beat */
    bool is_telling;                             /* a beat is on its way to Redis */
    unsigned settles_left;                       /* at the end: tries for a last beat */
    int64_t look_begun_at_ms, drain_begun_at_ms; /* these three: of the loop; the second: of the look before a drain */
    int64_t seen_at_ms;                          /* when the last good look began */
    bool is_unseen;                              /* that was too long ago */
    unsigned checks_left, drains_left; /* what happens meanwhile makes it check or drain again, but not for ever */
    bool was_logged;                   /* this failure is in the log */
    struct pool_job job;
    bool job_runs;
    /* The job's, while one runs. */
    struct store_meta meta;
    struct beat job_known;
    const char *moved_for; /* NULL: the epoch was not moved */
};

static void trust_ask(struct trust *trust);
static void trust_drain(struct trust *trust);
static void trust_check(struct trust *trust);

static void trust_run(struct trust *trust, pool_work_fn work, pool_done_cb done)
{
    trust->job_runs = true;
    trust->job_known = trust->known;
    trust->job = (struct pool_job){.work = work, .done = done};
    pool_run(trust->options->pool, &trust->job);
}

/* The one place where trust ends. */
static void trust_withdraw(struct trust *trust, enum trust_state state)
{
    trust->state = state;
    trust->period++;
    outbox_cut(trust->outbox);
}

static void trust_tell(struct trust *trust, redis_reply_cb on_reply)
{
    trust->is_telling = true;
    beat_tell(trust->redis, trust->options->settings, &trust->known, on_reply, trust);
}

/* ---- Trusted at last ---- */

static void trust_note_seen(struct trust *trust)
{
    trust->seen_at_ms = trust->drain_begun_at_ms;
    if (trust->is_unseen)
        log_info(NULL, "store_seen", "action=\"hits are current again\"");
    trust->is_unseen = false;
    if (outbox_has_removed(trust->outbox))
        trust->is_beat_due = true;
}

static void trust_give(struct trust *trust)
{
    trust->state = TRUST_GIVEN;
    trust->was_logged = false;
    trust_note_seen(trust);
    redis_accept(trust->redis);
    log_info(NULL, "redis_trusted", "run_id=%s epoch=%lld", trust->run_id, (long long)trust->epoch);
}

static void trust_fail(struct trust *trust, const char *reason)
{
    trust->state = TRUST_FAILED;
    if (!trust->was_logged)
        log_warn(NULL, "redis_not_trusted", "run_id=%s error=\"%s\"", trust->run_id, reason);
    trust->was_logged = true;
}

static void on_drained(void *ctx, enum drain_result result)
{
    struct trust *trust = ctx;
    if (trust->state != TRUST_DRAINING)
        return; /* the connection was lost meanwhile */
    if (result == DRAIN_DONE && outbox_has_news(trust->outbox) && trust->drains_left > 0)
        trust_drain(trust);
    else if (result == DRAIN_DONE)
        trust_give(trust);
    else
        trust_fail(trust, "the outbox could not be drained");
}

static void trust_drain(struct trust *trust)
{
    trust->state = TRUST_DRAINING;
    trust->drain_begun_at_ms = trust->look_begun_at_ms;
    trust->drains_left--;
    if (outbox_is_idle(trust->outbox))
        outbox_drain(trust->outbox, trust->redis, trust->epoch, on_drained, trust);
    else
        trust_fail(trust, "an earlier drain is still under way");
}

/* ---- The beats ---- */

/* Redis knows a later beat than the store had: the store has gone back, or another worker was faster. It is read again. */
static void on_compared(void *ctx, const struct redis_reply *reply)
{
    struct trust *trust = ctx;
    int64_t latest;
    trust->is_telling = false;
    if (!reply || trust->state != TRUST_COMPARING)
        return; /* on_down() was called, or will be */
    if (!beat_take(reply, &latest)) {
        trust_fail(trust, "it does not tell the store's latest beat");
    } else if (latest <= trust->known.number) {
        trust->drains_left = DRAINS_MAX;
        trust_drain(trust);
    } else if (trust->checks_left-- > 0) {
        trust->known.number = latest;
        trust_check(trust);
    } else {
        trust_fail(trust, "others move the store's beat on too fast");
    }
}

/* ---- The store's record ---- */

/* Why the epoch must move on; NULL: its entries were filled in this Redis, from this store. */
static const char *record_flaw(const struct trust *trust)
{
    const struct store_meta *meta = &trust->meta;
    if (beat_is_lost(&trust->job_known, meta))
        return "the store has gone back to an earlier state";
    if (strcmp(meta->cache_run_id, trust->run_id) != 0)
        return "the entries belong to another Redis";
    return meta->epoch == 0 || meta->beat == 0 ? "the store's record has no beat yet" : NULL;
}

/* The record that takes the place of the one that was read. */
static struct store_meta record_next(const struct trust *trust)
{
    int64_t last = trust->meta.epoch > trust->job_known.epoch ? trust->meta.epoch : trust->job_known.epoch;
    struct store_meta next = {.epoch = epoch_next(last)};
    next.beat = next.epoch;
    memcpy(next.cache_run_id, trust->run_id, sizeof(next.cache_run_id));
    return next;
}

/* pool thread */
static enum status check_work(struct pool_job *job, struct error *error)
{
    struct trust *trust = container_of(job, struct trust, job);
    struct store *store = trust->options->store;
    for (int i = 0; i < SWAP_TRIES; i++) {
        enum status status = store_meta_get(store, &trust->meta, error);
        const char *flaw = status == STATUS_OK ? record_flaw(trust) : NULL;
        if (!flaw)
            return status;
        bool moved;
        const struct store_meta next = record_next(trust);
        status = store_meta_swap(store, &trust->meta, &next, &moved, error);
        if (status != STATUS_OK)
            return status;
        if (moved) {
            trust->meta = next;
            trust->moved_for = flaw;
            return STATUS_OK;
        }
    }
    return error_set(error, STATUS_BUSY, "the epoch was moved on by others %d times in a row", SWAP_TRIES);
}

static void on_checked(struct pool_job *job, enum status status, const struct error *error)
{
    struct trust *trust = container_of(job, struct trust, job);
    trust->job_runs = false;
    if (trust->state != TRUST_CHECKING)
        return; /* the connection was lost meanwhile */
    if (status != STATUS_OK) {
        trust_fail(trust, error->text);
        return;
    }
    if (trust->moved_for) {
        stats_add(trust->options->stats, STAT_EPOCH_MOVED, 1);
        log_warn(NULL, "epoch_moved", "epoch=%lld run_id=%s reason=\"%s\"", (long long)trust->meta.epoch, trust->run_id,
                 trust->moved_for);
    }
    trust->epoch = trust->meta.epoch;
    trust->known = (struct beat){.epoch = trust->meta.epoch, .number = trust->meta.beat};
    trust->state = TRUST_COMPARING;
    trust_tell(trust, on_compared);
}

static void trust_check(struct trust *trust)
{
    trust->state = TRUST_CHECKING;
    trust->moved_for = NULL;
    trust->look_begun_at_ms = events_now_ms(trust->options->events);
    trust_run(trust, check_work, on_checked);
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
    if (trust->job_runs) {
        trust_fail(trust, "an earlier check is still under way");
        return;
    }
    memcpy(trust->run_id, identity.id, sizeof(identity.id)); /* not before: that job reads it */
    trust->checks_left = CHECKS_MAX;
    trust_check(trust);
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
    trust_ask(ctx);
}

static void on_down(void *ctx)
{
    trust_withdraw(ctx, TRUST_DOWN);
}

/* ---- A beat of its own ---- */

/* pool thread */
static enum status beat_work(struct pool_job *job, struct error *error)
{
    struct trust *trust = container_of(job, struct trust, job);
    return beat_move(trust->options->store, &trust->job_known, trust->run_id, error);
}

static void on_told(void *ctx, const struct redis_reply *reply)
{
    struct trust *trust = ctx;
    (void)reply; /* if Redis did not take it, the next look tells it again */
    trust->is_telling = false;
}

static void on_beat(struct pool_job *job, enum status status, const struct error *error)
{
    struct trust *trust = container_of(job, struct trust, job);
    (void)error;
    trust->job_runs = false;
    if (status != STATUS_OK) {
        trust->is_beat_due = true; /* at the next look */
    } else if (trust->job_known.epoch == trust->known.epoch && trust->state == TRUST_GIVEN) {
        trust->known = trust->job_known;
        trust_tell(trust, on_told);
    }
}

/* A write that ends from now on is due a beat of its own, though this one may cover it. */
static void trust_beat(struct trust *trust)
{
    if (!trust->is_beat_due || trust->job_runs)
        return;
    trust->is_beat_due = false;
    trust_run(trust, beat_work, on_beat);
}

/* ---- A look, once a second ---- */

static void trust_look(struct trust *trust);

static void on_tend_drained(void *ctx, enum drain_result result)
{
    struct trust *trust = ctx;
    if (result == DRAIN_REFUSED)
        trust_report_refusal(trust, "it refuses an invalidation");
    else if (result == DRAIN_DONE && trust->state == TRUST_GIVEN)
        trust_note_seen(trust);
}

static void trust_drain_again(struct trust *trust)
{
    if (!outbox_is_idle(trust->outbox))
        return;
    trust->drain_begun_at_ms = trust->look_begun_at_ms;
    outbox_drain(trust->outbox, trust->redis, trust->epoch, on_tend_drained, trust);
}

static void on_compared_again(void *ctx, const struct redis_reply *reply)
{
    struct trust *trust = ctx;
    int64_t latest;
    trust->is_telling = false;
    if (!reply || trust->state != TRUST_GIVEN)
        return;
    if (!beat_take(reply, &latest)) {
        trust_report_refusal(trust, "it does not tell the store's latest beat");
    } else if (latest > trust->known.number) {
        trust->known.number = latest;
        if (!trust->job_runs)
            trust_look(trust);
    } else {
        trust_beat(trust);
        trust_drain_again(trust);
    }
}

/* The record is not the one that this worker knows. */
static void trust_turn_away(struct trust *trust)
{
    log_info(NULL, "epoch_changed", "from=%lld to=%lld", (long long)trust->epoch, (long long)trust->meta.epoch);
    if (trust->meta.epoch == 0 || strcmp(trust->meta.cache_run_id, trust->run_id) == 0)
        trust_ask(trust);
    else
        redis_drop(trust->redis, "the cache is in another Redis now");
}

/* pool thread */
static enum status look_work(struct pool_job *job, struct error *error)
{
    struct trust *trust = container_of(job, struct trust, job);
    return store_meta_get(trust->options->store, &trust->meta, error);
}

static void on_looked(struct pool_job *job, enum status status, const struct error *error)
{
    struct trust *trust = container_of(job, struct trust, job);
    (void)error;
    trust->job_runs = false;
    stats_add(trust->options->stats, status == STATUS_OK ? STAT_LOOK_OK : STAT_LOOK_FAILED, 1);
    if (status != STATUS_OK || trust->state != TRUST_GIVEN)
        return;
    if (trust->meta.epoch != trust->epoch || beat_is_lost(&trust->known, &trust->meta)) {
        trust_turn_away(trust);
        return;
    }
    trust->known.number = trust->meta.beat;
    trust_tell(trust, on_compared_again);
}

static void trust_look(struct trust *trust)
{
    trust->look_begun_at_ms = events_now_ms(trust->options->events);
    trust_run(trust, look_work, on_looked);
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
    if (trust->job_runs)
        return;
    if (trust->state == TRUST_GIVEN)
        trust_look(trust);
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
    trust->is_beat_due = true;
}

bool trust_settle(struct trust *trust)
{
    if (trust->job_runs || trust->is_telling)
        return false;
    if (!trust->is_beat_due || trust->state != TRUST_GIVEN || trust->settles_left == 0)
        return true;
    trust->settles_left--;
    trust_look(trust);
    return false;
}

int64_t trust_epoch(const struct trust *trust)
{
    return trust->epoch;
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
    case TRUST_COMPARING:
    case TRUST_DRAINING:
        return true;
    default:
        return false;
    }
}

void trust_report_refusal(struct trust *trust, const char *reason)
{
    if (trust->state != TRUST_GIVEN)
        return;
    trust_withdraw(trust, TRUST_FAILED);
    trust_fail(trust, reason);
}

struct redis *trust_redis(const struct trust *trust)
{
    return trust->redis;
}

/* ---- Life ---- */

enum status trust_new(struct trust **out, const struct cache_options *options, struct outbox *outbox,
                      struct error *error)
{
    const struct settings *settings = options->settings;
    struct trust *trust = mem_zalloc(sizeof(*trust));
    trust->options = options;
    trust->outbox = outbox;
    trust->period = 1;
    trust->settles_left = SETTLES_MAX;
    struct redis_options redis_options = {
        .events = options->events,
        .stats = options->stats,
        .address = settings->redis,
        .user = settings->redis_user,
        .password_file = settings->redis_password_file,
        .sentinel_user = settings->sentinel_user,
        .sentinel_password_file = settings->sentinel_password_file,
        .timeout_ms = (uint32_t)settings->redis_timeout_ms,
        .reconnect_max_ms = (uint32_t)settings->redis_reconnect_max_ms,
        .on_up = on_up,
        .on_down = on_down,
        .ctx = trust,
    };
    enum status status = redis_new(&trust->redis, &redis_options, error);
    if (status == STATUS_OK)
        *out = trust;
    else
        free(trust);
    return status;
}

void trust_free(struct trust *trust)
{
    if (!trust)
        return;
    redis_free(trust->redis);
    bug_unless(!trust->job_runs, "the trust is freed while a job of its runs");
    free(trust);
}
