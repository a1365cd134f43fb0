/* SPDX-License-Identifier: MIT */
/*
 * One pipelined, asynchronous connection to Redis. It reconnects by itself, to the server that the sentinels name if
 * there are any.
 *
 * Commands are sent together, once per turn of the loop, and answered in their order. When the oldest one is older than
 * timeout_ms the connection is dropped and all commands fail. So a frozen Redis costs each caller at most that long,
 * and a late answer can never be taken for another command's. The connection is dropped too when Redis answers that it
 * can't serve (redis_error.h). Pauses between attempts grow, with jitter, up to reconnect_max_ms.
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

struct redis;
struct redis_reply;

enum redis_type { REDIS_TYPE_NIL, REDIS_TYPE_TEXT, REDIS_TYPE_INTEGER, REDIS_TYPE_ARRAY, REDIS_TYPE_ERROR };

/* reply is borrowed until the callback returns; NULL: no answer came, and it is unknown whether the command ran. */
typedef void (*redis_reply_cb)(void *ctx, const struct redis_reply *reply);

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
    void (*on_up)(void *ctx);   /* connected, authenticated, database selected */
    void (*on_down)(void *ctx); /* it was up before; commands under way have failed already */
    void *ctx;
};

/* Begins to connect. STATUS_INVALID: the address. */
enum status redis_new(struct redis **redis, const struct redis_options *options, struct error *error) STATUS_MUST_CHECK;

/* Commands under way fail from inside this call, the one exception to "later"; on_down is not called. */
void redis_free(struct redis *redis);

bool redis_is_up(const struct redis *redis);

/*
 * Whether it is down but likely to be up in a moment: this is the first attempt to connect, or Redis closed the
 * connection, and nothing has failed since. False after a timeout, a failed attempt, or a peer that was the wrong one.
 */
bool redis_is_coming(const struct redis *redis);

/* Drops the connection if it is up, and begins anew: the peer is the wrong server, or no longer the right one. */
void redis_drop(struct redis *redis, const char *reason);

/* The peer is the right server: from now on, reconnecting begins with the shortest pause again. */
void redis_accept(struct redis *redis);

/* Sends one command; its arguments are copied. If the connection is down, the callback comes with NULL. */
void redis_call(struct redis *redis, const struct slice *args, size_t count, redis_reply_cb on_reply, void *ctx);

/* The same for a command that is encoded already (redis_encode.h). */
void redis_send(struct redis *redis, struct slice command, redis_reply_cb on_reply, void *ctx);

enum redis_type redis_reply_type(const struct redis_reply *reply);
struct slice redis_reply_text(const struct redis_reply *reply); /* TEXT, ERROR; else absent */
int64_t redis_reply_integer(const struct redis_reply *reply);   /* INTEGER; else 0 */
size_t redis_reply_count(const struct redis_reply *reply);      /* ARRAY; else 0 */
const struct redis_reply *redis_reply_item(const struct redis_reply *reply, size_t index);

/* Whether an answer came and is no error. */
bool redis_reply_ok(const struct redis_reply *reply);

/* Whether an error came that begins with word: "NOSCRIPT", "WRONGTYPE". */
bool redis_reply_is_error(const struct redis_reply *reply, const char *word);

#endif
