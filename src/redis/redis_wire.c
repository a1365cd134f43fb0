/* SPDX-License-Identifier: MIT */
/*
 * One connection, asynchronous and pipelined, on hiredis.
 *
 * hiredis formats nothing here. Commands come as RESP2 and are appended to its output buffer, which is written once per
 * turn of the loop, just before the loop waits. So a thousand requests that became readable together cost one write.
 * Replies are built in an arena (redis_reply.c) that is reset after each callback.
 *
 * hiredis 0.14 has no timeout for commands and latches errors. If Redis is silent while a command waits, or the context
 * has an error, the context is freed and a new one made. An error is never cleared on a context, because a late reply
 * would then answer the next command.
 *
 * Silence counts from the last bytes that came, because a command may have to wait for others' large replies before it,
 * and not before all of the command has been written: the loop itself may have been late, not Redis. For that reason a
 * late connection is written to and read once more before it is given up. The age of the oldest command is bounded too,
 * but by many times as much: a Redis that only trickles is of no use.
 *
 * Guarantees: every command's callback is called exactly once, in order. States: idle, connecting, greeting (AUTH,
 * SELECT under way), up, failing (hiredis hands back the commands under way). Callers' commands are sent while it is
 * up.
 *
 * If hiredis has no memory for a context, a command or what came, the connection ends, as if Redis had closed it. Any
 * other lack of memory ends the process (base/mem.h).
 *
 * The C library looks up a host's name, and that may block; an address needs no lookup.
 */
#include "redis/redis_wire.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "redis/pending.h"
#include "redis/redis_encode.h"
#include "redis/redis_error.h"
#include "redis/redis_reply.h"

enum { NAME_MAX_BYTES = 512, REASON_MAX = 160 };
enum { TIMEOUTS_MAX = 20 }; /* that a command may wait while bytes come */

enum state { STATE_IDLE, STATE_CONNECTING, STATE_GREETING, STATE_UP, STATE_FAILING };

struct redis_wire {
    struct redis_wire_options options;
    char user[NAME_MAX_BYTES + 1];
    char password_file[NAME_MAX_BYTES + 1];
    char password[256];
    int database;
    enum state state;
    redisAsyncContext *context;
    struct watch *watch;
    bool reading, write_wanted, write_watched;
    struct turn *turn;
    struct timer *late_timer;
    bool late_timer_runs;
    unsigned greetings_left;
    int64_t heard_at_us;       /* monotonic: when bytes came last */
    int64_t written_at_us;     /* when they went last */
    struct pending_queue sent; /* and unanswered */
    struct reply_room replies;
    struct buf command; /* scratch */
};

/* Commands under way get NULL; a no-op for hiredis if it is ending the context itself. */
static void wire_stop(struct redis_wire *wire)
{
    wire->state = STATE_IDLE;
    wire->options.events->timer_stop(wire->late_timer);
    wire->late_timer_runs = false;
    redisAsyncContext *context = wire->context;
    wire->context = NULL;
    if (context)
        redisAsyncFree(context);
}

/* The one way to end a connection, for any reason and from either side. Safe to call when idle. */
static void wire_end(struct redis_wire *wire, enum redis_wire_end how, const char *reason)
{
    if (wire->state == STATE_IDLE)
        return;
    wire_stop(wire);
    wire->options.on_end(wire->options.ctx, how, reason);
}

/* An error that is about the server as a whole ends the connection, after the callback of the command that got it. */
static bool error_ends(struct redis_wire *wire, const struct redis_reply *reply, char reason[REASON_MAX])
{
    if (!reply || redis_reply_type(reply) != REDIS_TYPE_ERROR)
        return false;
    const struct redis_error *error = redis_error_of(redis_reply_text(reply));
    stats_add(wire->options.stats, error->stat, 1);
    slice_copy(reason, REASON_MAX, redis_reply_text(reply)); /* the reply is gone after its callback */
    return error->is_away;
}

/* Of a command that waits to be written this is the time of the last write. */
static int64_t sent_at_us(const struct redis_wire *wire, const struct pending *pending)
{
    return pending->sent_at_us ? pending->sent_at_us : wire->written_at_us;
}

