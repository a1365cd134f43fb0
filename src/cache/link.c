/* SPDX-License-Identifier: MIT */
/*
 * Which Redis is this, and may its entries be trusted?
 *
 *   connected -> INFO -> compare with the store's record -> drain the outbox -> trusted
 *                              \--another name----> the record's epoch moves on, in one operation
 *
 * A Redis that was restarted from old data, or a replica promoted without the last deletes, holds entries that writes have made
 * old. It has another name (identity.c). So the store remembers the name that the entries belong to, beside an epoch that is part of
 * every key; the first worker that meets another Redis moves the epoch on, and with that every older entry is out of reach,
 * at once and for all workers. They run out by their TTL.
 *
 * Until a worker knows the epoch it reads from the store and sends its writes' fences to the outbox. What the outbox holds
 * goes to Redis before the first read is trusted: these are the invalidations that Redis missed while it was away.
 *
 * Once a second the record is read again. If the epoch has moved on and names another Redis, this worker is connected to one
 * that is no longer the right one: it connects anew, for the address may lead elsewhere by now. If it names the same one, it
 * asks anew. A store that is away at that moment changes nothing: hits go on.
 *
 * At the same time Redis is asked whether it still is who it was, for a primary can be made a replica without its clients being
 * told. The question also finds a connection whose other end is gone without a word, though nobody else uses it.
 *
 * A Redis that is a replica, or is loading its file, is refused. One that answers an invalidation with
 * an error (it was made a replica, or wants more replicas than it has) still holds the entry: it isn't trusted until it has
 * taken all that the outbox holds.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "cache/cache_state.h"
#include "cache/identity.h"

enum { SWAP_TRIES = 5, DRAINS_MAX = 5 };

enum link_state {
    LINK_DOWN,     /* no connection */
    LINK_ASKING,   /* INFO is under way */
    LINK_CHECKING, /* the store's record is being read, or moved on */
    LINK_DRAINING, /* the outbox goes first */
    LINK_FAILED,   /* the store was away: again at the next tend */
    LINK_TRUSTED,
};

struct link {
    struct cache *cache;
    enum link_state state;
    char run_id[STORE_RUN_ID_MAX + 1];
    struct store_meta meta; /* of the job */
    bool moved;
    unsigned drains_left; /* writes that end meanwhile make it drain again, but not for ever */
    bool was_logged;      /* this failure is in the log */
    struct pool_job job;
    bool job_runs;
};

static void link_ask(struct link *link);
static void link_drain(struct link *link);

static struct link *link_of_job(struct pool_job *job)
{
    return (struct link *)((char *)job - offsetof(struct link, job));
}

static void link_run(struct link *link, pool_work_fn work, pool_done_cb done)
{
    link->job_runs = true;
    link->job = (struct pool_job){.work = work, .done = done};
    pool_run(link->cache->options.pool, &link->job);
}

static void link_withdraw(struct link *link, enum link_state state)
{
    link->state = state;
    link->cache->trusted = false;
    link->cache->distrust_count++;
}

/* ---- Trusted at last ---- */

static void link_trust(struct link *link)
{
    struct cache *cache = link->cache;
    link->state = LINK_TRUSTED;
    link->was_logged = false;
    cache->trusted = true;
    redis_accept(cache->redis);
    log_info(NULL, "redis_trusted", "run_id=%s epoch=%lld", link->run_id, (long long)cache->epoch);
}

static void link_fail(struct link *link, const char *reason)
{
    link->state = LINK_FAILED;
    if (!link->was_logged)
        log_warn(NULL, "redis_not_trusted", "run_id=%s error=\"%s\"", link->run_id, reason);
    link->was_logged = true;
}

static void on_drained(void *ctx, enum drain_result result)
{
    struct link *link = ctx;
    if (link->state != LINK_DRAINING)
        return; /* the connection was lost meanwhile */
    if (result == DRAIN_DONE && outbox_has_news(link->cache->outbox) && link->drains_left > 0)
        link_drain(link);
    else if (result == DRAIN_DONE)
        link_trust(link);
    else
        link_fail(link, "the outbox could not be drained");
}

static void link_drain(struct link *link)
{
    link->state = LINK_DRAINING;
    link->drains_left--;
    if (outbox_is_idle(link->cache->outbox))
        outbox_drain(link->cache->outbox, on_drained, link);
    else
        link_fail(link, "an earlier drain is still under way");
}

/* ---- The store's record ---- */

/* pool thread */
static enum status check_work(struct pool_job *job, struct error *error)
{
    struct link *link = link_of_job(job);
    struct store *store = link->cache->options.store;
    link->moved = false;
    for (int i = 0; i < SWAP_TRIES; i++) {
        enum status status = store_meta_get(store, &link->meta, error);
        if (status != STATUS_OK)
            return status;
        if (link->meta.epoch > 0 && strcmp(link->meta.cache_run_id, link->run_id) == 0)
            return STATUS_OK;
        struct store_meta next = {.epoch = link->meta.epoch + 1};
        memcpy(next.cache_run_id, link->run_id, sizeof(next.cache_run_id));
        status = store_meta_swap(store, link->meta.epoch, &next, &link->moved, error);
        if (status != STATUS_OK)
            return status;
        if (link->moved) {
            link->meta = next;
            return STATUS_OK;
        }
    }
    return error_set(error, STATUS_BUSY, "the epoch was moved on by others %d times in a row", SWAP_TRIES);
}

