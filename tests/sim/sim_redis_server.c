/* SPDX-License-Identifier: MIT */
/*
 * The commands of a simulated Redis that are about the server, a connection, or messages.
 *
 * INFO and CONFIG tell what workers read, and no more. As a sentinel, a server knows one primary, under any name.
 */
#include <fnmatch.h>
#include <stdio.h>

#include "sim_redis_client.h"
#include "sim_redis_commands.h"

static void run_auth(const struct sim_call *call)
{
    const char *password = call->client->redis->password;
    bool has_user = call->count == 3;
    bool is_default = !has_user || slice_equal(call->args[1], SLICE("default"));
    if (call->count > 3) {
        resp_error(call->reply, "ERR syntax error");
    } else if (!password && !has_user) {
        resp_error(call->reply, "ERR AUTH <password> called without any password configured for the default user. "
                                "Are you sure your configuration is correct?");
    } else if (is_default && (!password || slice_equal(call->args[call->count - 1], slice_of(password)))) {
        call->client->is_authenticated = true;
        resp_status(call->reply, "OK");
    } else {
        resp_error(call->reply, "WRONGPASS invalid username-password pair or user is disabled.");
    }
}

static void run_info(const struct sim_call *call)
{
    const struct sim_redis *redis = call->client->redis;
    struct buf info;
    buf_init(&info);
    buf_printf(&info, "# Server\r\nredis_version:7.0.15\r\n%srun_id:%s\r\n\r\n",
               redis->slots ? "redis_mode:cluster\r\n" : "", redis->run_id);
    buf_printf(&info, "# Persistence\r\nloading:%d\r\n\r\n", redis->is_loading);
    buf_printf(&info, "# Replication\r\nrole:%s\r\n", redis->is_replica ? "slave" : "master");
    if (redis->is_replica)
        buf_printf(&info, "master_link_status:%s\r\n", redis->is_stale ? "down" : "up");
    buf_printf(&info, "master_replid:%s\r\n", redis->replication_id);
    if (redis->is_durable)
        buf_append_text(&info, "\r\naof_enabled:1\r\naof_last_write_status:ok\r\nmaxmemory_policy:noeviction\r\n"
                               "cluster_enabled:0\r\n");
    resp_text(call->reply, buf_slice(&info));
    buf_fini(&info);
}

/* As of a Redis that syncs before it answers. One pattern. */
static void run_config(const struct sim_call *call)
{
    static const char *const values[][2] = {{"appendfsync", "always"}, {"no-appendfsync-on-rewrite", "no"}};
    char pattern[64];
    size_t count = 0;
    if (!sim_word_is(call->args[1], "GET") || call->count != 3) {
        resp_error(call->reply, "ERR unknown subcommand '%.*s'. Try CONFIG HELP.", (int)call->args[1].len,
                   call->args[1].data);
        return;
    }
    snprintf(pattern, sizeof(pattern), "%.*s", (int)call->args[2].len, call->args[2].data);
    for (size_t i = 0; i < 2; i++)
        count += fnmatch(pattern, values[i][0], 0) == 0;
    resp_array(call->reply, 2 * count);
    for (size_t i = 0; i < 2; i++)
        if (fnmatch(pattern, values[i][0], 0) == 0) {
            resp_text(call->reply, slice_of(values[i][0]));
            resp_text(call->reply, slice_of(values[i][1]));
        }
}

static void run_ping(const struct sim_call *call)
{
    if (sim_client_is_subscribed(call->client)) {
        resp_array(call->reply, 2);
        resp_text(call->reply, SLICE("pong"));
        resp_text(call->reply, call->count == 1 ? SLICE("") : call->args[1]);
    } else if (call->count == 1)
        resp_status(call->reply, "PONG");
    else
        resp_text(call->reply, call->args[1]);
}

static void run_select(const struct sim_call *call)
{
    int64_t database;
    if (!sim_take_integer(call, 1, &database))
        return;
    if (database == 0)
        resp_status(call->reply, "OK");
    else if (call->client->redis->slots)
        resp_error(call->reply, "ERR SELECT is not allowed in cluster mode");
    else
        resp_error(call->reply, "ERR DB index is out of range");
}

static void run_sentinel(const struct sim_call *call)
{
    const struct sim_redis *redis = call->client->redis;
    if (call->count != 3 || !sim_word_is(call->args[1], "GET-MASTER-ADDR-BY-NAME")) {
        resp_error(call->reply, "ERR unknown subcommand '%.*s'. Try SENTINEL HELP.", (int)call->args[1].len,
                   call->args[1].data);
        return;
    }
    if (!redis->primary_host) {
        buf_append_text(call->reply, "*-1\r\n");
        return;
    }
    resp_array(call->reply, 2);
    resp_text(call->reply, slice_of(redis->primary_host));
    resp_text(call->reply, slice_of(redis->primary_port));
}

static void run_publish(const struct sim_call *call)
{
    struct sim_redis *redis = call->client->redis;
    const struct sim_redis_options *options = &redis->options;
    int64_t count = sim_publish(redis->subscribers, call->args[1], call->args[2]);
    redis->push_count += (unsigned)count;
    if (options->on_publish)
        count += options->on_publish(options->ctx, call->args[1], call->args[2]);
    resp_integer(call->reply, count);
}

static void run_subscribe(const struct sim_call *call)
{
    for (size_t i = 1; i < call->count; i++)
        sim_subscribe(&call->client->redis->subscribers, &call->client->subscriber, call->args[i]);
}

static void run_time(const struct sim_call *call)
{
    char number[INT64_TEXT_MAX + 1];
    resp_array(call->reply, 2);
    resp_text(call->reply, slice_of_int64(number, call->keys->now_ms / 1000));
    resp_text(call->reply, slice_of_int64(number, call->keys->now_ms % 1000 * 1000));
}

const struct sim_command sim_server_commands[] = {
    {"AUTH", -2, SIM_LOADING | SIM_STALE | SIM_NO_SCRIPT | SIM_AUTH, run_auth},
    {"CONFIG", -3, SIM_LOADING | SIM_STALE | SIM_NO_SCRIPT, run_config},
    {"INFO", -1, SIM_LOADING | SIM_STALE, run_info},
    {"PING", -1, SIM_SUBSCRIBER, run_ping},
    {"PUBLISH", 3, SIM_LOADING | SIM_STALE, run_publish},
    {"SELECT", 2, SIM_LOADING | SIM_STALE, run_select},
    {"SENTINEL", -2, SIM_NO_SCRIPT, run_sentinel},
    {"SUBSCRIBE", -2, SIM_LOADING | SIM_STALE | SIM_NO_SCRIPT | SIM_SUBSCRIBER, run_subscribe},
    {"TIME", 1, SIM_LOADING | SIM_STALE, run_time},
    {0},
};
