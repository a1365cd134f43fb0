/* SPDX-License-Identifier: MIT */
/*
 * Commands and scripts of the fake Redis, over fake_keys.h.
 *
 * Each script is a C function that says the same as its .lua file; both have the contract at the top of that file.
 */
#include "fake_server.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/random.h"
#include "cache/scripts_embedded.h"
#include "clients/limit_embedded.h"
#include "fake_events.h"
#include "fake_journal.h"
#include "fake_keys.h"
#include "fake_redis.h"
#include "fake_reply.h"

static struct fake_server *servers;

/* ---- Scripts: texts of KEYS and ARGV are NUL-terminated copies. ---- */

struct call {
    struct fake_server *server;
    char **keys;
    size_t key_count;
    char **args;
    const struct slice *raw_args; /* the same, for values that may hold anything */
    size_t arg_count;
};

static struct redis_reply *hash_reply(const struct fake_key *key)
{
    struct redis_reply *reply = fake_reply_array();
    for (size_t i = 0; key && i < key->count; i++) {
        fake_reply_add(reply, fake_reply_text(slice_of(key->pairs[i].name)));
        fake_reply_add(reply, fake_reply_text(pair_value(&key->pairs[i])));
    }
    return reply;
}

static struct redis_reply *wrong_type(void)
{
    return fake_reply_error("WRONGTYPE Operation against a key holding the wrong kind of value");
}

static struct redis_reply *out_of_memory(void)
{
    return fake_reply_error("OOM command not allowed when used memory > 'maxmemory'.");
}

static int64_t writers_last_ms(const struct fake_key *key)
{
    int64_t last_ms = 0;
    for (size_t i = 0; key && i < key->count; i++)
        last_ms = key->pairs[i].score > last_ms ? key->pairs[i].score : last_ms;
    return last_ms;
}

/* What acquire.lua says of marks; NULL: there are none. */
static struct redis_reply *writers_reply(struct fake_server *server, const char *name)
{
    const struct fake_key *key = key_find(server, name);
    char text[40];
    if (!key)
        return NULL;
    snprintf(text, sizeof(text), "DOUBT %lld ", (long long)fake_now_ms());
    return fake_reply_text(writers_last_ms(key) > fake_now_ms() ? SLICE("BYPASS") : slice_of(text));
}

static void writers_add(struct fake_server *server, const char *name, const char *token, int64_t window_ms)
{
    struct fake_key *key = key_make(server, name, FAKE_SET);
    pair_make(key, token)->score = fake_now_ms() + window_ms;
    int64_t last_ms = writers_last_ms(key);
    if (key->count > 1 && !strstr(name, "{list}"))
        pair_make(key, "!")->score = last_ms;
    key->expires_at_ms = last_ms + 86400000;
}

/* Takes a mark away, and with the last one '!'; whether it was there. */
static bool writers_remove(struct fake_server *server, const char *name, const char *token)
{
    bool was_there = pair_remove(server, key_find(server, name), token);
    struct fake_key *left = key_find(server, name);
    if (was_there && left && left->count == 1)
        pair_remove(server, left, "!");
    else if (!was_there && left)
        pair_make(left, "!")->score = writers_last_ms(left);
    return was_there;
}

static struct redis_reply *run_acquire(const struct call *call)
{
    struct fake_server *server = call->server;
    const struct fake_key *entry = key_find(server, call->keys[0]);
    const struct slice at = pair_value(pair_find(entry, "at"));
    if (entry && entry->type != FAKE_HASH)
        return wrong_type();
    if ((at.data ? atoll(at.data) : -1) > atoll(call->args[2]))
        return hash_reply(entry);
    struct redis_reply *marks = writers_reply(server, call->keys[2]);
    if (marks)
        return marks;
    if (server->full)
        return out_of_memory();
    if (key_find(server, call->keys[1]))
        return fake_reply_text(SLICE("WAIT"));
    text_set(server, call->keys[1], call->raw_args[0], atoll(call->args[1]));
    return fake_reply_text(SLICE("FILL"));
}

static struct redis_reply *run_beat(const struct call *call)
{
    struct fake_server *server = call->server;
    const struct slice known = pair_value(pair_find(key_find(server, call->keys[0]), ""));
    if (known.data && atoll(known.data) > atoll(call->args[0]))
        return fake_reply_text(known);
    if (!server->full)
        text_set(server, call->keys[0], call->raw_args[0], atoll(call->args[1]));
    return fake_reply_text(call->raw_args[0]);
}

