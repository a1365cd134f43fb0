/* SPDX-License-Identifier: MIT */
/*
 * One connection, asynchronous and pipelined. hiredis connects it (names, addresses, socket options); commands and
 * replies pass it by, because its copies and its memory for each reply were a quarter of what a hit costs.
 *
 * Commands come as RESP2 and are gathered in a buffer, which is written once per turn of the loop, just before the loop
 * waits. So a thousand requests that became readable together cost one write. Replies are read where they came
 * (redis_reply.c). They live until their callback has returned.
 *
 * If Redis is silent while a command waits, or an error comes, the connection is closed and a new one made. A
 * connection with an error is never used again, because a late reply would then answer the next command.
 *
 * Silence counts from the last bytes that came, because a command may have to wait for others' large replies before it,
 * and not before all of the command has been written: the loop itself may have been late, not Redis. For that reason a
 * late connection is written to and read once more before it is given up. The age of the oldest command is bounded too,
 * but by many times as much: a Redis that only trickles is of no use.
 *
 * A reply that no command awaits ends the connection. If it is an error, it says why: Redis tells so that it has too
 * many clients.
 *
 * Guarantees: every command's callback is called exactly once, in order. States: idle, connecting, greeting (AUTH,
 * SELECT or PING under way), up. Callers' commands are sent while it is up.
 *
 * If hiredis has no memory for a context, the attempt has failed; any other lack of memory ends the process
 * (base/mem.h).
 *
 * The C library looks up a host's name, and that may block; an address needs no lookup.
 */
#include "redis/redis_wire.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "redis/pending.h"
#include "redis/redis_encode.h"
#include "redis/redis_error.h"
#include "redis/redis_reply.h"

enum { NAME_MAX_BYTES = 512, REASON_MAX = 160 };
enum { READ_BYTES_MIN = 16 * 1024 }; /* room for what is read at once */
enum { TIMEOUTS_MAX = 20 };          /* that a command may wait while bytes come */

enum state { STATE_IDLE, STATE_CONNECTING, STATE_GREETING, STATE_UP };

struct redis_wire {
    struct redis_wire_options options;
    char user[NAME_MAX_BYTES + 1];
    char password_file[NAME_MAX_BYTES + 1];
    char password[256];
    int database;
    enum state state;
    redisContext *context; /* NULL exactly while it is idle; its socket */
    struct watch *watch;
    bool write_watched; /* the socket takes no more for now */
    bool is_answering;  /* a command's callback runs */
    bool is_subscribed; /* what comes are messages */
    struct turn *turn;
    struct timer *late_timer;
    bool late_timer_runs;
    unsigned greetings_left;
    int64_t heard_at_us;       /* monotonic: when bytes came last */
    int64_t written_at_us;     /* when they went last */
    struct pending_queue sent; /* and unanswered */
    struct buf out;            /* commands, of which written_bytes are with the system */
    size_t written_bytes;
    struct buf in;      /* replies that have not come to their end */
    struct arena items; /* of the one that is answered */
    struct buf command; /* scratch */
};

static bool wire_has_unwritten(const struct redis_wire *wire)
{
    return wire->written_bytes < wire->out.len;
}

static void wire_fail_all(struct redis_wire *wire);

/* Commands under way get NULL, from here or after the callback that runs. */
static void wire_stop(struct redis_wire *wire)
{
    wire->state = STATE_IDLE;
    wire->options.events->timer_stop(wire->late_timer);
    wire->options.events->watch_free(wire->watch);
    if (wire->context)
        redisFree(wire->context);
    wire->context = NULL;
    wire->watch = NULL;
    wire->late_timer_runs = wire->write_watched = wire->is_subscribed = false;
    if (!wire->is_answering)
        wire_fail_all(wire);
}

/* The one way to end a connection, for any reason and from either side. Safe to call when idle. */
static void wire_end(struct redis_wire *wire, enum redis_wire_end how, const char *reason)
{
    if (wire->state == STATE_IDLE)
        return;
    wire_stop(wire);
    wire->options.on_end(wire->options.ctx, how, reason);
}

