/* SPDX-License-Identifier: MIT */
/*
 * What goes wrong with Redis and on the way to it.
 *
 * Mild faults keep the strictest promise, so they must not become outages: a connection is cut only while its worker
 * trusts Redis.
 */
#include "fault_rows.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "cluster.h"
#include "files.h"
#include "net.h"
#include "sim_redis.h"
#include "world.h"

/* ---- Connections ---- */

/* A connection that is cut before its Redis is trusted counts as a failed attempt: that is an outage (row 19). */
static bool trusts(const struct worker *worker)
{
    const struct cache *cache = worker->state == WORKER_UP ? worker->services->cache : NULL;
    return cache && cache_trusted_count(cache) == cache_shard_count(cache);
}

static bool cut_one(void)
{
    const struct worker *worker = fault_worker(WORKER_UP);
    if (worker && trusts(worker))
        net_cut(worker->process);
    return worker && trusts(worker);
}

static bool cut_all(void)
{
    bool is_cut = false;
    for (size_t i = 0; i < WORKERS_MAX; i++)
        if (trusts(&workers[i])) {
            net_cut(workers[i].process);
            is_cut = true;
        }
    return is_cut;
}

static bool cut_early(void)
{
    net_cut(NULL);
    return true;
}

static bool half_open(void)
{
    const struct worker *worker = fault_worker(WORKER_UP);
    if (worker)
        net_forget(worker->process);
    return worker != NULL;
}

static unsigned cut_off;

static bool worker_is_cut_off(void)
{
    const struct worker *worker = fault_worker(WORKER_UP);
    if (!worker)
        return false;
    cut_off = worker->process->number;
    net.is_cut_off[cut_off] = true;
    return true;
}

static void worker_is_back(void)
{
    net.is_cut_off[cut_off] = false;
    net_go_on();
}

static bool sentinels_go(void)
{
    net.sentinels_away = true;
    return true;
}

static void sentinels_come(void)
{
    net.sentinels_away = false;
}

static bool sentinels_err(void)
{
    static const char *const answers[] = {"*-1\r\n", "-ERR\r\n", "*1\r\n$1\r\nx\r\n", "+what\r\n",
                                          "*2\r\n$4\r\nhost\r\n$4\r\nport\r\n"};
    net.sentinels_say = answers[dice_below(&fault_ground.dice, 5)];
    return true;
}

static void sentinels_know(void)
{
    net.sentinels_say = NULL;
}

/* The file holds an old one for a while, or is not there. */
static bool password_changed(void)
{
    if (!fault_ground.settings->redis_password_file[0])
        return false;
    files.has_old_password = dice_one_in(&fault_ground.dice, 2);
    files.has_no_password = !files.has_old_password;
    net_cut(NULL);
    return true;
}

static void password_told(void)
{
    files = (struct files){0};
}

/* ---- The same Redis ---- */

static bool scripts_flushed(void)
{
    sim_redis_flush_scripts(fault_primary());
    return true;
}

static bool memory_fills(void)
{
    return fault_primary()->is_full = true;
}

static void memory_is_freed(void)
{
    for (unsigned i = 0; i < NET_SERVERS; i++)
        if (net.servers[i].redis)
            net.servers[i].redis->is_full = false;
}

static bool entry_evicted(void)
{
    static const char *const patterns[] = {"todo:*}", "todo:*:lease",  "todos:*:gen", "todos:*{list}:????????????????",
                                           "todo:*}", "todos:*:pages", "limit:*"};
    return sim_redis_evict(fault_primary(), patterns[dice_below(&fault_ground.dice, 7)]);
}

static bool everything_flushed(void)
{
    sim_redis_flush(fault_primary());
    return true;
}

/* Another program puts a key of another type in the place of one of ours, or another text. */
bool fault_replace(const char *pattern, const char *but, bool by_hash)
{
    struct sim_keys *keys = sim_redis_keys(fault_primary());
    size_t count = 0;
    struct sim_key *picked = NULL, *key, *next;
    HASH_ITER(hh, keys->keys, key, next)
    {
        bool is_wanted = fnmatch(pattern, key->name_bytes, 0) == 0 && fnmatch(but, key->name_bytes, 0) != 0;
        if (is_wanted && dice_one_in(&fault_ground.dice, ++count))
            picked = key;
    }
    if (!picked)
        return false;
    char name[160];
    bool keeps_type = !by_hash && picked->type == SIM_TEXT && dice_one_in(&fault_ground.dice, 3);
    enum sim_type type = (picked->type == SIM_TEXT) == keeps_type && !by_hash ? SIM_TEXT : SIM_HASH;
    size_t len = (size_t)snprintf(name, sizeof(name), "%.*s", (int)picked->name.len, picked->name.data);
    sim_key_remove(keys, picked);
    key = sim_key_make(keys, (struct slice){name, len}, type);
    sim_pair_set(key, type == SIM_TEXT ? SLICE("") : SLICE("field"), slice_of(FAULT_FOREIGN_TEXT));
    return true;
}

static bool type_changed(void)
{
    return fault_replace("*", "*:[bhw]*", false); /* beats, holders, watermarks and writers have rows of their own */
}

