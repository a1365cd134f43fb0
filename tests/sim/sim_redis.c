/* SPDX-License-Identifier: MIT */
/*
 * Connections, the order in which Redis refuses commands, scripts, and what can happen to a server.
 *
 * A command is refused for the first of these reasons, in the order of Redis 7.0: its name or its number of arguments,
 * NOAUTH, a slot that is elsewhere (sim_redis_slots.c), OOM (a replica has none) or READONLY, MASTERDOWN, LOADING, BUSY. A script is let through by most of them and
 * meets OOM and READONLY at its commands: those that write are refused until the first one was let through, and none
 * after it, so that a script is carried out as a whole or not at all.
 *
 * It speaks with the options and in the words of Redis 7.0, no more: there is one database, no transactions, no
 * replication (a replica is another of these, which the owner fills), no background work. Keys whose time is up are
 * gone for every command, and are removed when one looks.
 */
#include "sim_redis.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "sim_redis_client.h"
#include "sim_redis_commands.h"
#include "sim_redis_lua.h"
#include "sim_redis_streams.h"

static const char masterdown[] = "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.";

struct sim_loaded {
    struct sim_loaded *next;
    const struct sim_script *script;
};

/* ---- Scripts ---- */

static const struct sim_script *script_find(const struct sim_redis *redis, struct slice sha)
{
    const struct sim_loaded *loaded = redis->scripts;
    while (loaded && !slice_equal(sim_script_sha(loaded->script), sha))
        loaded = loaded->next;
    return loaded ? loaded->script : NULL;
}

/* NULL: it can't be compiled, and the reply says so. */
static const struct sim_script *script_load(struct sim_redis *redis, struct slice text, struct buf *reply)
{
    const struct sim_script *script = sim_script_compile(text, reply);
    if (!script || script_find(redis, sim_script_sha(script)))
        return script;
    struct sim_loaded *loaded = mem_alloc(sizeof(*loaded));
    *loaded = (struct sim_loaded){redis->scripts, script};
    redis->scripts = loaded;
    return script;
}

struct script_state {
    struct sim_client *client;
    bool has_written;
};

static const struct sim_command *command_find(struct slice name);

/* Why it can't be written to; a replica leaves its memory to its primary. NULL: it can. */
static const char *write_refusal(const struct sim_redis *redis, const struct sim_command *command)
{
    if (redis->is_replica && command->flags & SIM_WRITE)
        return "READONLY You can't write against a read only replica.";
    if (redis->is_full && command->flags & SIM_GROWS)
        return "OOM command not allowed when used memory > 'maxmemory'.";
    return NULL;
}

/* Why a script may not call this now; NULL: it may. */
static const char *script_refusal(const struct script_state *state, const struct sim_command *command, size_t count)
{
    const struct sim_redis *redis = state->client->redis;
    if (!command)
        return "ERR Unknown Redis command called from script";
    if (!sim_command_takes(command, count))
        return "ERR Wrong number of args calling Redis command from script";
    if (command->flags & SIM_NO_SCRIPT)
        return "ERR This Redis command is not allowed from script";
    if (state->has_written)
        return NULL;
    return write_refusal(redis, command);
}

static void on_script_call(void *ctx, const struct slice *args, size_t count, struct buf *reply)
{
    struct script_state *state = ctx;
    const struct sim_command *command = command_find(args[0]);
    const char *refusal = script_refusal(state, command, count);
    if (refusal) {
        resp_error(reply, "%s", refusal);
        return;
    }
    const struct sim_call call = {&state->client->redis->keys, state->client, args, count, reply};
    if (sim_slots_are_elsewhere(&call, command)) {
        resp_error(reply, "ERR Script attempted to access a non local key in a cluster node");
        return;
    }
    state->has_written |= command->flags & SIM_WRITE;
    command->run(&call);
}

