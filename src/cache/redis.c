/* SPDX-License-Identifier: MIT */
/*
 * One connection to Redis, asynchronous and pipelined, on hiredis.
 *
 * hiredis formats nothing here: commands come as RESP2 and are appended to its output buffer, which is written once per turn
 * of the loop, just before it waits; so a thousand requests that became readable together cost one write. Replies are built
 * in an arena that is reset after each callback, by functions that hiredis' reader calls instead of its own, so that a hit
 * costs no malloc per field.
 *
 * hiredis 0.14 has no timeout for commands and latches errors. Replies come in the order of the commands, so a ring of what
 * was sent tells the oldest one's age; if that is too old, or anything is wrong with the context, the context is freed and
 * a new one made: an error is never cleared on a context, because a late reply would then answer the next command.
 *
 * Before a late connection is given up its socket is read once more: the loop itself may have been late, not Redis.
 *
 * Guarantees: every command's callback is called exactly once, in order. States: waiting (for the next attempt), connecting,
 * greeting (AUTH, SELECT under way), up, failing (hiredis hands back what was under way). Callers' commands are sent while up.
 * Not here: what the commands mean (scripts.c), whether this Redis may be trusted (link.c).
 */
#include "cache/redis.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "cache/pending.h"
#include "cache/redis_address.h"
#include "cache/redis_encode.h"

enum { NAME_MAX_BYTES = 512, RECONNECT_MIN_MS = 20 };

enum state { STATE_WAITING, STATE_CONNECTING, STATE_GREETING, STATE_UP, STATE_FAILING };

struct redis {
    struct redis_options options;
    struct redis_address address;
    char user[NAME_MAX_BYTES + 1];
    char password_file[NAME_MAX_BYTES + 1];
    char password[256];
    enum state state;
    redisAsyncContext *context;
    struct watch *watch;
    bool reading, write_wanted, write_watched, late_timer_runs;
    struct turn *turn;
    struct timer *reconnect_timer, *late_timer, *refused_timer;
    uint32_t pause_ms; /* before the next attempt */
    bool was_logged;   /* this outage is in the log */
    bool announced;    /* on_up was called, on_down is owed */
    bool is_coming;    /* no reason to think that it won't be up in a moment */
    unsigned greetings_left;
    struct pending_queue sent;    /* and unanswered */
    struct pending_queue refused; /* made while down; a timer of no time fails them */
    struct arena replies;
    struct buf command; /* scratch */
};

static void redis_connect(struct redis *redis);
static void redis_lose(struct redis *redis, enum stat_counter stat, const char *reason);

/* ---- Replies in an arena: hiredis' own struct, so that its code may look into them, but none of its mallocs. ---- */

/*
 * NULL ends the connection: hiredis would end the process over an answer that nobody asked for, unless it is an error (that is
 * how Redis says that it has too many clients).
 */
static void *reply_new(const redisReadTask *task, int type)
{
    struct redis *redis = task->privdata;
    if (!task->parent && redis->sent.count == 0 && type != REDIS_REPLY_ERROR)
        return NULL;
    redisReply *reply = arena_alloc(&redis->replies, sizeof(*reply));
    *reply = (redisReply){.type = type};
    if (task->parent) {
        redisReply *parent = task->parent->obj;
        parent->element[task->idx] = reply;
    }
    return reply;
}

static void *reply_new_string(const redisReadTask *task, char *text, size_t len)
{
    struct redis *redis = task->privdata;
    redisReply *reply = reply_new(task, task->type);
    if (!reply)
        return NULL;
    reply->str = (char *)arena_copy(&redis->replies, (struct slice){text, len}).data;
    reply->len = len;
    return reply;
}

static void *reply_new_array(const redisReadTask *task, int count)
{
    struct redis *redis = task->privdata;
    redisReply *reply = reply_new(task, REDIS_REPLY_ARRAY);
    if (!reply)
        return NULL;
    if (count > 0) {
        reply->element = arena_alloc(&redis->replies, (size_t)count * sizeof(*reply->element));
        memset(reply->element, 0, (size_t)count * sizeof(*reply->element));
    }
    reply->elements = (size_t)count;
    return reply;
}