static struct redis_reply *run_fence(const struct call *call)
{
    for (size_t i = 0; i < call->key_count; i += 3) {
        key_remove(call->server, call->keys[i]);
        key_remove(call->server, call->keys[i + 1]);
        writers_add(call->server, call->keys[i + 2], call->args[0], atoll(call->args[1]));
    }
    return fake_reply_integer((int64_t)call->key_count / 3);
}

static struct redis_reply *run_unfence(const struct call *call)
{
    int64_t lost = 0;
    for (size_t i = 0; i < call->key_count; i += 3) {
        key_remove(call->server, call->keys[i]);
        key_remove(call->server, call->keys[i + 1]);
        lost += writers_remove(call->server, call->keys[i + 2], call->args[0]) ? 0 : 1;
    }
    return fake_reply_integer(lost);
}

static void hash_fill(const struct call *call)
{
    struct fake_key *key = key_make(call->server, call->keys[0], FAKE_HASH);
    for (size_t i = 2; i + 1 < call->arg_count; i += 2)
        pair_set(pair_make(key, call->args[i]), call->raw_args[i + 1]);
    key->expires_at_ms = fake_now_ms() + atoll(call->args[1]);
}

static bool text_is(struct fake_server *server, const char *name, const char *value)
{
    return slice_equal(pair_value(pair_find(key_find(server, name), "")), slice_of(value)) && key_find(server, name);
}

static struct redis_reply *run_fill(const struct call *call)
{
    if (!text_is(call->server, call->keys[1], call->args[0]))
        return fake_reply_integer(0);
    if (call->server->full && !key_find(call->server, call->keys[0]))
        return out_of_memory();
    key_remove(call->server, call->keys[0]);
    hash_fill(call);
    key_remove(call->server, call->keys[1]);
    return fake_reply_integer(1);
}

/* Whether the entry is what the change left: invalidate.lua. */
static bool entry_is_left(const struct fake_key *entry, const char *left)
{
    char text[96];
    struct slice v = pair_value(pair_find(entry, "v")), updated_at = pair_value(pair_find(entry, "updated_at"));
    struct slice life = pair_value(pair_find(entry, "life"));
    if (!v.data || !updated_at.data)
        return strcmp(left, "none") == 0 && pair_value(pair_find(entry, "none")).data;
    int len = snprintf(text, sizeof(text), "%.*s %.*s", (int)v.len, v.data, (int)updated_at.len, updated_at.data);
    if (strcmp(left, text) == 0)
        return true;
    snprintf(text + len, sizeof(text) - (size_t)len, " %.*s", (int)life.len, life.data);
    return life.data && strcmp(left, text) == 0;
}

static struct redis_reply *run_invalidate(const struct call *call)
{
    int64_t kept = 0;
    for (size_t i = 0; i < call->key_count; i += 3) {
        bool stays = entry_is_left(key_find(call->server, call->keys[i]), call->args[i / 3]);
        kept += stays;
        if (!stays)
            key_remove(call->server, call->keys[i]);
        key_remove(call->server, call->keys[i + 1]);
        struct fake_key *writers = key_find(call->server, call->keys[i + 2]);
        int64_t last_ms = writers_last_ms(writers);
        if (writers)
            pair_make(writers, "!")->score = last_ms;
    }
    return fake_reply_integer(kept);
}

static struct redis_reply *run_publish(const struct call *call)
{
    key_remove(call->server, call->keys[0]);
    key_remove(call->server, call->keys[1]);
    struct fake_key *writers = key_find(call->server, call->keys[2]);
    bool is_alone = writers && writers->count == 1;
    if (!writers_remove(call->server, call->keys[2], call->args[0]))
        return fake_reply_integer(-1);
    if (is_alone)
        hash_fill(call);
    return fake_reply_integer(is_alone);
}

static struct redis_reply *run_release(const struct call *call)
{
    if (!text_is(call->server, call->keys[0], call->args[0]))
        return fake_reply_integer(0);
    return fake_reply_integer(key_remove(call->server, call->keys[0]));
}