static void script_run(const struct sim_call *call, bool is_sha)
{
    struct sim_redis *redis = call->client->redis;
    int64_t key_count;
    if (!sim_take_integer(call, 2, &key_count))
        return;
    if (key_count > (int64_t)call->count - 3 || key_count < 0) {
        resp_error(call->reply, "ERR Number of keys can't be %s",
                   key_count < 0 ? "negative" : "greater than number of args");
        return;
    }
    const struct sim_script *script =
        is_sha ? script_find(redis, call->args[1]) : script_load(redis, call->args[1], call->reply);
    if (!script && is_sha)
        resp_error(call->reply, "NOSCRIPT No matching script. Please use EVAL.");
    if (script && redis->is_stale)
        resp_error(call->reply, masterdown);
    if (!script || redis->is_stale)
        return;
    struct script_state state = {.client = call->client};
    struct sim_script_run run = {.keys = call->args + 3,
                                 .key_count = (size_t)key_count,
                                 .args = call->args + 3 + key_count,
                                 .arg_count = call->count - 3 - (size_t)key_count,
                                 .call = on_script_call,
                                 .ctx = &state};
    sim_script_run(script, &run, call->reply);
}

static void run_eval(const struct sim_call *call)
{
    script_run(call, false);
}

static void run_evalsha(const struct sim_call *call)
{
    script_run(call, true);
}

static void run_script(const struct sim_call *call)
{
    struct sim_redis *redis = call->client->redis;
    bool is_flush = sim_word_is(call->args[1], "FLUSH") && call->count == 2;
    if (is_flush && redis->is_stale) {
        resp_error(call->reply, masterdown);
    } else if (is_flush) {
        sim_redis_flush_scripts(redis);
        resp_status(call->reply, "OK");
    } else if (sim_word_is(call->args[1], "LOAD") && call->count == 3) {
        const struct sim_script *script = script_load(redis, call->args[2], call->reply);
        if (script)
            resp_text(call->reply, sim_script_sha(script));
    } else {
        resp_error(call->reply, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try SCRIPT HELP.",
                   (int)call->args[1].len, call->args[1].data);
    }
}

static const struct sim_command script_commands[] = {
    {"EVAL", -3, SIM_STALE | SIM_NO_SCRIPT | SIM_KEYS_COUNTED, run_eval},
    {"EVALSHA", -3, SIM_STALE | SIM_NO_SCRIPT | SIM_KEYS_COUNTED, run_evalsha},
    {"SCRIPT", -2, SIM_STALE | SIM_NO_SCRIPT, run_script},
    {0},
};

static const struct sim_command *command_find(struct slice name)
{
    static const struct sim_command *const tables[] = {sim_key_commands, sim_stream_commands, script_commands,
                                                       sim_server_commands, sim_cluster_commands};
    const struct sim_command *command = NULL;
    for (size_t i = 0; i < 5 && !command; i++)
        command = sim_command_find(tables[i], name);
    return command;
}

/* ---- Carrying out a command ---- */

/* What the owner knows a command by: its name, or that of the workers' script that it calls. */
static struct slice word_of(const struct sim_redis *redis, const struct sim_command *command,
                            const struct sim_call *call)
{
    const struct sim_script *script = NULL;
    struct slice name = {0};
    if (command->run == run_evalsha) {
        script = script_find(redis, call->args[1]);
        if (!script)
            return SLICE("NOSCRIPT");
    } else if (command->run == run_eval) {
        struct buf ignored;
        buf_init(&ignored);
        script = sim_script_compile(call->args[1], &ignored);
        buf_fini(&ignored);
    }
    if (script)
        name = sim_script_name(script);
    return name.data ? name : slice_of(command->name);
}

static bool is_among(const char *words, struct slice word)
{
    for (const char *at = words; *at; at += strcspn(at, " "), at += *at == ' ')
        if (slice_equal((struct slice){at, strcspn(at, " ")}, word))
            return true;
    return false;
}

static bool is_unknown(const struct sim_client *client, const struct sim_command *command)
{
    return client->redis->password && !client->is_authenticated && !(command->flags & SIM_AUTH);
}