static void *reply_new_integer(const redisReadTask *task, long long value)
{
    redisReply *reply = reply_new(task, REDIS_REPLY_INTEGER);
    if (reply)
        reply->integer = value;
    return reply;
}

static void *reply_new_nil(const redisReadTask *task)
{
    return reply_new(task, REDIS_REPLY_NIL);
}

/* The arena is reset where the callback returns (on_hiredis_reply), or goes with the connection. */
static void reply_free(void *reply)
{
    (void)reply;
}

static redisReplyObjectFunctions reply_functions = {
    .createString = reply_new_string,
    .createArray = reply_new_array,
    .createInteger = reply_new_integer,
    .createNil = reply_new_nil,
    .freeObject = reply_free,
};

enum redis_type redis_reply_type(const struct redis_reply *reply)
{
    switch (((const redisReply *)reply)->type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
        return REDIS_TYPE_TEXT;
    case REDIS_REPLY_INTEGER:
        return REDIS_TYPE_INTEGER;
    case REDIS_REPLY_ARRAY:
        return REDIS_TYPE_ARRAY;
    case REDIS_REPLY_ERROR:
        return REDIS_TYPE_ERROR;
    default:
        return REDIS_TYPE_NIL;
    }
}

struct slice redis_reply_text(const struct redis_reply *reply)
{
    const redisReply *raw = (const redisReply *)reply;
    return (struct slice){.data = raw->str, .len = raw->len};
}

int64_t redis_reply_integer(const struct redis_reply *reply)
{
    return ((const redisReply *)reply)->integer;
}

size_t redis_reply_count(const struct redis_reply *reply)
{
    return ((const redisReply *)reply)->elements;
}

const struct redis_reply *redis_reply_item(const struct redis_reply *reply, size_t index)
{
    return (const struct redis_reply *)((const redisReply *)reply)->element[index];
}

bool redis_reply_ok(const struct redis_reply *reply)
{
    return reply && redis_reply_type(reply) != REDIS_TYPE_ERROR;
}

/*
 * From a timer, not from on_turn(): a command may be refused while that runs (a write finds the peer gone), and the loop would
 * then sleep over it. Callbacks may make new commands, which are refused as well and wait for the timer's next time.
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

/* ---- Errors in replies ---- */

bool redis_reply_is_error(const struct redis_reply *reply, const char *word)
{
    return reply && redis_reply_type(reply) == REDIS_TYPE_ERROR &&
           strncmp(((const redisReply *)reply)->str, word, strlen(word)) == 0;
}

static void count_error(struct redis *redis, const struct redis_reply *reply)
{
    static const char *const words[] = {"NOSCRIPT", "OOM", "READONLY", "LOADING", "BUSY", "WRONGTYPE", ""};
    static const enum stat_counter stats[] = {STAT_REDIS_NOSCRIPT, STAT_REDIS_OOM,  STAT_REDIS_READONLY,
                                              STAT_REDIS_LOADING,  STAT_REDIS_BUSY, STAT_REDIS_WRONGTYPE,
                                              STAT_REDIS_OTHER};
    size_t i = 0;
    while (!redis_reply_is_error(reply, words[i]))
        i++;
    stats_add(redis->options.stats, stats[i], 1);
}

/* hiredis calls this for each reply in order, and with NULL for each command left when the context goes. */
static void on_hiredis_reply(redisAsyncContext *context, void *raw, void *ctx)
{
    struct redis *redis = context->data;
    const struct redis_reply *reply = raw;
    (void)ctx;
    struct pending pending = pending_pop(&redis->sent);
    stats_time(redis->options.stats, STAT_TIME_REDIS, clock_monotonic_us() - pending.sent_at_us);
    if (!reply && redis->state != STATE_WAITING)
        redis->state = STATE_FAILING; /* hiredis empties a dying context: it takes no command that a callback makes */
    if (reply && redis_reply_type(reply) == REDIS_TYPE_ERROR)
        count_error(redis, reply);
    pending.on_reply(pending.ctx, reply);
    if (reply)
        arena_reset(&redis->replies);
}

/* ---- The late timer: runs while anything is under way, and looks at the oldest command only. ---- */

static void late_timer_run(struct redis *redis, int64_t after_us)
{
    redis->late_timer_runs = true;
    redis->options.events->timer_start(redis->late_timer, (uint32_t)(after_us / 1000 + 1));
}