bool fault_lose(const char *pattern)
{
    return dice_one_in(&fault_ground.dice, 3) ? fault_replace(pattern, "", false)
                                              : sim_redis_evict(fault_primary(), pattern);
}

static bool beat_lost(void)
{
    return fault_lose("todos:*:beat");
}

static bool watermark_lost(void)
{
    return fault_lose("todos:*:watermark");
}

static bool marks_lost(void)
{
    return fault_lose(dice_one_in(&fault_ground.dice, 3) ? "todos:*:writers" : "todo:*:writers");
}

/* Another program takes a field away from an entry or a page, or puts there what is no number. */
static bool field_damaged(void)
{
    struct sim_keys *keys = sim_redis_keys(fault_primary());
    size_t count = 0;
    struct sim_key *picked = NULL, *key, *next;
    HASH_ITER(hh, keys->keys, key, next)
    {
        bool is_ours = key->type == SIM_HASH && fnmatch("*:holders", key->name_bytes, 0) != 0;
        if (is_ours && key->count > 1 && dice_one_in(&fault_ground.dice, ++count))
            picked = key;
    }
    if (!picked)
        return false;
    static const char *const numbers[] = {"at", "v", "cost", "created_at", "updated_at", "life", "done", "id"};
    struct slice number = slice_of(numbers[dice_below(&fault_ground.dice, 8)]);
    struct sim_pair *pair = &picked->pairs[dice_below(&fault_ground.dice, picked->count)];
    if (dice_one_in(&fault_ground.dice, 2) && sim_pair_find(picked, number))
        sim_pair_set(picked, number, SLICE("?"));
    else
        sim_pair_remove(keys, picked, pair);
    return true;
}

/* ---- Redis out of order ---- */

static bool redis_freezes(void)
{
    return net.servers[fault_server()].is_frozen = true;
}

static void redis_thaws(void)
{
    for (unsigned i = 0; i < NET_SERVERS; i++)
        net.servers[i].is_frozen = false;
    net_go_on();
}

static bool redis_goes(void)
{
    unsigned server = fault_server();
    if (!cluster_world_may_go())
        return false;
    net.servers[server].refuses = true;
    net_cut_server(server);
    return true;
}

static void redis_comes(void)
{
    for (unsigned i = 0; i < NET_SERVERS; i++)
        net.servers[i].refuses = false;
    cluster_world_came();
}

static bool redis_is_busy(void)
{
    return fault_primary()->is_busy = true;
}

static bool redis_loads(void)
{
    return fault_primary()->is_loading = true;
}

static void redis_serves(void)
{
    for (unsigned i = 0; i < NET_SERVERS; i++)
        if (net.servers[i].redis)
            net.servers[i].redis->is_busy = net.servers[i].redis->is_loading = false;
}

/* As one that wants more replicas than it has does; or one that lets nobody run scripts. */
static bool redis_refuses(void)
{
    static const char *const words[] = {
        "FENCE UNFENCE PUBLISH", "UNFENCE PUBLISH", "BEAT", "FILL LIST_FILL", "ACQUIRE", "INVALIDATE", "INFO"};
    sim_redis_refuse(fault_primary(), words[dice_below(&fault_ground.dice, 7)], "NOREPLICAS Not enough good replicas");
    return true;
}

void fault_redis_accepts(void)
{
    for (unsigned i = 0; i < NET_SERVERS; i++)
        if (net.servers[i].redis)
            sim_redis_refuse(net.servers[i].redis, NULL, NULL);
}

/* ---- Another Redis ---- */

static unsigned run_id_count; /* of this schedule */

static void run_id_make(char run_id[SIM_RUN_ID_LEN + 1])
{
    snprintf(run_id, SIM_RUN_ID_LEN + 1, "%08x%032x", 0xabcd0000u + run_id_count, run_id_count);
    run_id_count++;
}

static struct sim_keys *old_file;
static unsigned old_file_server; /* matters in a cluster, where each has its slots */

static bool file_saved(void)
{
    if (old_file)
        sim_redis_forget(old_file);
    old_file_server = fault_server();
    old_file = sim_redis_save(net.servers[old_file_server].redis);
    if (cluster_world.is_there)
        cluster_world_replicate();
    return true;
}

static void restart(unsigned server, bool keeps_data)
{
    char run_id[SIM_RUN_ID_LEN + 1];
    run_id_make(run_id);
    net_cut_server(server);
    sim_redis_restart(net.servers[server].redis, run_id, keeps_data);
}

static bool restarted_empty(void)
{
    restart(fault_server(), false);
    return true;
}

static bool restarted_with_old_data(void)
{
    unsigned server = fault_server();
    if (!old_file)
        return file_saved();
    restart(server, true);
    if (server == old_file_server || !cluster_world.is_there)
        sim_redis_restore(net.servers[server].redis, old_file);
    return true;
}