static int64_t writers_clear(struct fake_server *server, const char *name, int64_t upto_ms)
{
    int64_t removed = 0;
    struct fake_key *key = key_find(server, name);
    for (size_t i = key ? key->count : 0; i > 0; i--)
        if (key->pairs[i - 1].score <= upto_ms) {
            char token[TOKEN_LEN + 1];
            snprintf(token, sizeof(token), "%s", key->pairs[i - 1].name);
            bool is_last = key->count == 1;
            removed += pair_remove(server, key, token);
            if (is_last)
                break; /* the key is gone */
        }
    struct fake_key *left = key_find(server, name);
    if (left && left->count == 1)
        pair_remove(server, left, "!");
    return removed;
}

static struct redis_reply *run_clear(const struct call *call)
{
    key_remove(call->server, call->keys[0]);
    key_remove(call->server, call->keys[1]);
    return fake_reply_integer(writers_clear(call->server, call->keys[2], atoll(call->args[0])));
}

static struct redis_reply *run_list_clear(const struct call *call)
{
    key_remove(call->server, call->keys[0]);
    return fake_reply_integer(writers_clear(call->server, call->keys[1], atoll(call->args[0])));
}

static struct redis_reply *run_list_acquire(const struct call *call)
{
    struct fake_server *server = call->server;
    struct redis_reply *marks = writers_reply(server, call->keys[1]);
    if (marks)
        return marks;
    struct fake_key *generation = key_find(server, call->keys[0]);
    if (!generation && server->full)
        return out_of_memory();
    if (!generation)
        text_set(server, call->keys[0], call->raw_args[0], atoll(call->args[1]));
    generation = key_find(server, call->keys[0]);
    generation->expires_at_ms = fake_now_ms() + atoll(call->args[1]);
    return fake_reply_text(pair_value(pair_find(generation, "")));
}

static struct redis_reply *run_list_fence(const struct call *call)
{
    writers_add(call->server, call->keys[1], call->args[0], atoll(call->args[1]));
    text_set(call->server, call->keys[0], call->raw_args[2], atoll(call->args[3]));
    return fake_reply_integer(1);
}

static struct redis_reply *run_list_unfence(const struct call *call)
{
    struct fake_key *writers = key_find(call->server, call->keys[1]);
    bool removed = pair_remove(call->server, writers, call->args[0]);
    text_set(call->server, call->keys[0], call->raw_args[1], atoll(call->args[2]));
    return fake_reply_integer(removed);
}

static struct redis_reply *run_list_fill(const struct call *call)
{
    if (!text_is(call->server, call->keys[1], call->args[0]) || key_find(call->server, call->keys[2]))
        return fake_reply_integer(0);
    if (call->server->full)
        return out_of_memory();
    hash_fill(call);
    return fake_reply_integer(1);
}

static struct redis_reply *run_watermark(const struct call *call)
{
    const struct slice known = pair_value(pair_find(key_find(call->server, call->keys[0]), ""));
    bool is_later = known.data && strcmp(known.data, call->args[0]) >= 0;
    text_set(call->server, call->keys[0], is_later ? known : call->raw_args[0], atoll(call->args[1]));
    return fake_reply_integer(1);
}

/* The clock is one of milliseconds here, so the texts are; reckoned in us as in limit.lua. */
static struct redis_reply *run_limit(const struct call *call)
{
    struct fake_server *server = call->server;
    int64_t now_us = fake_now_ms() * 1000, interval_us = atoll(call->args[0]);
    int64_t burst_us = interval_us * atoll(call->args[1]), full_at_us = now_us;
    struct slice stored = pair_value(pair_find(key_find(server, call->keys[0]), ""));
    if (stored.data && atoll(stored.data) > now_us)
        full_at_us = atoll(stored.data);
    int64_t after_us = full_at_us + interval_us;
    bool is_admitted = after_us - now_us <= burst_us;
    if (is_admitted && server->full)
        return out_of_memory();
    char text[32];
    snprintf(text, sizeof(text), "%lld", (long long)after_us);
    if (is_admitted)
        text_set(server, call->keys[0], slice_of(text), (after_us - now_us + 999) / 1000);
    const int64_t numbers[] = {is_admitted, is_admitted ? (burst_us - (after_us - now_us)) / interval_us : 0,
                               ((is_admitted ? after_us : full_at_us) - now_us + 999) / 1000,
                               is_admitted ? 0 : (after_us - burst_us - now_us + 999) / 1000};
    struct redis_reply *reply = fake_reply_array();
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        fake_reply_add(reply, fake_reply_integer(numbers[i]));
    return reply;
}

