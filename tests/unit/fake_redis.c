/* SPDX-License-Identifier: MIT */
/*
 * The connection's side of the fake: queues of commands and answers, coming up and going down as redis.c does.
 *
 * What it promises is what redis.h promises, the order of callbacks included: when a connection breaks, commands under way are
 * answered NULL first, and on_down comes after them, except for redis_drop() from inside a callback. Commands that were made
 * while it is down are answered NULL at the next step, never at once.
 */
#include "fake_redis.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/settings.h"
#include "fake_reply.h"
#include "fake_server.h"
#include "redis/redis_encode.h"
#include "redis/redis_error.h"
#include "tests/sim/sim_redis.h"

struct command {
    struct command *next;
    redis_reply_cb on_reply;
    void *ctx;
    int64_t sent_at_ms;
    bool is_executed;
};

struct redis {
    struct redis_options options;
    char address[32];
    struct fake_server *server; /* these two: while up */
    struct sim_client *client;
    struct fake_replies replies;
    struct redis *next;       /* of the server's connections */
    struct command *commands; /* oldest first: executed ones, then sent ones */
    struct command *refused;
    struct timer *connect_timer, *late_timer;
    bool up, held, delivers, dropped, coming;
    unsigned lose_after; /* commands; 0: none is lost */
};

static int64_t now_ms(const struct redis *redis)
{
    return redis->options.events->now_ms(redis->options.events->loop);
}

/* ---- Commands ---- */

static void command_push(struct command **list, struct command *command)
{
    while (*list)
        list = &(*list)->next;
    *list = command;
}

static void command_end(struct command *command, const struct redis_reply *reply)
{
    command->on_reply(command->ctx, reply);
    free(command);
}

bool fake_redis_refuse(struct redis *redis)
{
    struct command *command = redis->refused;
    if (!command)
        return false;
    redis->refused = command->next;
    command_end(command, NULL);
    return true;
}

/* ---- Up and down ---- */

static void late_timer_set(struct redis *redis)
{
    if (!redis->commands) {
        redis->options.events->timer_stop(redis->late_timer);
        return;
    }
    int64_t left_ms = redis->commands->sent_at_ms + redis->options.timeout_ms - now_ms(redis);
    redis->options.events->timer_start(redis->late_timer, left_ms > 0 ? (uint32_t)left_ms : 0);
}

static void fail_all(struct redis *redis)
{
    while (redis->commands) {
        struct command *command = redis->commands;
        redis->commands = command->next;
        command_end(command, NULL);
    }
    late_timer_set(redis);
}

static void server_leave(struct redis *redis)
{
    struct redis **at = &redis->server->connections;
    while (*at != redis)
        at = &(*at)->next;
    *at = redis->next;
    redis->server = NULL;
    sim_client_free(redis->client);
}

static void go_down(struct redis *redis)
{
    if (!redis->up)
        return;
    redis->up = false;
    redis->lose_after = 0;
    server_leave(redis);
    redis->options.events->timer_start(redis->connect_timer, FAKE_RECONNECT_MS);
    redis->dropped = redis->delivers;
    if (!redis->delivers)
        fail_all(redis);
    redis->options.on_down(redis->options.ctx);
}

static void on_connect_time(void *ctx)
{
    struct redis *redis = ctx;
    struct fake_server *server = fake_server_find(redis->address);
    if (!server || server->away) {
        redis->options.events->timer_start(redis->connect_timer, FAKE_RECONNECT_MS);
        return;
    }
    redis->server = server;
    redis->next = server->connections;
    server->connections = redis;
    redis->client = sim_client_new(server->redis);
    redis->up = true;
    redis->options.on_up(redis->options.ctx);
}

static void on_late(void *ctx)
{
    struct redis *redis = ctx;
    if (redis->commands && redis->commands->sent_at_ms + redis->options.timeout_ms <= now_ms(redis)) {
        stats_add(redis->options.stats, STAT_REDIS_TIMEOUT, 1);
        go_down(redis);
    } else {
        late_timer_set(redis);
    }
}

/* ---- What tests do ---- */

void fake_redis_hold(struct redis *redis, bool held)
{
    redis->held = held;
}

bool fake_redis_execute(struct redis *redis)
{
    struct command *command = redis->commands;
    while (command && command->is_executed)
        command = command->next;
    if (!command || redis->server->frozen)
        return false;
    command->is_executed = sim_client_execute(redis->client);
    bug_unless(command->is_executed, "a command that was sent is not whole");
    if (redis->lose_after > 0 && --redis->lose_after == 0)
        go_down(redis);
    return true;
}

/* As redis_wire.c does, by the same table. */
static bool reply_ends(struct redis *redis, const struct redis_reply *reply)
{
    if (redis_reply_type(reply) != REDIS_TYPE_ERROR)
        return false;
    const struct redis_error *error = redis_error_of(redis_reply_text(reply));
    stats_add(redis->options.stats, error->stat, 1);
    return error->is_away;
}

/* Of the oldest command that was executed; it lives until the next one. */
static const struct redis_reply *reply_take(struct redis *redis)
{
    struct buf *output = sim_client_output(redis->client);
    arena_reset(&redis->replies.arena);
    struct slice rest = buf_slice(output);
    const struct redis_reply *reply = fake_replies_read(&redis->replies, &rest);
    buf_drop(output, output->len - rest.len);
    return reply;
}