static void wire_end_unasked(struct redis_wire *wire, const struct redis_reply *reply)
{
    char reason[REASON_MAX] = "it sent a reply that no command awaits";
    if (!redis_reply_ok(reply))
        slice_copy(reason, sizeof(reason), redis_reply_text(reply));
    wire_end(wire, REDIS_WIRE_LOST, reason);
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

/* The oldest command's; reply is NULL if the connection has ended. */
static void wire_answer(struct redis_wire *wire, const struct redis_reply *reply)
{
    struct pending pending = pending_pop(&wire->sent);
    int64_t ended_at_us = reply ? wire->heard_at_us : clock_monotonic_us();
    stats_time(wire->options.stats, STAT_TIME_REDIS, ended_at_us - sent_at_us(wire, &pending));
    char reason[REASON_MAX];
    bool ends = error_ends(wire, reply, reason);
    wire->is_answering = true;
    if (wire->options.on_error && reply && redis_reply_type(reply) == REDIS_TYPE_ERROR)
        wire->options.on_error(wire->options.ctx, redis_reply_text(reply));
    pending.on_reply(pending.ctx, reply);
    wire->is_answering = false;
    if (ends)
        wire_end(wire, REDIS_WIRE_AWAY, reason);
    if (reply && wire->state == STATE_IDLE)
        wire_fail_all(wire); /* the callback has ended it */
}

static void wire_fail_all(struct redis_wire *wire)
{
    while (wire->sent.count > 0)
        wire_answer(wire, NULL);
}

/* Answers with what has come, until the connection ends or a reply is not whole. Tells how many bytes are done with. */
static size_t wire_answer_all(struct redis_wire *wire)
{
    struct slice rest = buf_slice(&wire->in);
    enum redis_reading reading = REDIS_READ_WHOLE;
    while (reading == REDIS_READ_WHOLE && rest.len > 0 && wire->state != STATE_IDLE) {
        struct redis_reply reply;
        reading = redis_reply_read(&reply, &rest, &wire->items);
        if (reading == REDIS_READ_BROKEN)
            wire_end(wire, REDIS_WIRE_LOST, "it sent what is no reply");
        else if (reading == REDIS_READ_WHOLE && wire->is_subscribed)
            wire->options.on_message(wire->options.ctx, &reply);
        else if (reading == REDIS_READ_WHOLE && wire->sent.count == 0)
            wire_end_unasked(wire, &reply);
        else if (reading == REDIS_READ_WHOLE)
            wire_answer(wire, &reply);
        arena_reset(&wire->items);
    }
    return wire->in.len - rest.len;
}

/* Bytes have come, or the end. */
static void wire_read(struct redis_wire *wire)
{
    wire->heard_at_us = clock_monotonic_us();
    char *room = buf_reserve(&wire->in, READ_BYTES_MIN);
    ssize_t got = read(wire->context->fd, room, wire->in.capacity - wire->in.len - 1);
    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            wire_end(wire, REDIS_WIRE_LOST, got == 0 ? "closed by Redis" : strerror(errno));
        return;
    }
    buf_advance(&wire->in, (size_t)got);
    buf_drop(&wire->in, wire_answer_all(wire));
}

/* Hands the system what it takes of the commands: some, or none once, and then not before the socket takes some. */
static void wire_write(struct redis_wire *wire)
{
    struct slice rest = {wire->out.data + wire->written_bytes, wire->out.len - wire->written_bytes};
    ssize_t wrote = write(wire->context->fd, rest.data, rest.len);
    if (wrote < 0 && errno != EAGAIN && errno != EINTR) {
        wire_end(wire, REDIS_WIRE_LOST, strerror(errno));
        return;
    }
    wire->written_at_us = clock_monotonic_us();
    wire->written_bytes += wrote > 0 ? (size_t)wrote : 0;
    if (!wire_has_unwritten(wire)) {
        buf_reset(&wire->out);
        wire->written_bytes = 0;
        pending_sent(&wire->sent, wire->written_at_us);
    }
    if (wire->write_watched != wire_has_unwritten(wire)) {
        wire->write_watched = !wire->write_watched;
        wire->options.events->watch_want(wire->watch, true, wire->write_watched);
    }
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
    struct pollfd socket = {.fd = wire->context->fd, .events = wire_has_unwritten(wire) ? POLLIN | POLLOUT : POLLIN};
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
    buf_append_slice(&wire->out, command);
    if (!wire->late_timer_runs)
        late_timer_run(wire, (int64_t)wire->options.timeout_ms * 1000);
}

static void greet(struct redis_wire *wire, const struct slice *args, size_t count)
{
    redis_encode_all(&wire->command, args, count);
    wire->greetings_left++;
    append(wire, buf_slice(&wire->command), on_greeting_reply, wire);
}