static int64_t oldest_left_us(const struct redis *redis)
{
    return pending_oldest(&redis->sent)->sent_at_us + (int64_t)redis->options.timeout_ms * 1000 - clock_monotonic_us();
}

static void on_late_timer(void *ctx)
{
    struct redis *redis = ctx;
    redis->late_timer_runs = false;
    if (redis->state == STATE_CONNECTING) {
        redis_lose(redis, STAT_REDIS_CONNECT, "no connection in time");
        return;
    }
    if (redis->sent.count > 0 && oldest_left_us(redis) <= 0 && redis->context)
        redisAsyncHandleRead(redis->context);
    if (redis->sent.count == 0)
        return;
    int64_t left_us = oldest_left_us(redis);
    if (left_us > 0)
        late_timer_run(redis, left_us);
    else
        redis_lose(redis, STAT_REDIS_TIMEOUT, "the oldest command was not answered in time");
}

/* ---- hiredis' hooks into the loop ---- */

static void watch_update(struct redis *redis)
{
    redis->options.events->watch_want(redis->watch, redis->reading, redis->write_watched);
}

static void hook_add_read(void *ctx)
{
    struct redis *redis = ctx;
    if (!redis->reading) {
        redis->reading = true;
        watch_update(redis);
    }
}

static void hook_del_read(void *ctx)
{
    struct redis *redis = ctx;
    if (redis->reading) {
        redis->reading = false;
        watch_update(redis);
    }
}

/* Writing waits for the end of this turn (on_turn), so that commands go out together. */
static void hook_add_write(void *ctx)
{
    struct redis *redis = ctx;
    redis->write_wanted = true;
}

static void hook_del_write(void *ctx)
{
    struct redis *redis = ctx;
    redis->write_wanted = false;
    if (redis->write_watched) {
        redis->write_watched = false;
        watch_update(redis);
    }
}

/* The context is about to close its socket. */
static void hook_cleanup(void *ctx)
{
    struct redis *redis = ctx;
    redis->options.events->watch_free(redis->watch);
    redis->watch = NULL;
    redis->reading = redis->write_wanted = redis->write_watched = false;
}

static void on_ready(void *ctx, bool readable, bool writable)
{
    struct redis *redis = ctx;
    if (writable && redis->context)
        redisAsyncHandleWrite(redis->context);
    if (readable && redis->context)
        redisAsyncHandleRead(redis->context);
}

static void on_turn(void *ctx)
{
    struct redis *redis = ctx;
    if (!redis->write_wanted || !redis->context || redis->write_watched)
        return;
    if (redis->state != STATE_CONNECTING) {
        redis->write_wanted = false;
        redisAsyncHandleWrite(redis->context);
    }
    if (redis->write_wanted && redis->watch) { /* the socket is full, or not connected yet */
        redis->write_watched = true;
        watch_update(redis);
    }
}

/* ---- Connecting ---- */

static void schedule_reconnect(struct redis *redis)
{
    uint32_t pause_ms = redis->pause_ms / 2 + (uint32_t)random_below(redis->pause_ms / 2 + 1);
    redis->pause_ms =
        2 * redis->pause_ms < redis->options.reconnect_max_ms ? 2 * redis->pause_ms : redis->options.reconnect_max_ms;
    redis->options.events->timer_start(redis->reconnect_timer, pause_ms);
}

/* Whatever the reason, and whichever side saw it first: one way down. Safe to call when down already. */
static void redis_lose(struct redis *redis, enum stat_counter stat, const char *reason)
{
    if (redis->state == STATE_WAITING)
        return;
    bool was_announced = redis->announced;
    redis->announced = false;
    redis->is_coming = was_announced && stat == STAT_REDIS_LOST;
    redis->state = STATE_WAITING;
    stats_add(redis->options.stats, stat, 1);
    if (!redis->was_logged)
        log_warn(NULL, "redis_lost", "address=%s reason=\"%s\"", redis->address.text, reason);
    redis->was_logged = true;
    redis->options.events->timer_stop(redis->late_timer);
    redis->late_timer_runs = false;
    redisAsyncContext *context = redis->context;
    redis->context = NULL;
    if (context)
        redisAsyncFree(context); /* commands under way get NULL; a no-op if hiredis is ending it itself */
    schedule_reconnect(redis);
    if (was_announced)
        redis->options.on_down(redis->options.ctx);
}

