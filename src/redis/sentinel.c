/* SPDX-License-Identifier: MIT */
/*
 * Asking sentinels where Redis is.
 *
 *   sentinel_ask -> the first: connect -> SENTINEL get-master-addr-by-name -> an address --------> on_answer(address)
 *                     ^            \------ refused, silent, doesn't know the name
 *                     |                                   |
 *                     +---------- the next one -----------+---- there is none ----> on_answer(NULL)
 *
 * Sentinels watch a primary and its replicas, and agree among themselves which server is the primary. We ask them
 * before each connection to Redis, and don't watch them in between: they make a demoted primary drop its clients, and
 * then we ask again. The sentinel that answered is asked first the next time, because one that is away costs its
 * timeout each time.
 *
 * An answer is a hint. During a failover it may be the address of the lost primary, and a sentinel that is cut off from
 * the others still names the old one. So the cache asks Redis itself for its role before it trusts it. The store
 * records which Redis is in use, so workers leave a primary that others have left. When a hint was wrong, redis.c asks
 * again, after a pause that grows.
 *
 * The answer is used without checks; most often it is an address. The C library looks up a host's name, see
 * redis_wire.c.
 */
#include "redis/sentinel.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "redis/redis_encode.h"
#include "redis/redis_wire.h"

struct sentinel {
    struct sentinel_options options;
    struct redis_address address; /* peers in the order in which they are asked */
    struct redis_wire *wire;
    struct timer *next_timer; /* the next step: not from inside the callback that found it due */
    size_t next;              /* peer */
    struct redis_peer primary;
    bool was_logged; /* this failure is in the log */
};

static const struct redis_peer *peer_asked(const struct sentinel *sentinel)
{
    return &sentinel->address.peers[sentinel->next - 1];
}

static void sentinel_fail(struct sentinel *sentinel, const char *reason)
{
    const struct redis_peer *peer = peer_asked(sentinel);
    stats_add(sentinel->options.stats, STAT_REDIS_SENTINEL, 1);
    if (!sentinel->was_logged)
        log_warn(NULL, "sentinel_failed", "sentinel=%s:%d reason=\"%s\"", peer->host, peer->port, reason);
    sentinel->options.events->timer_start(sentinel->next_timer, 0);
}

static void sentinel_move_to_front(struct sentinel *sentinel)
{
    struct redis_peer *peers = sentinel->address.peers;
    const struct redis_peer answered = *peer_asked(sentinel);
    for (size_t i = sentinel->next - 1; i > 0; i--)
        peers[i] = peers[i - 1];
    peers[0] = answered;
}

/* The reply is an array of host and port, nil for an unknown name, or an error if the sentinel wants a password. */
static bool primary_take(struct redis_peer *primary, const struct redis_reply *reply)
{
    if (redis_reply_type(reply) != REDIS_TYPE_ARRAY || redis_reply_count(reply) != 2)
        return false;
    return redis_peer_take(primary, redis_reply_text(redis_reply_item(reply, 0)),
                           redis_reply_text(redis_reply_item(reply, 1)));
}

static void on_primary(void *ctx, const struct redis_reply *reply)
{
    struct sentinel *sentinel = ctx;
    if (!reply)
        return; /* on_end has been, or will be called */
    char reason[160] = "it knows no primary of that name";
    bool is_known = primary_take(&sentinel->primary, reply);
    if (!redis_reply_ok(reply))
        slice_copy(reason, sizeof(reason), redis_reply_text(reply));
    redis_wire_close(sentinel->wire);
    if (!is_known) {
        sentinel_fail(sentinel, reason);
        return;
    }
    sentinel->was_logged = false;
    sentinel_move_to_front(sentinel);
    sentinel->options.on_answer(sentinel->options.ctx, &sentinel->primary);
}

static void on_up(void *ctx)
{
    struct sentinel *sentinel = ctx;
    const struct slice args[] = {SLICE("SENTINEL"), SLICE("get-master-addr-by-name"),
                                 slice_of(sentinel->address.primary_name)};
    struct buf command;
    buf_init(&command);
    redis_encode_all(&command, args, 3);
    redis_wire_send(sentinel->wire, buf_slice(&command), on_primary, sentinel);
    buf_fini(&command);
}

static void on_end(void *ctx, enum redis_wire_end how, const char *reason)
{
    (void)how;
    sentinel_fail(ctx, reason);
}

static void on_next(void *ctx)
{
    struct sentinel *sentinel = ctx;
    if (sentinel->next < sentinel->address.peer_count) {
        const struct redis_peer *peer = &sentinel->address.peers[sentinel->next++];
        redis_wire_connect(sentinel->wire, peer, REDIS_NO_DATABASE);
        return;
    }
    sentinel->was_logged = true;
    sentinel->options.on_answer(sentinel->options.ctx, NULL);
}

void sentinel_ask(struct sentinel *sentinel)
{
    sentinel->next = 0;
    sentinel->options.events->timer_start(sentinel->next_timer, 0);
}

struct sentinel *sentinel_new(const struct sentinel_options *options)
{
    struct sentinel *sentinel = mem_zalloc(sizeof(*sentinel));
    const struct events *events = options->events;
    sentinel->options = *options;
    sentinel->address = *options->address;
    sentinel->wire = redis_wire_new(&(struct redis_wire_options){.events = events,
                                                                 .stats = options->stats,
                                                                 .user = options->user,
                                                                 .password_file = options->password_file,
                                                                 .timeout_ms = options->timeout_ms,
                                                                 .on_up = on_up,
                                                                 .on_end = on_end,
                                                                 .ctx = sentinel});
    sentinel->next_timer = events->timer_new(events->loop, on_next, sentinel);
    return sentinel;
}

void sentinel_free(struct sentinel *sentinel)
{
    if (!sentinel)
        return;
    redis_wire_free(sentinel->wire);
    sentinel->options.events->timer_free(sentinel->next_timer);
    free(sentinel);
}