/* hiredis calls this for each reply in order, and with NULL for each unanswered command when the context ends. */
static void on_hiredis_reply(redisAsyncContext *context, void *raw, void *ctx)
{
    struct redis_wire *wire = context->data;
    const struct redis_reply *reply = raw;
    (void)ctx;
    struct pending pending = pending_pop(&wire->sent);
    int64_t ended_at_us = reply ? wire->heard_at_us : clock_monotonic_us();
    stats_time(wire->options.stats, STAT_TIME_REDIS, ended_at_us - sent_at_us(wire, &pending));
    if (!reply && wire->state != STATE_IDLE)
        wire->state = STATE_FAILING; /* the context is ending: hiredis takes no new command from a callback */
    char reason[REASON_MAX];
    bool ends = error_ends(wire, reply, reason);
    pending.on_reply(pending.ctx, reply);
    if (reply)
        arena_reset(&wire->replies.arena);
    if (ends)
        wire_end(wire, REDIS_WIRE_AWAY, reason);
}

/* Bytes have come, or the end. */
static void wire_read(struct redis_wire *wire)
{
    wire->heard_at_us = clock_monotonic_us();
    redisAsyncHandleRead(wire->context);
}

/* Hands the system what it takes of the commands: some, or none once, and then not before the socket takes some. */
static void wire_write(struct redis_wire *wire)
{
    redisAsyncContext *context = wire->context;
    wire->write_wanted = false;
    redisAsyncHandleWrite(context);
    if (wire->context != context)
        return;
    wire->written_at_us = clock_monotonic_us();
    if (!wire->write_wanted) /* else hiredis has asked for another turn */
        pending_sent(&wire->sent, wire->written_at_us);
}

/* ---- The late timer: runs while anything is under way. ---- */

static void late_timer_run(struct redis_wire *wire, int64_t after_us)
{
    wire->late_timer_runs = true;
    wire->options.events->timer_start(wire->late_timer, (uint32_t)(after_us / 1000 + 1));
}

/* Until Redis is too late with what it owes. */
static int64_t wire_left_us(const struct redis_wire *wire)
{
    const struct pending *oldest = pending_oldest(&wire->sent);
    int64_t timeout_us = (int64_t)wire->options.timeout_ms * 1000, since_us = sent_at_us(wire, oldest);
    if (since_us < wire->heard_at_us)
        since_us = wire->heard_at_us;
    int64_t silence_left_us = since_us + timeout_us - clock_monotonic_us();
    int64_t age_us = (events_now_ms(wire->options.events) - oldest->made_at_ms) * 1000;
    int64_t age_left_us = TIMEOUTS_MAX * timeout_us - age_us;
    return age_left_us < silence_left_us ? age_left_us : silence_left_us;
}

/* What the loop would have done if it had come earlier. */
static void wire_catch_up(struct redis_wire *wire)
{
    bool writes = wire->write_wanted || wire->write_watched;
    struct pollfd socket = {.fd = wire->context->c.fd, .events = writes ? POLLIN | POLLOUT : POLLIN};
    if (poll(&socket, 1, 0) <= 0)
        return;
    if (socket.revents & POLLOUT)
        wire_write(wire);
    if (socket.revents & ~POLLOUT && wire->context)
        wire_read(wire);
}

static void on_late_timer(void *ctx)
{
    struct redis_wire *wire = ctx;
    wire->late_timer_runs = false;
    if (wire->state == STATE_CONNECTING) {
        wire_end(wire, REDIS_WIRE_REFUSED, "no connection in time");
        return;
    }
    if (wire->sent.count > 0 && wire_left_us(wire) <= 0 && wire->context)
        wire_catch_up(wire);
    if (wire->sent.count == 0)
        return;
    int64_t left_us = wire_left_us(wire);
    if (left_us > 0)
        late_timer_run(wire, left_us);
    else
        wire_end(wire, REDIS_WIRE_TIMEOUT, "the oldest command was not answered in time");
}

/* ---- hiredis' hooks into the loop ---- */

static void watch_update(struct redis_wire *wire)
{
    wire->options.events->watch_want(wire->watch, wire->reading, wire->write_watched);
}

static void hook_add_read(void *ctx)
{
    struct redis_wire *wire = ctx;
    if (!wire->reading) {
        wire->reading = true;
        watch_update(wire);
    }
}

static void hook_del_read(void *ctx)
{
    struct redis_wire *wire = ctx;
    if (wire->reading) {
        wire->reading = false;
        watch_update(wire);
    }
}