/* NULL: nothing is wrong with the server. */
static const char *refusal_of(const struct sim_client *client, const struct sim_command *command)
{
    const struct sim_redis *redis = client->redis;
    if (is_unknown(client, command))
        return "NOAUTH Authentication required.";
    const char *refusal = write_refusal(redis, command);
    if (refusal)
        return refusal;
    if (redis->is_stale && !(command->flags & SIM_STALE))
        return masterdown;
    if (redis->is_loading && !(command->flags & SIM_LOADING))
        return "LOADING Redis is loading the dataset in memory";
    if (redis->is_busy && !(command->flags & SIM_AUTH))
        return "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
    return NULL;
}

static void reply_unknown(const struct sim_call *call)
{
    struct buf args;
    buf_init(&args);
    for (size_t i = 1; i < call->count && args.len < 128; i++)
        buf_printf(&args, "'%.*s' ", (int)(128 - args.len < call->args[i].len ? 128 - args.len : call->args[i].len),
                   call->args[i].data);
    resp_error(call->reply, "ERR unknown command '%.*s', with args beginning with: %s", (int)call->args[0].len,
               call->args[0].data, buf_slice(&args).data);
    buf_fini(&args);
}

static void name_print(char name[32], const struct sim_command *command)
{
    memset(name, 0, 32);
    for (size_t i = 0; command->name[i]; i++)
        name[i] = (char)(command->name[i] | 0x20);
}

static void reply_wrong_number(const struct sim_call *call, const struct sim_command *command)
{
    char name[32];
    name_print(name, command);
    resp_error(call->reply, "ERR wrong number of arguments for '%s' command", name);
}

/* Once it has subscribed, a connection takes few commands. Redis looks at that before it looks at its own state. */
static bool refuse_subscriber(const struct sim_call *call, const struct sim_command *command)
{
    const struct sim_redis *redis = call->client->redis;
    if (command->flags & SIM_SUBSCRIBER || !sim_client_is_subscribed(call->client) || write_refusal(redis, command))
        return false;
    char name[32];
    name_print(name, command);
    resp_error(call->reply,
               "ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in "
               "this context",
               name);
    return true;
}

static void carry_out(const struct sim_call *call)
{
    struct sim_client *client = call->client;
    struct sim_redis *redis = client->redis;
    const struct sim_command *command = command_find(call->args[0]);
    struct slice word =
        command && sim_command_takes(command, call->count) ? word_of(redis, command, call) : call->args[0];
    if (redis->options.on_command)
        redis->options.on_command(redis->options.ctx, word);
    if (!command) {
        reply_unknown(call);
        return;
    }
    if (!sim_command_takes(command, call->count)) {
        reply_wrong_number(call, command);
        return;
    }
    if (!is_unknown(client, command) && sim_slots_refuse(call, command))
        return;
    if (refuse_subscriber(call, command))
        return;
    const char *refusal = is_among(redis->refused_words, word) ? redis->refusal : refusal_of(client, command);
    if (refusal)
        resp_error(call->reply, "%s", refusal);
    else
        command->run(call);
}

bool sim_client_execute(struct sim_client *client)
{
    struct sim_redis *redis = client->redis;
    struct slice rest = {client->input.data + client->taken, client->input.len - client->taken};
    if (!resp_take(&client->command, &rest))
        return false;
    redis->command_count++;
    struct sim_call call = {.keys = sim_redis_keys(redis),
                            .client = client,
                            .args = client->command.args,
                            .count = client->command.count,
                            .reply = &client->output};
    bool was_asking = client->is_asking;
    carry_out(&call);
    client->is_asking &= !was_asking; /* for one command */
    client->taken = client->input.len - rest.len;
    return true;
}

/* ---- Connections ---- */

struct sim_client *sim_client_new(struct sim_redis *redis)
{
    struct sim_client *client = mem_zalloc(sizeof(*client));
    client->redis = redis;
    client->subscriber.output = &client->output;
    return client;
}