#define FAKE_SCRIPT(upper, lower) [SCRIPT_##upper] = {#upper, run_##lower}
static const struct {
    const char *name;
    struct redis_reply *(*run)(const struct call *call);
} scripts[FAKE_SCRIPT_COUNT] = {
    FAKE_SCRIPT(ACQUIRE, acquire),
    FAKE_SCRIPT(BEAT, beat),
    FAKE_SCRIPT(CLEAR, clear),
    FAKE_SCRIPT(FENCE, fence),
    FAKE_SCRIPT(FILL, fill),
    FAKE_SCRIPT(INVALIDATE, invalidate),
    FAKE_SCRIPT(LIST_ACQUIRE, list_acquire),
    FAKE_SCRIPT(LIST_CLEAR, list_clear),
    FAKE_SCRIPT(LIST_FENCE, list_fence),
    FAKE_SCRIPT(LIST_FILL, list_fill),
    FAKE_SCRIPT(LIST_UNFENCE, list_unfence),
    FAKE_SCRIPT(PUBLISH, publish),
    FAKE_SCRIPT(RELEASE, release),
    FAKE_SCRIPT(UNFENCE, unfence),
    FAKE_SCRIPT(WATERMARK, watermark),
    [FAKE_SCRIPT_LIMIT] = {"LIMIT", run_limit},
};

/* ---- Commands ---- */

static struct redis_reply *run_script(struct fake_server *server, size_t script, const struct slice *args, char **texts,
                                      size_t count)
{
    size_t key_count = (size_t)atoll(texts[2]);
    bug_unless(count >= 3 + key_count, "a script was called with fewer keys than announced");
    struct call call = {.server = server,
                        .keys = texts + 3,
                        .key_count = key_count,
                        .args = texts + 3 + key_count,
                        .raw_args = args + 3 + key_count,
                        .arg_count = count - 3 - key_count};
    return scripts[script].run(&call);
}

/* FAKE_SCRIPT_COUNT: it is no script's. */
static size_t script_of(struct slice verb, struct slice name)
{
#define FAKE_SCRIPT_ROW(upper, sha, text) {SLICE(sha), SLICE(text)},
    static const struct {
        struct slice sha, text;
    } rows[] = {SCRIPTS(FAKE_SCRIPT_ROW) LIMIT_SCRIPTS(FAKE_SCRIPT_ROW)};
    size_t script = 0;
    while (script < FAKE_SCRIPT_COUNT &&
           !slice_equal(name, slice_equal(verb, SLICE("EVAL")) ? rows[script].text : rows[script].sha))
        script++;
    return script;
}

static struct redis_reply *run_hgetall(struct fake_server *server, const char *name)
{
    const struct fake_key *key = key_find(server, name);
    return key && key->type != FAKE_HASH ? wrong_type() : hash_reply(key);
}

static struct redis_reply *run_get(struct fake_server *server, const char *name)
{
    const struct fake_key *key = key_find(server, name);
    if (key && key->type != FAKE_TEXT)
        return wrong_type();
    return key ? fake_reply_text(pair_value(pair_find(key, ""))) : fake_reply_nil();
}

static struct redis_reply *run_info(const struct fake_server *server)
{
    char info[300];
    int len =
        snprintf(info, sizeof(info),
                 "# Server\r\nredis_version:7.0.15\r\nrun_id:%s\r\n# Persistence\r\nloading:%d\r\n"
                 "# Replication\r\nrole:%s\r\nmaster_replid:%s\r\n",
                 server->run_id, server->is_loading, server->is_replica ? "slave" : "master", server->replication_id);
    return fake_reply_text((struct slice){info, (size_t)len});
}

static bool is_refused(const struct fake_server *server, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = server->refused_words; *at; at += strcspn(at, " "), at += *at == ' ')
        if (strcspn(at, " ") == len && memcmp(at, word, len) == 0)
            return true;
    return false;
}