/* Writing waits for the end of this turn (on_turn), so that commands go out together. */
static void hook_add_write(void *ctx)
{
    struct redis_wire *wire = ctx;
    wire->write_wanted = true;
}

static void hook_del_write(void *ctx)
{
    struct redis_wire *wire = ctx;
    wire->write_wanted = false;
    if (wire->write_watched) {
        wire->write_watched = false;
        watch_update(wire);
    }
}

/* The context is about to close its socket. */
static void hook_cleanup(void *ctx)
{
    struct redis_wire *wire = ctx;
    wire->options.events->watch_free(wire->watch);
    wire->watch = NULL;
    wire->reading = wire->write_wanted = wire->write_watched = false;
}

static void on_ready(void *ctx, bool readable, bool writable)
{
    struct redis_wire *wire = ctx;
    if (writable && wire->context)
        wire_write(wire);
    if (readable && wire->context)
        wire_read(wire);
}

static void on_turn(void *ctx)
{
    struct redis_wire *wire = ctx;
    if (!wire->write_wanted || !wire->context || wire->write_watched)
        return;
    if (wire->state != STATE_CONNECTING)
        wire_write(wire);
    if (wire->write_wanted && wire->watch) { /* the socket is full, or not connected yet */
        wire->write_watched = true;
        watch_update(wire);
    }
}

/* ---- Connecting ---- */

static void on_greeting_reply(void *ctx, const struct redis_reply *reply)
{
    struct redis_wire *wire = ctx;
    if (!reply)
        return; /* the connection has ended already */
    if (!redis_reply_ok(reply)) {
        char reason[REASON_MAX];
        slice_copy(reason, sizeof(reason), redis_reply_text(reply));
        wire_end(wire, REDIS_WIRE_REFUSED, reason);
        return;
    }
    if (--wire->greetings_left > 0)
        return;
    wire->state = STATE_UP;
    wire->options.on_up(wire->options.ctx);
}

/* Read at each attempt, so that a changed password needs no restart. */
static bool password_read(struct redis_wire *wire)
{
    if (!wire->password_file[0])
        return true;
    FILE *file = fopen(wire->password_file, "re");
    bool read = file && fgets(wire->password, sizeof(wire->password), file);
    if (file)
        fclose(file);
    wire->password[read ? strcspn(wire->password, "\r\n") : 0] = '\0';
    return read;
}

static void append(struct redis_wire *wire, struct slice command, redis_reply_cb on_reply, void *ctx)
{
    pending_push(&wire->sent,
                 (struct pending){.on_reply = on_reply, .ctx = ctx, .made_at_ms = events_now_ms(wire->options.events)});
    int sent = redisAsyncFormattedCommand(wire->context, on_hiredis_reply, NULL, command.data, command.len);
    bug_unless(sent == REDIS_OK, "hiredis took no command on a live context");
    if (!wire->late_timer_runs)
        late_timer_run(wire, (int64_t)wire->options.timeout_ms * 1000);
}

static void greet(struct redis_wire *wire, const struct slice *args, size_t count)
{
    redis_encode_all(&wire->command, args, count);
    wire->greetings_left++;
    append(wire, buf_slice(&wire->command), on_greeting_reply, wire);
}

/* Only queues: hiredis calls on_connect() from its own functions, and must find the context there afterwards. */
static void greet_all(struct redis_wire *wire)
{
    char database[16];
    wire->state = STATE_GREETING;
    wire->greetings_left = 0;
    if (wire->password_file[0]) {
        struct slice user = slice_of(wire->user[0] ? wire->user : "default");
        greet(wire, (struct slice[]){SLICE("AUTH"), user, slice_of(wire->password)}, 3);
    }
    if (wire->database == REDIS_NO_DATABASE) {
        greet(wire, (struct slice[]){SLICE("PING")}, 1);
        return;
    }
    snprintf(database, sizeof(database), "%d", wire->database);
    greet(wire, (struct slice[]){SLICE("SELECT"), slice_of(database)}, 2);
}

static void on_connect(const redisAsyncContext *context, int status)
{
    struct redis_wire *wire = context->data;
    if (wire->context != context)
        return;
    if (status == REDIS_OK) {
        wire->options.events->timer_stop(wire->late_timer);
        wire->late_timer_runs = false;
        wire->written_at_us = clock_monotonic_us();
        greet_all(wire);
        return;
    }
    wire->context = NULL; /* hiredis frees it */
    wire_end(wire, REDIS_WIRE_REFUSED, context->errstr ? context->errstr : "can't connect");
}