static void on_checked(struct pool_job *job, enum status status, const struct error *error)
{
    struct link *link = link_of_job(job);
    struct cache *cache = link->cache;
    link->job_runs = false;
    if (link->state != LINK_CHECKING)
        return; /* the connection was lost meanwhile */
    if (status != STATUS_OK) {
        link_fail(link, error->text);
        return;
    }
    if (link->moved) {
        cache_count(cache, STAT_EPOCH_MOVED);
        log_warn(NULL, "epoch_moved", "epoch=%lld run_id=%s reason=\"this is another Redis than the entries' one\"",
                 (long long)link->meta.epoch, link->run_id);
    }
    cache->epoch = link->meta.epoch;
    link->drains_left = DRAINS_MAX;
    link_drain(link);
}

/* ---- INFO ---- */

static void on_info(void *ctx, const struct redis_reply *reply)
{
    struct link *link = ctx;
    struct identity identity;
    if (!reply || link->state != LINK_ASKING)
        return; /* on_down has been, or will be told */
    identity_take(&identity, redis_reply_ok(reply) ? redis_reply_text(reply) : SLICE(""));
    if (identity.flaw) {
        redis_drop(link->cache->redis, identity.flaw);
        return;
    }
    if (link->job_runs) {
        link_fail(link, "an earlier check is still under way");
        return;
    }
    memcpy(link->run_id, identity.id, sizeof(identity.id)); /* not before: that job reads it */
    link->state = LINK_CHECKING;
    link_run(link, check_work, on_checked);
}

static void info_send(struct link *link, redis_reply_cb on_reply)
{
    redis_call(link->cache->redis, (struct slice[]){SLICE("INFO")}, 1, on_reply, link);
}

static void link_ask(struct link *link)
{
    link_withdraw(link, LINK_ASKING);
    info_send(link, on_info);
}

/* ---- Once a second ---- */

/* pool thread */
static enum status peek_work(struct pool_job *job, struct error *error)
{
    struct link *link = link_of_job(job);
    return store_meta_get(link->cache->options.store, &link->meta, error);
}

static void on_tend_drained(void *ctx, enum drain_result result)
{
    if (result == DRAIN_REFUSED)
        link_distrust(ctx, "it refuses an invalidation");
}

static void on_peeked(struct pool_job *job, enum status status, const struct error *error)
{
    struct link *link = link_of_job(job);
    struct cache *cache = link->cache;
    (void)error;
    link->job_runs = false;
    if (status != STATUS_OK || link->state != LINK_TRUSTED)
        return;
    if (link->meta.epoch != cache->epoch) {
        log_info(NULL, "epoch_changed", "from=%lld to=%lld", (long long)cache->epoch, (long long)link->meta.epoch);
        if (strcmp(link->meta.cache_run_id, link->run_id) == 0)
            link_ask(link);
        else
            redis_drop(cache->redis, "the cache is in another Redis now");
        return;
    }
    if (outbox_is_idle(cache->outbox))
        outbox_drain(cache->outbox, on_tend_drained, link);
}

static void on_info_again(void *ctx, const struct redis_reply *reply)
{
    struct link *link = ctx;
    struct identity identity;
    if (!reply || link->state != LINK_TRUSTED)
        return; /* whatever has happened, it will be asked who it is before it is trusted again */
    identity_take(&identity, redis_reply_ok(reply) ? redis_reply_text(reply) : SLICE(""));
    if (identity.flaw)
        redis_drop(link->cache->redis, identity.flaw);
    else if (strcmp(identity.id, link->run_id) != 0)
        redis_drop(link->cache->redis, "it has been a replica, or has got its first one");
}

void link_tend(struct link *link)
{
    if (link->state == LINK_TRUSTED)
        info_send(link, on_info_again);
    if (link->job_runs)
        return;
    if (link->state == LINK_TRUSTED)
        link_run(link, peek_work, on_peeked);
    else if (link->state == LINK_FAILED && redis_is_up(link->cache->redis))
        link_ask(link);
}

void link_on_up(struct link *link)
{
    link_ask(link);
}

void link_on_down(struct link *link)
{
    link_withdraw(link, LINK_DOWN);
}

bool link_is_coming(const struct link *link)
{
    if (link->state == LINK_DOWN)
        return redis_is_coming(link->cache->redis);
    return link->state == LINK_ASKING || link->state == LINK_CHECKING || link->state == LINK_DRAINING;
}

void link_distrust(struct link *link, const char *reason)
{
    if (link->state != LINK_TRUSTED)
        return;
    link_withdraw(link, LINK_FAILED);
    link_fail(link, reason);
}

struct link *link_new(struct cache *cache)
{
    struct link *link = mem_zalloc(sizeof(*link));
    link->cache = cache;
    return link;
}

void link_free(struct link *link)
{
    bug_unless(!link || !link->job_runs, "the link is freed while a job of its runs");
    free(link);
}
