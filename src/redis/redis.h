/* SPDX-License-Identifier: MIT */
/*
 * One pipelined, asynchronous connection to Redis. It reconnects by itself, to the server that the sentinels name if
 * there are any.
 *
 * Commands are sent together, once per turn of the loop, and answered in their order. If Redis is silent for timeout_ms
 * while a command waits, or a command waits 20 times as long, the connection is dropped and all commands fail. So a
 * frozen Redis costs each caller at most timeout_ms, large replies make no outage, and a late answer can never be taken
 * for another command's. The connection is dropped too when Redis answers that it can't serve (redis_error.h). Pauses
 * between attempts grow, with jitter, up to reconnect_max_ms.
 *
 * context  loop only; callbacks come once, later, never from inside the call that asked for them
 */
#ifndef REDIS_REDIS_H
#define REDIS_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/events.h"
#include "base/slice.h"
#include "base/stats.h"
#include "redis/redis_address.h"
#include "redis/redis_reply.h"

struct redis;

struct redis_options {
    const struct events *events; /* borrowed */
    struct stats *stats;         /* borrowed */
    const char *address;         /* as redis_address_parse() takes it; copied */
    const char *user;            /* "" for the default user; copied */
    const char *password_file;   /* "" for no AUTH; read at each connect, so that a changed password is picked up */
    const char *sentinel_user;   /* these two: the same for the sentinels, if the address names any */
    const char *sentinel_password_file;
    uint32_t timeout_ms;
    uint32_t reconnect_max_ms;
    void (*on_up)(void *ctx);                        /* connected, authenticated, database selected */
    void (*on_down)(void *ctx);                      /* it was up before; commands under way have failed already */
    void (*on_error)(void *ctx, struct slice error); /* or NULL: each error, before the command that got it is told */
    void *ctx;
};

struct settings;

/* Fills in what the settings say: address, users, files, times. */
void redis_options_take(struct redis_options *options, const struct settings *settings);

/* Begins to connect. STATUS_INVALID: the address. */
enum status redis_new(struct redis **redis, const struct redis_options *options, struct error *error) STATUS_MUST_CHECK;

/* The same to this server; the address of options is not used. */
struct redis *redis_new_at(const struct redis_options *options, const struct redis_peer *peer);

/* One that never connects: commands to it are answered by NULL. Of options, events and stats are used. */
struct redis *redis_new_closed(const struct redis_options *options);

/* Commands under way fail from inside this call, the one exception to "later"; on_down is not called. */
void redis_free(struct redis *redis);

bool redis_is_up(const struct redis *redis);

/* No command is under way. */
bool redis_is_idle(const struct redis *redis);

/*
 * Whether it is down but likely to be up in a moment: this is the first attempt to connect, or Redis closed the
 * connection, and nothing has failed since. False after a timeout, a failed attempt, or a peer that was the wrong one.
 */
bool redis_is_coming(const struct redis *redis);

/* The server that it is, or was, connected to; borrowed, and it changes with each attempt. */
const struct redis_peer *redis_peer(const struct redis *redis);

/* Drops the connection if it is up, and begins anew: the peer is the wrong server, or no longer the right one. */
void redis_drop(struct redis *redis, const char *reason);

/* The peer is the right server: from now on, reconnecting begins with the shortest pause again. */
void redis_accept(struct redis *redis);

/* As its options have it, for logs and people; borrowed. */
const char *redis_address_text(const struct redis *redis);

/* Why it was lost or could not be reached, at last; "" if nothing has failed since the peer was accepted. */
const char *redis_reason(const struct redis *redis);

/* Sends one command; its arguments are copied. If the connection is down, the callback comes with NULL. */
void redis_call(struct redis *redis, const struct slice *args, size_t count, redis_reply_cb on_reply, void *ctx);

/* The same for a command that is encoded already (redis_encode.h). */
void redis_send(struct redis *redis, struct slice command, redis_reply_cb on_reply, void *ctx);

#endif