/* A replica with all writes, or without the last ones, becomes the primary. The old one lives on for a while. */
static bool failed_over(void)
{
    unsigned old = net.primary, new = 1 - old;
    if (cluster_world.is_there)
        return cluster_world_fail_over();
    struct sim_keys *copy = dice_one_in(&fault_ground.dice, 2) || !old_file ? sim_redis_save(fault_primary()) : NULL;
    restart(new, false);
    sim_redis_restore(net.servers[new].redis, copy ? copy : old_file);
    if (copy)
        sim_redis_forget(copy);
    net.servers[new].redis->is_replica = false;
    bool is_named = strncmp(fault_ground.settings->redis, "sentinel", 8) == 0;
    if (is_named) {
        net.primary = new;
    } else { /* the address leads to the other one */
        struct net_server server = net.servers[old];
        net_cut_server(old);
        net_cut_server(new);
        net.servers[old] = net.servers[new];
        net.servers[new] = server;
    }
    return true;
}

/* The sentinels make the old one a replica. */
static void demoted(void)
{
    unsigned old = 1 - net.primary;
    if (cluster_world.is_there)
        cluster_world_learn();
    else if (net.servers[old].redis)
        net.servers[old].redis->is_replica = true;
}

/* A person makes a primary a replica; in a cluster, slots move. */
static bool roles_change(void)
{
    if (cluster_world.is_there)
        return cluster_world_move();
    return fault_primary()->is_replica = true;
}

static void roles_are_back(void)
{
    struct sim_redis *redis = net.servers[net.primary].redis;
    char replication_id[SIM_RUN_ID_LEN + 1];
    if (cluster_world.is_there)
        return;
    run_id_make(replication_id);
    memcpy(redis->replication_id, replication_id, sizeof(redis->replication_id));
    redis->is_replica = false;
}

static bool no_memory(void)
{
    return net.has_no_memory = true;
}

static void memory_again(void)
{
    net.has_no_memory = false;
}

void fault_redis_free(void)
{
    run_id_count = 0;
    if (old_file)
        sim_redis_forget(old_file);
    old_file = NULL;
}

/* clang-format off */
const struct fault_row fault_redis_rows[] = {
    {"connection_cut",      FAULT_MILD | FAULT_CUTS, cut_one, NULL, 0, 0},
    {"connections_cut",     FAULT_MILD | FAULT_CUTS, cut_all, NULL, 0, 0},
    {"scripts_flushed",     FAULT_MILD, scripts_flushed, NULL, 0, 0},
    {"memory_full",         FAULT_MILD, memory_fills, memory_is_freed, 5, 300},
    {"entry_evicted",       FAULT_MILD, entry_evicted, NULL, 0, 0},
    {"beat_lost",           FAULT_MILD | FAULT_FORGETS, beat_lost, NULL, 0, 0},
    {"watermark_lost",      FAULT_MILD | FAULT_UNTELLS, watermark_lost, NULL, 0, 0},
    {"field_damaged",       FAULT_MILD, field_damaged, NULL, 0, 0},
    {"type_changed",        FAULT_MILD, type_changed, NULL, 0, 0},
    {"marks_lost",          FAULT_LOSES_MARKS, marks_lost, NULL, 0, 0},
    {"everything_flushed",  FAULT_LOSES_MARKS | FAULT_LOSES_HOLDERS, everything_flushed, NULL, 0, 0},
    {"cut_early",           FAULT_OUTAGE, cut_early, NULL, 0, 0},
    {"half_open",           FAULT_OUTAGE, half_open, NULL, 0, 0},
    {"worker_cut_off",      FAULT_OUTAGE, worker_is_cut_off, worker_is_back, 20, 3000},
    {"sentinels_away",      FAULT_OUTAGE, sentinels_go, sentinels_come, 20, 2000},
    {"sentinels_err",       FAULT_OUTAGE, sentinels_err, sentinels_know, 20, 2000},
    {"password_changed",    FAULT_OUTAGE, password_changed, password_told, 20, 2000},
    {"redis_frozen",        FAULT_OUTAGE, redis_freezes, redis_thaws, 10, 2500},
    {"redis_away",          FAULT_OUTAGE, redis_goes, redis_comes, 10, 2500},
    {"redis_busy",          FAULT_OUTAGE, redis_is_busy, redis_serves, 10, 1000},
    {"redis_refuses",       FAULT_OUTAGE, redis_refuses, fault_redis_accepts, 10, 1500},
    {"redis_loading",       FAULT_OUTAGE, redis_loads, redis_serves, 10, 1000},
    {"no_memory",           FAULT_OUTAGE, no_memory, memory_again, 5, 300},
    {"file_saved",          FAULT_MOVES_EPOCH, file_saved, NULL, 0, 0},
    {"restarted_empty",     FAULT_MOVES_EPOCH, restarted_empty, NULL, 0, 0},
    {"restarted_old",       FAULT_MOVES_EPOCH, restarted_with_old_data, NULL, 0, 0},
    {"failed_over",         FAULT_MOVES_EPOCH, failed_over, demoted, 10, 3000},
    {"roles_change",        FAULT_MOVES_EPOCH, roles_change, roles_are_back, 10, 1500},
};
/* clang-format on */

const size_t fault_redis_count = sizeof(fault_redis_rows) / sizeof(*fault_redis_rows);
