/* SPDX-License-Identifier: MIT */
/* All servers of a test, told apart by their addresses; the Redis itself is the simulator's. */
#include "fake_server.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cache/scripts_embedded.h"
#include "clients/limit_embedded.h"
#include "fake_events.h"
#include "fake_journal.h"
#include "fake_redis.h"
#include "fake_subscription.h"
#include "peers/peers_embedded.h"

static struct fake_server *servers;

static int64_t server_now_ms(void *ctx)
{
    (void)ctx;
    return fake_now_ms();
}

static void on_command(void *ctx, struct slice word)
{
    char text[32];
    (void)ctx;
    snprintf(text, sizeof(text), "%.*s", (int)word.len, word.data);
    fake_journal_add(text);
}

struct fake_server *fake_server_new(const char *address, const char *run_id)
{
#define SCRIPT_TEXT(upper, sha, text) SLICE(text),
    static const struct slice scripts[] = {SCRIPTS(SCRIPT_TEXT) LIMIT_SCRIPTS(SCRIPT_TEXT) PEERS_SCRIPTS(SCRIPT_TEXT)};
    struct fake_server *server = mem_zalloc(sizeof(*server));
    snprintf(server->address, sizeof(server->address), "%s", address);
    server->redis = sim_redis_new((struct sim_redis_options){.run_id = run_id,
                                                             .now_ms = server_now_ms,
                                                             .on_command = on_command,
                                                             .on_publish = fake_subscription_publish,
                                                             .ctx = server});
    for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++)
        sim_redis_load_script(server->redis, scripts[i]);
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
    sim_redis_free(server->redis);
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
    sim_redis_restart(server->redis, run_id, keeps_data);
}

void fake_server_refuse(struct fake_server *server, const char *words, const char *error)
{
    sim_redis_refuse(server->redis, words, error);
}

void fake_server_evict(struct fake_server *server, const char *key)
{
    bug_unless(fake_server_has(server, key), "a key was to be evicted that isn't there");
    sim_key_remove(&server->redis->keys, sim_key_find(&server->redis->keys, slice_of(key)));
}

void fake_server_flush(struct fake_server *server)
{
    sim_redis_flush(server->redis);
}

void fake_server_forget_scripts(struct fake_server *server)
{
    sim_redis_flush_scripts(server->redis);
}

static struct sim_key *key_find(struct fake_server *server, const char *key)
{
    return sim_key_find(sim_redis_keys(server->redis), slice_of(key));
}

bool fake_server_has(struct fake_server *server, const char *key)
{
    return key_find(server, key) != NULL;
}

struct slice fake_server_field(struct fake_server *server, const char *key, const char *field)
{
    const struct sim_pair *pair = sim_pair_find(key_find(server, key), slice_of(field));
    return pair ? pair->value : (struct slice){0};
}

struct slice fake_server_text(struct fake_server *server, const char *key)
{
    return fake_server_field(server, key, "");
}

size_t fake_server_members(struct fake_server *server, const char *key)
{
    const struct sim_key *found = key_find(server, key);
    return found ? found->count : 0;
}

int64_t fake_server_ttl_ms(struct fake_server *server, const char *key)
{
    const struct sim_key *found = key_find(server, key);
    return found && found->expires_at_ms != SIM_FOREVER ? found->expires_at_ms - fake_now_ms() : -1;
}

static void key_set(struct fake_server *server, const char *key, enum sim_type type, const char *name,
                    const char *value)
{
    struct sim_key *found = key_find(server, key);
    if (found && type == SIM_TEXT) {
        sim_key_remove(&server->redis->keys, found);
        found = NULL;
    }
    if (!found)
        found = sim_key_make(&server->redis->keys, slice_of(key), type);
    sim_pair_set(found, slice_of(name), slice_of(value));
}

void fake_server_set_text(struct fake_server *server, const char *key, const char *value)
{
    key_set(server, key, SIM_TEXT, "", value);
}

void fake_server_set_ttl(struct fake_server *server, const char *key, int64_t ttl_ms)
{
    key_find(server, key)->expires_at_ms = fake_now_ms() + ttl_ms;
}

void fake_server_set_field(struct fake_server *server, const char *key, const char *field, const char *value)
{
    key_set(server, key, SIM_HASH, field, value);
}
