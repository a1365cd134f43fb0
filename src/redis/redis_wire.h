/* SPDX-License-Identifier: MIT */
/*
 * One connection to one server that speaks Redis' protocol, from connecting to its end. Then it may be connected again,
 * to the same server or another. The owner (redis.c, sentinel.c) decides when, and to which.
 *
 * Commands are sent together, once per turn of the loop, and answered in their order. If nothing comes for timeout_ms
 * while a command waits, or a command waits 20 times as long, the connection ends and all of them fail.
 *
 * context  loop only
 */
#ifndef REDIS_REDIS_WIRE_H
#define REDIS_REDIS_WIRE_H

#include "base/events.h"
#include "base/stats.h"
#include "redis/redis_address.h"
#include "redis/redis_reply.h"

struct redis_wire;

enum redis_wire_end {
    REDIS_WIRE_REFUSED, /* it never was up */
    REDIS_WIRE_TIMEOUT, /* the oldest command was not answered in time */
    REDIS_WIRE_LOST,    /* it was up, and is closed */
    REDIS_WIRE_AWAY,    /* the server answers that it can't serve (redis_error.h) */
};

struct redis_wire_options {
    const struct events *events; /* borrowed */
    struct stats *stats;         /* borrowed; errors in replies are counted */
    const char *user;            /* "" for the default user; copied */
    const char *password_file;   /* "" for no AUTH; copied; read at each connect */
    uint32_t timeout_ms;
    void (*on_up)(void *ctx); /* connected, authenticated, database selected */
    /*
     * Once for each connect, perhaps from inside it; commands under way have failed, or fail after the running
     * callback.
     */
    void (*on_end)(void *ctx, enum redis_wire_end how, const char *reason);
    /* NULL, or told of each error before the command that got it; borrowed until it returns. */
    void (*on_error)(void *ctx, struct slice error);
    /* Of a connection that subscribes: messages, and the confirmations of channels; borrowed until it returns. */
    void (*on_message)(void *ctx, const struct redis_reply *message);
    void *ctx;
};

enum { REDIS_NO_DATABASE = -1 }; /* for a server that knows no SELECT */

struct redis_wire *redis_wire_new(const struct redis_wire_options *options);

/* Commands under way fail from inside this call; on_end is not called. NULL is fine. */
void redis_wire_free(struct redis_wire *wire);

/* Begins to connect; not while it is connected, and not from inside a callback of its own. peer is copied. */
void redis_wire_connect(struct redis_wire *wire, const struct redis_peer *peer, int database);

/* Ends the connection, in any state, with on_end as if it had ended by itself; does nothing if there is none. */
void redis_wire_drop(struct redis_wire *wire, enum redis_wire_end how, const char *reason);

/* The same, but on_end is not called. */
void redis_wire_close(struct redis_wire *wire);

bool redis_wire_is_up(const struct redis_wire *wire);

/* No command waits for its answer. */
bool redis_wire_is_idle(const struct redis_wire *wire);

/* Sends a command (redis_encode.h); only while it is up. */
void redis_wire_send(struct redis_wire *wire, struct slice command, redis_reply_cb on_reply, void *ctx);

enum { REDIS_CHANNELS_MAX = 2 };

/* From now on messages come, and no command may be sent; only while it is up, and nothing is under way. */
void redis_wire_subscribe(struct redis_wire *wire, const struct slice *channels, size_t count);

#endif
