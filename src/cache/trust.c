/* SPDX-License-Identifier: MIT */
/*
 * Which Redis is this, and may its entries be believed?
 *
 *   connected -> INFO -> compare with the store's record -> drain the outbox -> trusted
 *                              \--another identity--> the record's epoch moves on, in one operation
 *
 * The danger: a Redis that was restarted from old data, or a replica promoted without the last deletes, holds entries
 * that writes have made old. Such a Redis has another identity (identity.c). The store remembers the identity that the
 * entries belong to, beside an epoch that is part of every key. The first worker that meets another Redis moves the
 * epoch on; from then on no worker can reach an older entry, and Redis expires them by their TTL.
 *
 * Until a worker knows the epoch, it reads from the store and sends its writes' fences to the outbox. The outbox holds
 * the invalidations that Redis missed while it was away, so it is drained before the first read is trusted.
 *
 * Once a second the record is read again. If the epoch has moved on and names another Redis, this worker drops its
 * connection and connects anew, because the address may lead elsewhere by now. If it names the same one, the worker
 * only learns the new epoch. If the store is away at that moment, nothing changes and hits go on.
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
#include "cache/identity.h"

enum { SWAP_TRIES = 5, DRAINS_MAX = 5 };

enum trust_state {
    TRUST_DOWN,     /* no connection */
    TRUST_ASKING,   /* INFO is under way */
    TRUST_CHECKING, /* the store's record is being read, or moved on */
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
    struct store_meta meta; /* of the job */
    bool moved;
    unsigned drains_left; /* writes that end meanwhile make it drain again, but not for ever */
    bool was_logged;      /* this failure is in the log */
    struct pool_job job;
    bool job_runs;
};

static void trust_ask(struct trust *trust);
static void trust_drain(struct trust *trust);

static void trust_run(struct trust *trust, pool_work_fn work, pool_done_cb done)
{
    trust->job_runs = true;
    trust->job = (struct pool_job){.lane = POOL_CARE, .work = work, .done = done};
    pool_run(trust->options->pool, &trust->job);
}

/* The one place where trust ends. */
static void trust_withdraw(struct trust *trust, enum trust_state state)
{
    trust->state = state;
    trust->period++;
    outbox_cut(trust->outbox);
}

/* ---- Trusted at last ---- */

static void trust_give(struct trust *trust)
{
    trust->state = TRUST_GIVEN;
    trust->was_logged = false;
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
    trust->drains_left--;
    if (outbox_is_idle(trust->outbox))
        outbox_drain(trust->outbox, trust->redis, trust->epoch, on_drained, trust);
    else
        trust_fail(trust, "an earlier drain is still under way");
}

/* ---- The store's record ---- */

/* pool thread */
static enum status check_work(struct pool_job *job, struct error *error)
{
    struct trust *trust = container_of(job, struct trust, job);
    struct store *store = trust->options->store;
    trust->moved = false;
    for (int i = 0; i < SWAP_TRIES; i++) {
        enum status status = store_meta_get(store, &trust->meta, error);
        if (status != STATUS_OK)
            return status;
        if (trust->meta.epoch > 0 && strcmp(trust->meta.cache_run_id, trust->run_id) == 0)
            return STATUS_OK;
        struct store_meta next = {.epoch = trust->meta.epoch + 1};
        memcpy(next.cache_run_id, trust->run_id, sizeof(next.cache_run_id));
        status = store_meta_swap(store, trust->meta.epoch, &next, &trust->moved, error);
        if (status != STATUS_OK)
            return status;
        if (trust->moved) {
            trust->meta = next;
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
    if (trust->moved) {
        stats_add(trust->options->stats, STAT_EPOCH_MOVED, 1);
        log_warn(NULL, "epoch_moved", "epoch=%lld run_id=%s reason=\"the entries belong to another Redis\"",
                 (long long)trust->meta.epoch, trust->run_id);
    }
    trust->epoch = trust->meta.epoch;
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
    if (trust->job_runs) {
        trust_fail(trust, "an earlier check is still under way");
        return;
    }
    memcpy(trust->run_id, identity.id, sizeof(identity.id)); /* not before: that job reads it */
    trust->state = TRUST_CHECKING;
    trust_run(trust, check_work, on_checked);
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

/* ---- Once a second ---- */

/* pool thread */
static enum status peek_work(struct pool_job *job, struct error *error)
{
    struct trust *trust = container_of(job, struct trust, job);
    return store_meta_get(trust->options->store, &trust->meta, error);
}

static void on_tend_drained(void *ctx, enum drain_result result)
{
    if (result == DRAIN_REFUSED)
        trust_report_refusal(ctx, "it refuses an invalidation");
}

static void on_peeked(struct pool_job *job, enum status status, const struct error *error)
{
    struct trust *trust = container_of(job, struct trust, job);
    (void)error;
    trust->job_runs = false;
    if (status != STATUS_OK || trust->state != TRUST_GIVEN)
        return;
    if (trust->meta.epoch != trust->epoch) {
        log_info(NULL, "epoch_changed", "from=%lld to=%lld", (long long)trust->epoch, (long long)trust->meta.epoch);
        if (strcmp(trust->meta.cache_run_id, trust->run_id) == 0)
            trust_ask(trust);
        else
            redis_drop(trust->redis, "the cache is in another Redis now");
        return;
    }
    if (outbox_is_idle(trust->outbox))
        outbox_drain(trust->outbox, trust->redis, trust->epoch, on_tend_drained, trust);
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
        info_send(trust, on_info_again);
    if (trust->job_runs)
        return;
    if (trust->state == TRUST_GIVEN)
        trust_run(trust, peek_work, on_peeked);
    else if (trust->state == TRUST_FAILED && redis_is_up(trust->redis))
        trust_ask(trust);
}

/* ---- What others ask ---- */

bool trust_is_given(const struct trust *trust)
{
    return trust->state == TRUST_GIVEN;
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
