/* SPDX-License-Identifier: MIT */
/*
 * The connection to Redis, made anew whenever it ends.
 *
 *   waiting --pause--> [asking the sentinels] --> connecting --> up --lost, late, refused--> waiting
 *
 * There is one connection at a time (redis_wire.c). This file decides when the next one is made and to which server.
 * With sentinel:// in the setting it asks the sentinels before each attempt, because after a loss another server may be
 * the primary.
 *
 * Pauses between attempts grow, with jitter, so that many workers do not reconnect in step. They start again from the
 * shortest one only after the cache has accepted the peer. A server that takes connections but is a replica, or is
 * loading its file, is thus tried less and less often. The pause is also the circuit breaker: a Redis that hangs or
 * answers BUSY delays each caller once, and then only the attempts.
 *
 * Guarantees: every command's callback is called exactly once, in order, later. Commands made while the connection is
 * down fail: their reply is NULL.
 *
 * Does not: know what the commands mean (cache/scripts.c), or whether this Redis may be trusted (the cache decides).
 */
#include "redis/redis.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/settings.h"
#include "redis/pending.h"
#include "redis/redis_address.h"
#include "redis/redis_encode.h"
#include "redis/redis_wire.h"
#include "redis/sentinel.h"

enum { RECONNECT_MIN_MS = 20, REASON_MAX = 160 };

struct redis {
    struct redis_options options;
    struct redis_address address;
    struct redis_peer peer;    /* the last one that was tried */
    struct sentinel *sentinel; /* NULL: the address is Redis' own */
    struct redis_wire *wire;
    struct timer *reconnect_timer, *refused_timer;
    uint32_t pause_ms;            /* before the next attempt */
    bool was_logged;              /* this outage is in the log */
    char reason[REASON_MAX];      /* of the last failure, since the peer was last accepted; "": none */
    bool announced;               /* on_up was called, and on_down not yet */
    bool accepted;                /* this connection's peer */
    bool is_coming;               /* it is likely to be up in a moment */
    struct pending_queue refused; /* made while down; a timer of no time fails them */
    struct buf command;           /* scratch */
};

/* ---- Commands made while it is down ---- */

/*
 * From a timer, not from the loop's turn: a command may be refused while the turn runs (a write finds the peer gone),
 * and then the loop would sleep before it calls back. Callbacks may make new commands. These wait for the timer's next
 * time.
 */
static void on_refused_timer(void *ctx)
{
    struct redis *redis = ctx;
    for (size_t count = redis->refused.count; count > 0; count--) {
        struct pending pending = pending_pop(&redis->refused);
        pending.on_reply(pending.ctx, NULL);
    }
    if (redis->refused.count > 0)
        redis->options.events->timer_start(redis->refused_timer, 0);
}

/* ---- Ending and connecting ---- */

static void schedule_reconnect(struct redis *redis)
{
    uint32_t pause_ms = redis->pause_ms / 2 + (uint32_t)random_below(redis->pause_ms / 2 + 1);
    redis->pause_ms =
        2 * redis->pause_ms < redis->options.reconnect_max_ms ? 2 * redis->pause_ms : redis->options.reconnect_max_ms;
    redis->options.events->timer_start(redis->reconnect_timer, pause_ms);
}

static void note_lost(struct redis *redis, const char *reason)
{
    slice_copy(redis->reason, sizeof(redis->reason), slice_of(reason));
    if (!redis->was_logged && redis->sentinel && redis->peer.port)
        log_warn(NULL, "redis_lost", "address=%s primary=%s:%d reason=\"%s\"", redis->address.text, redis->peer.host,
                 redis->peer.port, reason);
    else if (!redis->was_logged)
        log_warn(NULL, "redis_lost", "address=%s reason=\"%s\"", redis->address.text, reason);
    redis->was_logged = true;
}

static void on_wire_up(void *ctx)
{
    struct redis *redis = ctx;
    redis->announced = redis->is_coming = true;
    redis->options.on_up(redis->options.ctx);
}

static void on_wire_end(void *ctx, enum redis_wire_end how, const char *reason)
{
    static const enum stat_counter stats[] = {[REDIS_WIRE_REFUSED] = STAT_REDIS_CONNECT,
                                              [REDIS_WIRE_TIMEOUT] = STAT_REDIS_TIMEOUT,
                                              [REDIS_WIRE_LOST] = STAT_REDIS_LOST};
    struct redis *redis = ctx;
    bool was_announced = redis->announced;
    redis->announced = redis->accepted = false;
    redis->is_coming = was_announced && how == REDIS_WIRE_LOST;
    if (how != REDIS_WIRE_AWAY) /* that error is counted already */
        stats_add(redis->options.stats, stats[how], 1);
    note_lost(redis, reason);
    schedule_reconnect(redis);
    if (was_announced)
        redis->options.on_down(redis->options.ctx);
}

static void on_sentinel_answer(void *ctx, const struct redis_peer *primary)
{
    struct redis *redis = ctx;
    if (!primary) {
        redis->is_coming = false;
        redis->peer.port = 0;
        note_lost(redis, "no sentinel knows the primary's address");
        schedule_reconnect(redis);
        return;
    }
    redis->peer = *primary;
    redis_wire_connect(redis->wire, &redis->peer, redis->address.database);
}

static void on_wire_error(void *ctx, struct slice error)
{
    struct redis *redis = ctx;
    redis->options.on_error(redis->options.ctx, error);
}

static void redis_connect(struct redis *redis)
{
    if (redis->sentinel)
        sentinel_ask(redis->sentinel);
    else
        redis_wire_connect(redis->wire, &redis->peer, redis->address.database);
}