static void on_disconnect(const redisAsyncContext *context, int status)
{
    struct redis_wire *wire = context->data;
    (void)status;
    if (wire->context != context)
        return; /* wire_end() began it */
    wire->context = NULL;
    const char *reason = context->errstr && *context->errstr ? context->errstr : "closed by Redis";
    if (wire->replies.was_unasked) /* hiredis takes it for a lack of memory */
        reason = "it sent a reply that no command awaits";
    wire_end(wire, REDIS_WIRE_LOST, reason);
}

static void context_attach(struct redis_wire *wire, redisAsyncContext *context)
{
    context->data = wire;
    reply_room_serve(&wire->replies, context->c.reader);
    wire->watch = wire->options.events->watch_new(wire->options.events->loop, context->c.fd, on_ready, wire);
    context->ev.data = wire;
    context->ev.addRead = hook_add_read;
    context->ev.delRead = hook_del_read;
    context->ev.addWrite = hook_add_write;
    context->ev.delWrite = hook_del_write;
    context->ev.cleanup = hook_cleanup;
    arena_reset(&wire->replies.arena);
    redisAsyncSetConnectCallback(context, on_connect);
    redisAsyncSetDisconnectCallback(context, on_disconnect);
}

/* ---- Public ---- */

void redis_wire_connect(struct redis_wire *wire, const struct redis_peer *peer, int database)
{
    bug_unless(wire->state == STATE_IDLE && !wire->watch, "a connection is begun where there is one");
    wire->state = STATE_CONNECTING;
    wire->database = database;
    if (!password_read(wire)) {
        char reason[NAME_MAX_BYTES + 64];
        snprintf(reason, sizeof(reason), "can't read the password in %s", wire->password_file);
        wire_end(wire, REDIS_WIRE_REFUSED, reason);
        return;
    }
    redisAsyncContext *context =
        peer->port ? redisAsyncConnect(peer->host, peer->port) : redisAsyncConnectUnix(peer->host);
    if (!context || context->err) {
        char reason[REASON_MAX];
        snprintf(reason, sizeof(reason), "%s", context ? context->errstr : "out of memory");
        if (context)
            redisAsyncFree(context);
        wire_end(wire, REDIS_WIRE_REFUSED, reason);
        return;
    }
    wire->context = context;
    context_attach(wire, context);
    late_timer_run(wire, (int64_t)wire->options.timeout_ms * 1000);
}

void redis_wire_drop(struct redis_wire *wire, enum redis_wire_end how, const char *reason)
{
    wire_end(wire, how, reason);
}

void redis_wire_close(struct redis_wire *wire)
{
    wire_stop(wire);
}

bool redis_wire_is_up(const struct redis_wire *wire)
{
    return wire->state == STATE_UP;
}

void redis_wire_send(struct redis_wire *wire, struct slice command, redis_reply_cb on_reply, void *ctx)
{
    bug_unless(wire->state == STATE_UP, "a command is sent on a connection that is not up");
    append(wire, command, on_reply, ctx);
}

struct redis_wire *redis_wire_new(const struct redis_wire_options *options)
{
    struct redis_wire *wire = mem_zalloc(sizeof(*wire));
    const struct events *events = options->events;
    wire->options = *options;
    snprintf(wire->user, sizeof(wire->user), "%s", options->user);
    snprintf(wire->password_file, sizeof(wire->password_file), "%s", options->password_file);
    wire->turn = events->turn_new(events->loop, on_turn, wire);
    wire->late_timer = events->timer_new(events->loop, on_late_timer, wire);
    wire->replies.awaited = &wire->sent.count;
    arena_init(&wire->replies.arena);
    buf_init(&wire->command);
    return wire;
}

void redis_wire_free(struct redis_wire *wire)
{
    if (!wire)
        return;
    wire_stop(wire);
    const struct events *events = wire->options.events;
    events->turn_free(wire->turn);
    events->timer_free(wire->late_timer);
    arena_fini(&wire->replies.arena);
    buf_fini(&wire->command);
    pending_fini(&wire->sent);
    free(wire);
}