static void on_greeting_reply(void *ctx, const struct redis_reply *reply)
{
    struct redis *redis = ctx;
    if (!reply)
        return; /* the connection is gone, and known to be */
    if (!redis_reply_ok(reply)) {
        char text[160];
        log_value(text, sizeof(text), redis_reply_text(reply));
        redis_lose(redis, STAT_REDIS_CONNECT, text);
        return;
    }
    if (--redis->greetings_left > 0)
        return;
    redis->state = STATE_UP;
    redis->announced = redis->is_coming = true;
    redis->options.on_up(redis->options.ctx);
}

/* Read at each attempt, so that a changed password needs no restart. */
static bool password_read(struct redis *redis)
{
    if (!redis->password_file[0])
        return true;
    FILE *file = fopen(redis->password_file, "re");
    bool read = file && fgets(redis->password, sizeof(redis->password), file);
    if (file)
        fclose(file);
    redis->password[read ? strcspn(redis->password, "\r\n") : 0] = '\0';
    return read;
}

static void append(struct redis *redis, struct slice command, redis_reply_cb on_reply, void *ctx)
{
    pending_push(&redis->sent, (struct pending){on_reply, ctx, clock_monotonic_us()});
    int sent = redisAsyncFormattedCommand(redis->context, on_hiredis_reply, NULL, command.data, command.len);
    bug_unless(sent == REDIS_OK, "hiredis took no command on a live context");
    if (!redis->late_timer_runs)
        late_timer_run(redis, (int64_t)redis->options.timeout_ms * 1000);
}

static void encode_all(struct buf *command, const struct slice *args, size_t count)
{
    buf_reset(command);
    redis_encode_count(command, count);
    for (size_t i = 0; i < count; i++)
        redis_encode(command, args[i]);
}

static void greet(struct redis *redis, const struct slice *args, size_t count)
{
    encode_all(&redis->command, args, count);
    redis->greetings_left++;
    append(redis, buf_slice(&redis->command), on_greeting_reply, redis);
}

/* Only queues: hiredis calls on_connect() in the middle of its own work, where the context must not be freed. */
static void greet_all(struct redis *redis)
{
    char database[16];
    redis->state = STATE_GREETING;
    redis->greetings_left = 0;
    if (redis->password_file[0]) {
        struct slice user = slice_of(redis->user[0] ? redis->user : "default");
        greet(redis, (struct slice[]){SLICE("AUTH"), user, slice_of(redis->password)}, 3);
    }
    snprintf(database, sizeof(database), "%d", redis->address.database);
    greet(redis, (struct slice[]){SLICE("SELECT"), slice_of(database)}, 2);
}

static void on_connect(const redisAsyncContext *context, int status)
{
    struct redis *redis = context->data;
    if (redis->context != context)
        return;
    if (status == REDIS_OK) {
        redis->options.events->timer_stop(redis->late_timer);
        redis->late_timer_runs = false;
        greet_all(redis);
        return;
    }
    redis->context = NULL; /* hiredis frees it */
    redis_lose(redis, STAT_REDIS_CONNECT, context->errstr ? context->errstr : "can't connect");
}

static void on_disconnect(const redisAsyncContext *context, int status)
{
    struct redis *redis = context->data;
    (void)status;
    if (redis->context != context)
        return; /* redis_lose() began it */
    redis->context = NULL;
    const char *reason = context->errstr && *context->errstr ? context->errstr : "closed by Redis";
    if (context->err == REDIS_ERR_OOM) /* that is how reply_new() ends it */
        reason = "it answered what nobody had asked";
    redis_lose(redis, STAT_REDIS_LOST, reason);
}

static void context_attach(struct redis *redis, redisAsyncContext *context)
{
    context->data = redis;
    context->c.reader->fn = &reply_functions;
    context->c.reader->privdata = redis;
    redis->watch = redis->options.events->watch_new(redis->options.events->loop, context->c.fd, on_ready, redis);
    context->ev.data = redis;
    context->ev.addRead = hook_add_read;
    context->ev.delRead = hook_del_read;
    context->ev.addWrite = hook_add_write;
    context->ev.delWrite = hook_del_write;
    context->ev.cleanup = hook_cleanup;
    arena_reset(&redis->replies);
    redisAsyncSetConnectCallback(context, on_connect);
    redisAsyncSetDisconnectCallback(context, on_disconnect);
}