static void on_reconnect_timer(void *ctx)
{
    redis_connect(ctx);
}

/* ---- Public ---- */

void redis_send(struct redis *redis, struct slice command, redis_reply_cb on_reply, void *ctx)
{
    if (redis_wire_is_up(redis->wire)) {
        redis_wire_send(redis->wire, command, on_reply, ctx);
        return;
    }
    if (redis->refused.count == 0)
        redis->options.events->timer_start(redis->refused_timer, 0);
    pending_push(&redis->refused, (struct pending){.on_reply = on_reply, .ctx = ctx});
}

void redis_call(struct redis *redis, const struct slice *args, size_t count, redis_reply_cb on_reply, void *ctx)
{
    redis_encode_all(&redis->command, args, count);
    redis_send(redis, buf_slice(&redis->command), on_reply, ctx);
}

bool redis_is_up(const struct redis *redis)
{
    return redis_wire_is_up(redis->wire);
}

bool redis_is_idle(const struct redis *redis)
{
    return redis_wire_is_idle(redis->wire) && redis->refused.count == 0;
}

const struct redis_peer *redis_peer(const struct redis *redis)
{
    return &redis->peer;
}

bool redis_is_coming(const struct redis *redis)
{
    return !redis_is_up(redis) && redis->is_coming;
}

void redis_accept(struct redis *redis)
{
    redis->pause_ms = RECONNECT_MIN_MS;
    redis->was_logged = false;
    redis->accepted = true;
    redis->reason[0] = '\0';
}

const char *redis_address_text(const struct redis *redis)
{
    return redis->address.text;
}

const char *redis_reason(const struct redis *redis)
{
    return redis->reason;
}

void redis_drop(struct redis *redis, const char *reason)
{
    if (redis->announced)
        redis_wire_drop(redis->wire, redis->accepted ? REDIS_WIRE_LOST : REDIS_WIRE_REFUSED, reason);
}

static void sentinel_begin(struct redis *redis)
{
    redis->sentinel = sentinel_new(&(struct sentinel_options){.events = redis->options.events,
                                                              .stats = redis->options.stats,
                                                              .address = &redis->address,
                                                              .user = redis->options.sentinel_user,
                                                              .password_file = redis->options.sentinel_password_file,
                                                              .timeout_ms = redis->options.timeout_ms,
                                                              .on_answer = on_sentinel_answer,
                                                              .ctx = redis});
}

void redis_options_take(struct redis_options *options, const struct settings *settings)
{
    options->address = settings->redis;
    options->user = settings->redis_user;
    options->password_file = settings->redis_password_file;
    options->sentinel_user = settings->sentinel_user;
    options->sentinel_password_file = settings->sentinel_password_file;
    options->timeout_ms = (uint32_t)settings->redis_timeout_ms;
    options->reconnect_max_ms = (uint32_t)settings->redis_reconnect_max_ms;
}

static struct redis *redis_make(const struct redis_options *options)
{
    struct redis *redis = mem_zalloc(sizeof(*redis));
    const struct events *events = options->events;
    redis->options = *options;
    redis->pause_ms = RECONNECT_MIN_MS;
    redis->reconnect_timer = events->timer_new(events->loop, on_reconnect_timer, redis);
    redis->refused_timer = events->timer_new(events->loop, on_refused_timer, redis);
    redis->wire = redis_wire_new(&(struct redis_wire_options){.events = events,
                                                              .stats = options->stats,
                                                              .user = options->user,
                                                              .password_file = options->password_file,
                                                              .timeout_ms = options->timeout_ms,
                                                              .on_up = on_wire_up,
                                                              .on_end = on_wire_end,
                                                              .on_error = options->on_error ? on_wire_error : NULL,
                                                              .ctx = redis});
    buf_init(&redis->command);
    return redis;
}

struct redis *redis_new_closed(const struct redis_options *options)
{
    return redis_make(options);
}

enum status redis_new(struct redis **out, const struct redis_options *options, struct error *error)
{
    struct redis_address address;
    enum status status = redis_address_parse(&address, options->address, error);
    if (status == STATUS_OK && address.is_cluster)
        status =
            error_set(error, STATUS_INVALID, "redis = %s: a Redis Cluster is more than one connection", address.text);
    if (status != STATUS_OK)
        return status;
    struct redis *redis = redis_make(options);
    redis->address = address;
    redis->is_coming = true;
    if (redis->address.primary_name[0])
        sentinel_begin(redis);
    else
        redis->peer = redis->address.peers[0];
    *out = redis;
    redis_connect(redis);
    return STATUS_OK;
}

struct redis *redis_new_at(const struct redis_options *options, const struct redis_peer *peer)
{
    struct redis *redis = redis_make(options);
    snprintf(redis->address.text, sizeof(redis->address.text), "%s:%d", peer->host, peer->port);
    redis->is_coming = true;
    redis->peer = *peer;
    redis_connect(redis);
    return redis;
}

void redis_free(struct redis *redis)
{
    if (!redis)
        return;
    redis_wire_close(redis->wire); /* callbacks of commands that fail now may make new ones, which are refused */
    while (redis->refused.count > 0)
        on_refused_timer(redis);
    redis_wire_free(redis->wire);
    sentinel_free(redis->sentinel);
    const struct events *events = redis->options.events;
    events->timer_free(redis->reconnect_timer);
    events->timer_free(redis->refused_timer);
    buf_fini(&redis->command);
    pending_fini(&redis->refused);
    free(redis);
}