bool fake_redis_deliver(struct redis *redis)
{
    struct command *command = redis->commands;
    if (!command || !command->is_executed)
        return false;
    redis->commands = command->next;
    late_timer_set(redis);
    const struct redis_reply *reply = reply_take(redis);
    bool ends = reply_ends(redis, reply);
    redis->delivers = true;
    if (redis->options.on_error && redis_reply_type(reply) == REDIS_TYPE_ERROR)
        redis->options.on_error(redis->options.ctx, redis_reply_text(reply));
    command_end(command, reply);
    if (ends)
        go_down(redis);
    redis->delivers = false;
    if (redis->dropped) {
        redis->dropped = false;
        fail_all(redis);
    }
    return true;
}

bool fake_redis_step(struct redis *redis)
{
    if (fake_redis_refuse(redis))
        return true;
    return !redis->held && (fake_redis_execute(redis) || fake_redis_deliver(redis));
}

void fake_redis_cut(struct redis *redis)
{
    go_down(redis);
}

void fake_redis_cut_all(struct fake_server *server)
{
    while (server->connections)
        go_down(server->connections);
}

void fake_redis_lose_reply(struct redis *redis, unsigned n)
{
    redis->lose_after = n;
}

struct fake_server *fake_redis_server(const struct redis *redis)
{
    return redis->server;
}

size_t fake_redis_sent_count(const struct redis *redis)
{
    size_t count = 0;
    for (const struct command *command = redis->commands; command; command = command->next)
        count += !command->is_executed;
    return count;
}

/* ---- redis/redis.h ---- */

struct redis *redis_new_closed(const struct redis_options *options)
{
    struct redis *redis = mem_zalloc(sizeof(*redis));
    redis->options = *options;
    fake_replies_begin(&redis->replies);
    redis->connect_timer = options->events->timer_new(options->events->loop, on_connect_time, redis);
    redis->late_timer = options->events->timer_new(options->events->loop, on_late, redis);
    return redis;
}

enum status redis_new(struct redis **out, const struct redis_options *options, struct error *error)
{
    if (options->address[0] == '\0')
        return error_set(error, STATUS_INVALID, "redis = : no address");
    struct redis *redis = redis_new_closed(options);
    memcpy(redis->address, options->address, strlen(options->address) + 1);
    options->events->timer_start(redis->connect_timer, 0);
    *out = redis;
    return STATUS_OK;
}

struct redis *redis_new_at(const struct redis_options *options, const struct redis_peer *peer)
{
    (void)options, (void)peer;
    bug_unless(false, "the fake Redis is no server of a real cluster");
    return NULL;
}

void redis_free(struct redis *redis)
{
    if (!redis)
        return;
    if (redis->up)
        server_leave(redis);
    redis->up = false;
    fail_all(redis);
    while (fake_redis_refuse(redis))
        continue;
    redis->options.events->timer_free(redis->connect_timer);
    redis->options.events->timer_free(redis->late_timer);
    fake_replies_end(&redis->replies);
    free(redis);
}

void fake_redis_set_coming(struct redis *redis, bool coming)
{
    redis->coming = coming;
}

void redis_options_take(struct redis_options *options, const struct settings *settings)
{
    options->address = settings->redis;
    options->timeout_ms = (uint32_t)settings->redis_timeout_ms;
    options->reconnect_max_ms = (uint32_t)settings->redis_reconnect_max_ms;
}

const char *redis_address_text(const struct redis *redis)
{
    return redis->address;
}

const char *redis_reason(const struct redis *redis)
{
    return redis->up ? "" : "the fake Redis is away";
}

bool redis_is_coming(const struct redis *redis)
{
    return !redis->up && redis->coming;
}

const struct redis_peer *redis_peer(const struct redis *redis)
{
    static const struct redis_peer nowhere;
    (void)redis;
    return &nowhere;
}

bool redis_is_up(const struct redis *redis)
{
    return redis->up;
}

bool redis_is_idle(const struct redis *redis)
{
    return !redis->commands && !redis->refused;
}

void redis_drop(struct redis *redis, const char *reason)
{
    (void)reason;
    go_down(redis);
}

void redis_accept(struct redis *redis)
{
    (void)redis;
}

void redis_send(struct redis *redis, struct slice text, redis_reply_cb on_reply, void *ctx)
{
    struct command *command = mem_alloc(sizeof(*command));
    *command = (struct command){.on_reply = on_reply, .ctx = ctx, .sent_at_ms = now_ms(redis)};
    if (redis->up)
        sim_client_feed(redis->client, text);
    command_push(redis->up ? &redis->commands : &redis->refused, command);
    if (redis->up && redis->commands == command)
        late_timer_set(redis);
}

void redis_call(struct redis *redis, const struct slice *args, size_t count, redis_reply_cb on_reply, void *ctx)
{
    struct buf command;
    buf_init(&command);
    redis_encode_count(&command, count);
    for (size_t i = 0; i < count; i++)
        redis_encode(&command, args[i]);
    redis_send(redis, buf_slice(&command), on_reply, ctx);
    buf_fini(&command);
}