static void greet_all(struct redis_wire *wire)
{
    char database[16];
    wire->state = STATE_GREETING;
    wire->greetings_left = 0;
    if (wire->password_file[0]) {
        struct slice user = slice_of(wire->user[0] ? wire->user : "default");
        greet(wire, (struct slice[]){SLICE("AUTH"), user, slice_of(wire->password)}, 3);
    }
    if (wire->database <= 0) { /* a connection begins in database 0 */
        greet(wire, (struct slice[]){SLICE("PING")}, 1);
        return;
    }
    snprintf(database, sizeof(database), "%d", wire->database);
    greet(wire, (struct slice[]){SLICE("SELECT"), slice_of(database)}, 2);
}

/* The socket has connected, or failed to. */
static void on_connected(struct redis_wire *wire)
{
    int failed = 0;
    socklen_t size = sizeof(failed);
    if (getsockopt(wire->context->fd, SOL_SOCKET, SO_ERROR, &failed, &size) != 0)
        failed = errno;
    if (failed) {
        wire_end(wire, REDIS_WIRE_REFUSED, strerror(failed));
        return;
    }
    wire->options.events->timer_stop(wire->late_timer);
    wire->late_timer_runs = false;
    wire->options.events->watch_want(wire->watch, true, false);
    greet_all(wire);
    wire_write(wire);
}

static void on_ready(void *ctx, bool readable, bool writable)
{
    struct redis_wire *wire = ctx;
    if (wire->state == STATE_CONNECTING) {
        on_connected(wire);
        return;
    }
    if (writable && wire_has_unwritten(wire))
        wire_write(wire);
    if (readable && wire->context)
        wire_read(wire);
}

/* Commands go out together. */
static void on_turn(void *ctx)
{
    struct redis_wire *wire = ctx;
    if (wire->context && !wire->write_watched && wire_has_unwritten(wire))
        wire_write(wire);
}

/* ---- Public ---- */

void redis_wire_connect(struct redis_wire *wire, const struct redis_peer *peer, int database)
{
    bug_unless(wire->state == STATE_IDLE && !wire->watch, "a connection is begun where there is one");
    bug_unless(wire->sent.count == 0, "a connection is begun before all commands of the last one have failed");
    wire->state = STATE_CONNECTING;
    wire->database = database;
    buf_reset(&wire->in);
    buf_reset(&wire->out);
    wire->written_bytes = 0;
    if (!password_read(wire)) {
        char reason[NAME_MAX_BYTES + 64];
        snprintf(reason, sizeof(reason), "can't read the password in %s", wire->password_file);
        wire_end(wire, REDIS_WIRE_REFUSED, reason);
        return;
    }
    redisContext *context =
        peer->port ? redisConnectNonBlock(peer->host, peer->port) : redisConnectUnixNonBlock(peer->host);
    wire->context = context;
    if (!context || context->err) {
        char reason[REASON_MAX];
        snprintf(reason, sizeof(reason), "%s", context ? context->errstr : "out of memory");
        wire_end(wire, REDIS_WIRE_REFUSED, reason);
        return;
    }
    const struct events *events = wire->options.events;
    wire->watch = events->watch_new(events->loop, context->fd, on_ready, wire);
    events->watch_want(wire->watch, false, true);
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

bool redis_wire_is_idle(const struct redis_wire *wire)
{
    return wire->sent.count == 0;
}

void redis_wire_send(struct redis_wire *wire, struct slice command, redis_reply_cb on_reply, void *ctx)
{
    bug_unless(wire->state == STATE_UP, "a command is sent on a connection that is not up");
    append(wire, command, on_reply, ctx);
}

void redis_wire_subscribe(struct redis_wire *wire, const struct slice *channels, size_t count)
{
    struct slice args[1 + REDIS_CHANNELS_MAX] = {SLICE("SUBSCRIBE")};
    bug_unless(wire->state == STATE_UP && wire->sent.count == 0, "a connection with commands under way subscribes");
    bug_unless(count <= REDIS_CHANNELS_MAX, "too many channels");
    memcpy(args + 1, channels, count * sizeof(*channels));
    redis_encode_all(&wire->command, args, 1 + count);
    buf_append_slice(&wire->out, buf_slice(&wire->command));
    wire->is_subscribed = true;
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
    arena_init(&wire->items);
    buf_init(&wire->in);
    buf_init(&wire->out);
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
    arena_fini(&wire->items);
    buf_fini(&wire->in);
    buf_fini(&wire->out);
    buf_fini(&wire->command);
    pending_fini(&wire->sent);
    free(wire);
}