void sim_client_free(struct sim_client *client)
{
    if (!client)
        return;
    sim_unsubscribe_all(&client->redis->subscribers, &client->subscriber);
    buf_fini(&client->input);
    buf_fini(&client->output);
    resp_command_fini(&client->command);
    free(client);
}

void sim_client_feed(struct sim_client *client, struct slice bytes)
{
    if (client->taken > 0) {
        client->input.len -= client->taken;
        memmove(client->input.data, client->input.data + client->taken, client->input.len);
        client->taken = 0;
    }
    buf_append_slice(&client->input, bytes);
}

bool sim_client_is_subscribed(const struct sim_client *client)
{
    return client->subscriber.count > 0;
}

struct buf *sim_client_output(struct sim_client *client)
{
    return &client->output;
}

/* ---- What can happen to it ---- */

void sim_redis_restart(struct sim_redis *redis, const char *run_id, bool keeps_data)
{
    snprintf(redis->run_id, sizeof(redis->run_id), "%s", run_id);
    sim_redis_flush_scripts(redis);
    redis->is_busy = false;
    if (!keeps_data)
        sim_redis_flush(redis);
}

struct sim_keys *sim_redis_save(const struct sim_redis *redis)
{
    struct sim_keys *saved = mem_zalloc(sizeof(*saved));
    sim_keys_copy(saved, &redis->keys);
    return saved;
}

void sim_redis_restore(struct sim_redis *redis, const struct sim_keys *saved)
{
    sim_keys_copy(&redis->keys, saved);
}

void sim_redis_forget(struct sim_keys *saved)
{
    if (saved)
        sim_keys_clear(saved);
    free(saved);
}

bool sim_redis_evict(struct sim_redis *redis, const char *pattern)
{
    struct sim_key *chosen = NULL;
    uint64_t count = 0;
    for (struct sim_key *key = redis->keys.keys; key; key = key->hh.next)
        if (fnmatch(pattern, key->name_bytes, 0) == 0 && dice_one_in(&redis->dice, ++count))
            chosen = key;
    if (chosen)
        sim_key_remove(&redis->keys, chosen);
    return chosen != NULL;
}

void sim_redis_flush(struct sim_redis *redis)
{
    sim_keys_clear(&redis->keys);
}

void sim_redis_flush_scripts(struct sim_redis *redis)
{
    while (redis->scripts) {
        struct sim_loaded *loaded = redis->scripts;
        redis->scripts = loaded->next;
        free(loaded);
    }
}

void sim_redis_load_script(struct sim_redis *redis, struct slice text)
{
    struct buf reply;
    buf_init(&reply);
    bool is_loaded = script_load(redis, text, &reply) != NULL;
    bug_unless(is_loaded, "a script can't be compiled");
    buf_fini(&reply);
}

void sim_redis_refuse(struct sim_redis *redis, const char *words, const char *error)
{
    snprintf(redis->refused_words, sizeof(redis->refused_words), "%s", error ? words : "");
    snprintf(redis->refusal, sizeof(redis->refusal), "%s", error ? error : "");
}

struct sim_keys *sim_redis_keys(struct sim_redis *redis)
{
    redis->keys.now_ms = redis->options.now_ms(redis->options.ctx);
    return &redis->keys;
}

struct sim_redis *sim_redis_new(struct sim_redis_options options)
{
    struct sim_redis *redis = mem_zalloc(sizeof(*redis));
    redis->options = options;
    redis->dice = dice_of(options.seed, 0);
    snprintf(redis->run_id, sizeof(redis->run_id), "%s", options.run_id);
    snprintf(redis->replication_id, sizeof(redis->replication_id), "%s",
             options.replication_id ? options.replication_id : "");
    return redis;
}

void sim_redis_free(struct sim_redis *redis)
{
    if (!redis)
        return;
    sim_redis_flush(redis);
    sim_redis_flush_scripts(redis);
    sim_slots_free(redis->slots);
    free(redis);
}