static struct redis_reply *run_command(struct fake_server *server, const struct slice *args, char **texts, size_t count)
{
    bool is_eval = strcmp(texts[0], "EVAL") == 0, is_evalsha = strcmp(texts[0], "EVALSHA") == 0;
    size_t script = is_eval || is_evalsha ? script_of(args[0], args[1]) : FAKE_SCRIPT_COUNT;
    const char *word = script < FAKE_SCRIPT_COUNT ? scripts[script].name : texts[0];
    bool is_unknown = is_evalsha && !(script < FAKE_SCRIPT_COUNT && server->loaded[script]);
    fake_journal_add(is_unknown ? "NOSCRIPT" : word);
    if (is_unknown)
        return fake_reply_error("NOSCRIPT No matching script. Please use EVAL.");
    if (is_refused(server, word))
        return fake_reply_error(server->refusal);
    if (script < FAKE_SCRIPT_COUNT) {
        server->loaded[script] = true;
        return run_script(server, script, args, texts, count);
    }
    if (strcmp(word, "HGETALL") == 0)
        return run_hgetall(server, texts[1]);
    if (strcmp(word, "GET") == 0)
        return run_get(server, texts[1]);
    if (strcmp(word, "DEL") == 0)
        return fake_reply_integer(key_remove(server, texts[1]));
    if (strcmp(word, "INFO") == 0)
        return run_info(server);
    return fake_reply_error("ERR unknown command");
}

struct redis_reply *fake_server_run(struct fake_server *server, const struct slice *args, size_t count)
{
    char **texts = mem_alloc((count + 1) * sizeof(*texts));
    for (size_t i = 0; i < count; i++) {
        texts[i] = mem_zalloc(args[i].len + 1);
        memcpy(texts[i], args[i].data, args[i].len);
    }
    server->command_count++;
    struct redis_reply *reply = run_command(server, args, texts, count);
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
    free(texts);
    return reply;
}

/* ---- What tests do to it ---- */

struct fake_server *fake_server_new(const char *address, const char *run_id)
{
    struct fake_server *server = mem_zalloc(sizeof(*server));
    snprintf(server->address, sizeof(server->address), "%s", address);
    snprintf(server->run_id, sizeof(server->run_id), "%s", run_id);
    memset(server->loaded, true, sizeof(server->loaded));
    server->next = servers;
    servers = server;
    return server;
}

void fake_server_free(struct fake_server *server)
{
    struct fake_server **at = &servers;
    while (*at != server)
        at = &(*at)->next;
    *at = server->next;
    fake_server_flush(server);
    free(server);
}

struct fake_server *fake_server_find(const char *address)
{
    struct fake_server *server = servers;
    while (server && strcmp(server->address, address) != 0)
        server = server->next;
    return server;
}

void fake_server_leave(struct fake_server *server)
{
    server->away = true;
    fake_redis_cut_all(server);
}

void fake_server_restart(struct fake_server *server, const char *run_id, bool keeps_data)
{
    fake_server_leave(server);
    server->away = server->frozen = false;
    snprintf(server->run_id, sizeof(server->run_id), "%s", run_id);
    fake_server_forget_scripts(server);
    if (!keeps_data)
        fake_server_flush(server);
}

void fake_server_refuse(struct fake_server *server, const char *words, const char *error)
{
    snprintf(server->refused_words, sizeof(server->refused_words), "%s", error ? words : "");
    snprintf(server->refusal, sizeof(server->refusal), "%s", error ? error : "");
}

void fake_server_evict(struct fake_server *server, const char *key)
{
    bool was_there = key_remove(server, key);
    bug_unless(was_there, "a key was to be evicted that isn't there");
}

void fake_server_flush(struct fake_server *server)
{
    while (server->keys)
        key_remove(server, server->keys->name);
}

void fake_server_forget_scripts(struct fake_server *server)
{
    memset(server->loaded, false, sizeof(server->loaded));
}

bool fake_server_has(struct fake_server *server, const char *key)
{
    return key_find(server, key) != NULL;
}

struct slice fake_server_field(struct fake_server *server, const char *key, const char *field)
{
    return pair_value(pair_find(key_find(server, key), field));
}

struct slice fake_server_text(struct fake_server *server, const char *key)
{
    return fake_server_field(server, key, "");
}

size_t fake_server_members(struct fake_server *server, const char *key)
{
    const struct fake_key *found = key_find(server, key);
    return found ? found->count : 0;
}

int64_t fake_server_ttl_ms(struct fake_server *server, const char *key)
{
    const struct fake_key *found = key_find(server, key);
    return found && found->expires_at_ms ? found->expires_at_ms - fake_now_ms() : -1;
}

void fake_server_set_text(struct fake_server *server, const char *key, const char *value)
{
    text_set(server, key, slice_of(value), 0);
}

void fake_server_set_field(struct fake_server *server, const char *key, const char *field, const char *value)
{
    pair_set(pair_make(key_make(server, key, FAKE_HASH), field), slice_of(value));
}