static void redis_connect(struct redis *redis)
{
    redis->state = STATE_CONNECTING;
    if (!password_read(redis)) {
        redis_lose(redis, STAT_REDIS_CONNECT, "can't read redis_password_file");
        return;
    }
    redisAsyncContext *context = redis->address.port ? redisAsyncConnect(redis->address.host, redis->address.port)
                                                     : redisAsyncConnectUnix(redis->address.host);
    if (!context || context->err) {
        char reason[160];
        snprintf(reason, sizeof(reason), "%s", context ? context->errstr : "out of memory");
        if (context)
            redisAsyncFree(context);
        redis_lose(redis, STAT_REDIS_CONNECT, reason);
        return;
    }
    redis->context = context;
    context_attach(redis, context);
    late_timer_run(redis, (int64_t)redis->options.timeout_ms * 1000);
}

static void on_reconnect_timer(void *ctx)
{
    redis_connect(ctx);
}

/* ---- Public ---- */

void redis_send(struct redis *redis, struct slice command, redis_reply_cb on_reply, void *ctx)
{
    if (redis->state == STATE_UP) {
        append(redis, command, on_reply, ctx);
        return;
    }
    if (redis->refused.count == 0)
        redis->options.events->timer_start(redis->refused_timer, 0);
    pending_push(&redis->refused, (struct pending){on_reply, ctx, 0});
}

void redis_call(struct redis *redis, const struct slice *args, size_t count, redis_reply_cb on_reply, void *ctx)
{
    encode_all(&redis->command, args, count);
    redis_send(redis, buf_slice(&redis->command), on_reply, ctx);
}

bool redis_is_up(const struct redis *redis)
{
    return redis->state == STATE_UP;
}

bool redis_is_coming(const struct redis *redis)
{
    return redis->state != STATE_UP && redis->is_coming;
}

void redis_accept(struct redis *redis)
{
    redis->pause_ms = RECONNECT_MIN_MS;
    redis->was_logged = false;
}

void redis_drop(struct redis *redis, const char *reason)
{
    redis_lose(redis, STAT_REDIS_LOST, reason);
}

enum status redis_new(struct redis **out, const struct redis_options *options, struct error *error)
{
    struct redis *redis = mem_zalloc(sizeof(*redis));
    redis->options = *options;
    snprintf(redis->user, sizeof(redis->user), "%s", options->user);
    snprintf(redis->password_file, sizeof(redis->password_file), "%s", options->password_file);
    if (redis_address_parse(&redis->address, options->address, error) != STATUS_OK) {
        free(redis);
        return STATUS_INVALID;
    }
    const struct events *events = options->events;
    redis->pause_ms = RECONNECT_MIN_MS;
    redis->is_coming = true;
    redis->turn = events->turn_new(events->loop, on_turn, redis);
    redis->reconnect_timer = events->timer_new(events->loop, on_reconnect_timer, redis);
    redis->late_timer = events->timer_new(events->loop, on_late_timer, redis);
    redis->refused_timer = events->timer_new(events->loop, on_refused_timer, redis);
    arena_init(&redis->replies);
    buf_init(&redis->command);
    *out = redis;
    redis_connect(redis);
    return STATUS_OK;
}

void redis_free(struct redis *redis)
{
    if (!redis)
        return;
    redis->state = STATE_WAITING;
    redisAsyncContext *context = redis->context;
    redis->context = NULL;
    if (context)
        redisAsyncFree(context);
    while (redis->refused.count > 0)
        on_refused_timer(redis);
    const struct events *events = redis->options.events;
    events->turn_free(redis->turn);
    events->timer_free(redis->reconnect_timer);
    events->timer_free(redis->late_timer);
    events->timer_free(redis->refused_timer);
    arena_fini(&redis->replies);
    buf_fini(&redis->command);
    pending_fini(&redis->sent);
    pending_fini(&redis->refused);
    free(redis);
}
