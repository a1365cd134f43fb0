/* SPDX-License-Identifier: MIT */
/*
 * The table of faults: what begins, what ends it, and what it costs (fault.h).
 *
 * A fault is one row. Its begin may return false if it can't happen now. Faults without an end last no time. Each row
 * lasts once at a time; others may strike meanwhile.
 */
#include "fault.h"

#include <stdio.h>
#include <string.h>

#include "client.h"
#include "front.h"
#include "net.h"
#include "sim_redis.h"
#include "store_trip.h"
#include "worker.h"
#include "world.h"

enum { NOTICED_MS = 2000, SLACK_MS = 500, RESTORE_PAUSE_MS = 2200, RESTORE_LOOK_MS = 50, WEIGHT_STEPS = 6 };

struct fault_row {
    const char *name;
    unsigned traits;
    bool (*begin)(void);
    void (*end)(void); /* NULL: it does not last */
    int64_t least_ms, most_ms;
};

static struct dice dice;
static const struct settings *settings;
static uint64_t round_serial;  /* a schedule's events don't reach into the next one */
static unsigned serial_number; /* of names: run ids, foreign writes */

static struct sim_redis *primary(void)
{
    return net.servers[net.primary].redis;
}

static struct worker *worker_that(enum worker_state state)
{
    struct worker *found[WORKERS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < WORKERS_MAX; i++)
        if (workers[i].state == state && workers[i].process && !workers[i].process->is_frozen)
            found[count++] = &workers[i];
    return count ? found[dice_below(&dice, count)] : NULL;
}

/* ---- Connections ---- */

/* A connection that is cut before Redis is trusted counts as a failed attempt: that is an outage (row 19). */
static bool trusts(const struct worker *worker)
{
    return worker->state == WORKER_UP && cache_is_trusted(worker->services->cache);
}

static bool cut_one(void)
{
    const struct worker *worker = worker_that(WORKER_UP);
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

static unsigned cut_off;

static bool worker_is_cut_off(void)
{
    const struct worker *worker = worker_that(WORKER_UP);
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

/* ---- The same Redis ---- */

static bool scripts_flushed(void)
{
    sim_redis_flush_scripts(primary());
    return true;
}

static bool memory_fills(void)
{
    return primary()->is_full = true;
}

static void memory_is_freed(void)
{
    for (unsigned i = 0; i < NET_SERVERS; i++)
        if (net.servers[i].redis)
            net.servers[i].redis->is_full = false;
}

static bool entry_evicted(void)
{
    static const char *const patterns[] = {"todo:*}", "todo:*:lease", "todos:*:gen", "todos:*{list}:????????????????",
                                           "todo:*}"};
    return sim_redis_evict(primary(), patterns[dice_below(&dice, 5)]);
}

static bool beat_evicted(void)
{
    return sim_redis_evict(primary(), "todos:*:beat");
}

static bool marks_evicted(void)
{
    return sim_redis_evict(primary(), dice_one_in(&dice, 3) ? "todos:*:writers" : "todo:*:writers");
}

static bool everything_flushed(void)
{
    sim_redis_flush(primary());
    return true;
}

/* Another program puts a key of another type in the place of one of ours. */
static bool type_changed(void)
{
    struct sim_keys *keys = sim_redis_keys(primary());
    size_t count = 0;
    struct sim_key *picked = NULL, *key, *next;
    HASH_ITER(hh, keys->keys, key, next)
    {
        bool is_generation = memmem(key->name.data, key->name.len, ":gen", 4) != NULL;
        bool is_ours = key->type == (is_generation ? SIM_TEXT : SIM_HASH);
        if (is_ours && dice_one_in(&dice, ++count))
            picked = key;
    }
    if (!picked)
        return false;
    char name[160];
    enum sim_type type = picked->type == SIM_HASH ? SIM_TEXT : SIM_HASH;
    size_t len = (size_t)snprintf(name, sizeof(name), "%.*s", (int)picked->name.len, picked->name.data);
    sim_key_remove(keys, picked);
    key = sim_key_make(keys, (struct slice){name, len}, type);
    sim_pair_set(key, type == SIM_TEXT ? SLICE("") : SLICE("field"), SLICE("another program's"));
    return true;
}

/* ---- Redis out of order ---- */

static bool redis_freezes(void)
{
    return net.servers[net.primary].is_frozen = true;
}

static void redis_thaws(void)
{
    for (unsigned i = 0; i < NET_SERVERS; i++)
        net.servers[i].is_frozen = false;
    net_go_on();
}

static bool redis_goes(void)
{
    net.servers[net.primary].refuses = true;
    net_cut_server(net.primary);
    return true;
}

static void redis_comes(void)
{
    for (unsigned i = 0; i < NET_SERVERS; i++)
        net.servers[i].refuses = false;
}

static bool redis_is_busy(void)
{
    return primary()->is_busy = true;
}

static bool redis_loads(void)
{
    return primary()->is_loading = true;
}

static void redis_serves(void)
{
    for (unsigned i = 0; i < NET_SERVERS; i++)
        if (net.servers[i].redis)
            net.servers[i].redis->is_busy = net.servers[i].redis->is_loading = false;
}

/* ---- Another Redis ---- */

static void run_id_make(char run_id[SIM_RUN_ID_LEN + 1])
{
    snprintf(run_id, SIM_RUN_ID_LEN + 1, "%08x%032x", 0xabcd0000u + serial_number, serial_number);
    serial_number++;
}

static struct sim_keys *old_file;

static bool file_saved(void)
{
    if (old_file)
        sim_redis_forget(old_file);
    old_file = sim_redis_save(primary());
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
    restart(net.primary, false);
    return true;
}

static bool restarted_with_old_data(void)
{
    restart(net.primary, true);
    if (old_file)
        sim_redis_restore(primary(), old_file);
    return true;
}

/* A replica with all writes, or without the last ones, becomes the primary. The old one lives on for a while. */
static bool failed_over(void)
{
    unsigned old = net.primary, new = 1 - old;
    struct sim_keys *copy = dice_one_in(&dice, 2) || !old_file ? sim_redis_save(primary()) : NULL;
    restart(new, false);
    sim_redis_restore(net.servers[new].redis, copy ? copy : old_file);
    if (copy)
        sim_redis_forget(copy);
    net.servers[new].redis->is_replica = false;
    bool is_named = strncmp(settings->redis, "sentinel", 8) == 0;
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
    if (net.servers[old].redis)
        net.servers[old].redis->is_replica = true;
}

static bool made_a_replica(void)
{
    return primary()->is_replica = true;
}

static void made_a_primary(void)
{
    struct sim_redis *redis = primary();
    char replication_id[SIM_RUN_ID_LEN + 1];
    run_id_make(replication_id);
    memcpy(redis->replication_id, replication_id, sizeof(redis->replication_id));
    redis->is_replica = false;
}

/* ---- Workers ---- */

static bool worker_dies(void)
{
    struct worker *worker = worker_that(dice_one_in(&dice, 4) ? WORKER_DRAINING : WORKER_UP);
    if (!worker)
        return false;
    worker_kill(worker);
    return true;
}

static bool worker_ends(void)
{
    struct worker *worker = worker_that(WORKER_UP);
    if (!worker)
        return false;
    worker_stop(worker);
    return true;
}

static struct worker *frozen;

static bool worker_freezes(void)
{
    frozen = worker_that(WORKER_UP);
    if (!frozen)
        return false;
    process_freeze(frozen->process, dice_one_in(&dice, 2));
    clients_froze();
    return true;
}

static void worker_thaws(void)
{
    process_thaw(frozen->process);
}

static bool clock_jumps(void)
{
    const struct worker *worker = worker_that(WORKER_UP);
    if (worker)
        worker->process->wall_offset_ms = dice_between(&dice, -2500, 2500);
    return worker != NULL;
}

static bool no_memory(void)
{
    return net.has_no_memory = true;
}

static void memory_again(void)
{
    net.has_no_memory = false;
}

/* ---- Operators and other programs ---- */

static bool purged_one(void)
{
    return operator_purge(settings, client_id((unsigned)dice_below(&dice, 4)));
}

static bool purged_all(void)
{
    return operator_purge(settings, NULL);
}

static bool operator_dies(void)
{
    bool is_busy = !operator_is_idle();
    operator_kill();
    return is_busy;
}

static bool foreign_write(void)
{
    char name[16];
    client_name(name);
    const char *id = client_id((unsigned)dice_below(&dice, 4));
    if (dice_one_in(&dice, 5))
        store_delete_foreign(id);
    else
        store_write_foreign(id, name);
    return true;
}

static bool front_goes(void)
{
    return front.is_away = true;
}

static void front_comes(void)
{
    front.is_away = false;
}

/* ---- The store ---- */

static bool store_goes(void)
{
    return store_world.is_away = true;
}

static void store_comes(void)
{
    store_world.is_away = false;
}

static bool store_freezes(void)
{
    return store_world.is_frozen = true;
}

static void store_thaws(void)
{
    store_world.is_frozen = false;
}

static bool store_slows(void)
{
    store_world.slow_in = 4;
    return true;
}

static void store_hurries(void)
{
    store_world.slow_in = 0;
}

static bool answers_lost(void)
{
    store_world.lost_in = 3;
    return true;
}

static void answers_come(void)
{
    store_world.lost_in = 0;
}

static unsigned without_store;

static bool store_goes_for_one(void)
{
    const struct worker *worker = worker_that(WORKER_UP);
    if (!worker)
        return false;
    without_store = worker->process->number;
    return store_world.is_away_for[without_store] = true;
}

static void store_comes_for_one(void)
{
    store_world.is_away_for[without_store] = false;
}

static unsigned lagging;

static bool store_lags(void)
{
    const struct worker *worker = worker_that(WORKER_UP);
    if (!worker || !store_world.tells_time)
        return false;
    lagging = worker->process->number;
    store_settle();
    store_world.lagging_at = truth.commits;
    store_world.has_lagged = true;
    return store_world.is_lagging_for[lagging] = true;
}

static void store_catches_up(void)
{
    store_world.is_lagging_for[lagging] = false;
}

static bool backed_up(void)
{
    store_back_up();
    return true;
}

static bool is_restoring;

static bool all_are_down(void)
{
    for (size_t i = 0; i < WORKERS_MAX; i++)
        if (workers[i].state != WORKER_DOWN)
            return false;
    return true;
}

/*
 * Whoever asked before the pause has its answer by now, unless the store is out of order: then it is a moment later.
 * Half of the time no worker runs meanwhile.
 */
static void on_restore_time(void *ctx, uint64_t serial)
{
    if (serial != round_serial || !is_restoring)
        return;
    bool is_idle = clients_are_idle() && operator_is_idle();
    if (!is_idle || (workers_are_held && !all_are_down())) {
        for (size_t i = 0; i < WORKERS_MAX && is_idle; i++)
            worker_stop(&workers[i]);
        world_after(RESTORE_LOOK_MS * 1000, on_restore_time, ctx, serial);
        return;
    }
    world_tell("the store goes back to its backup");
    store_bring_back();
    clients_went_back();
    clients_pause(false);
    is_restoring = workers_are_held = false;
}

/* Nobody writes for so long before it that the workers' beats have followed the last writes. */
static bool restored(void)
{
    if (!store_has_backup() || is_restoring)
        return false;
    is_restoring = true;
    workers_are_held = dice_one_in(&dice, 2);
    clients_pause(true);
    world_after(RESTORE_PAUSE_MS * 1000, on_restore_time, NULL, round_serial);
    return true;
}

/* clang-format off */
static const struct fault_row rows[] = {
    {"connection_cut",      FAULT_MILD, cut_one, NULL, 0, 0},
    {"connections_cut",     FAULT_MILD, cut_all, NULL, 0, 0},
    {"scripts_flushed",     FAULT_MILD, scripts_flushed, NULL, 0, 0},
    {"memory_full",         FAULT_MILD, memory_fills, memory_is_freed, 5, 300},
    {"entry_evicted",       FAULT_MILD, entry_evicted, NULL, 0, 0},
    {"beat_evicted",        FAULT_MILD, beat_evicted, NULL, 0, 0},
    {"type_changed",        FAULT_MILD, type_changed, NULL, 0, 0},
    {"purged_one",          FAULT_MILD, purged_one, NULL, 0, 0},
    {"operator_killed",     FAULT_MILD, operator_dies, NULL, 0, 0},
    {"worker_ends",         FAULT_MILD, worker_ends, NULL, 0, 0},
    {"front_away",          FAULT_MILD, front_goes, front_comes, 10, 1000},
    {"worker_killed",       FAULT_MILD | FAULT_KILLS, worker_dies, NULL, 0, 0},
    {"store_away",          FAULT_MILD | FAULT_HALTS, store_goes, store_comes, 10, 1500},
    {"store_frozen",        FAULT_MILD | FAULT_HALTS | FAULT_UNKNOWN, store_freezes, store_thaws, 10, 4000},
    {"store_slow",          FAULT_MILD | FAULT_HALTS | FAULT_UNKNOWN, store_slows, store_hurries, 20, 2000},
    {"answers_lost",        FAULT_MILD | FAULT_HALTS | FAULT_UNKNOWN, answers_lost, answers_come, 20, 2000},
    {"marks_evicted",       FAULT_LOSES_MARKS, marks_evicted, NULL, 0, 0},
    {"everything_flushed",  FAULT_LOSES_MARKS, everything_flushed, NULL, 0, 0},
    {"cut_early",           FAULT_OUTAGE, cut_early, NULL, 0, 0},
    {"worker_cut_off",      FAULT_OUTAGE, worker_is_cut_off, worker_is_back, 20, 3000},
    {"sentinels_away",      FAULT_OUTAGE, sentinels_go, sentinels_come, 20, 2000},
    {"redis_frozen",        FAULT_OUTAGE, redis_freezes, redis_thaws, 10, 2500},
    {"redis_away",          FAULT_OUTAGE, redis_goes, redis_comes, 10, 2500},
    {"redis_busy",          FAULT_OUTAGE, redis_is_busy, redis_serves, 10, 1000},
    {"redis_loading",       FAULT_OUTAGE, redis_loads, redis_serves, 10, 1000},
    {"no_memory",           FAULT_OUTAGE, no_memory, memory_again, 5, 300},
    {"worker_frozen",       FAULT_OUTAGE | FAULT_HALTS | FAULT_FREEZES, worker_freezes, worker_thaws, 5, 12000},
    {"clock_jumped",        FAULT_OUTAGE | FAULT_FREEZES, clock_jumps, NULL, 0, 0},
    {"file_saved",          FAULT_MOVES_EPOCH, file_saved, NULL, 0, 0},
    {"restarted_empty",     FAULT_MOVES_EPOCH, restarted_empty, NULL, 0, 0},
    {"restarted_old",       FAULT_MOVES_EPOCH, restarted_with_old_data, NULL, 0, 0},
    {"failed_over",         FAULT_MOVES_EPOCH, failed_over, demoted, 10, 3000},
    {"made_a_replica",      FAULT_MOVES_EPOCH, made_a_replica, made_a_primary, 10, 1500},
    {"purged_all",          FAULT_MOVES_EPOCH, purged_all, NULL, 0, 0},
    {"store_away_for_one",  FAULT_HALTS | FAULT_SPLITS, store_goes_for_one, store_comes_for_one, 10, 3000},
    {"store_lags",          FAULT_LAGS | FAULT_HALTS, store_lags, store_catches_up, 20, 3000},
    {"foreign_write",       FAULT_FOREIGN, foreign_write, NULL, 0, 0},
    {"backed_up",           FAULT_RESTORES, backed_up, NULL, 0, 0},
    {"restored",            FAULT_RESTORES, restored, NULL, 0, 0},
};
/* clang-format on */

enum { ROW_COUNT = sizeof(rows) / sizeof(*rows) };

static uint64_t enabled_bits, lasting_bits, struck_count;
static unsigned weights[ROW_COUNT];

size_t fault_count(void)
{
    return ROW_COUNT;
}

unsigned fault_weight(size_t number)
{
    return weights[number];
}

const char *fault_name(size_t number)
{
    return rows[number].name;
}

unsigned fault_traits(size_t number)
{
    return rows[number].traits;
}

static unsigned traits_of(uint64_t enabled)
{
    unsigned traits = 0;
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (enabled & UINT64_C(1) << i)
            traits |= rows[i].traits;
    return traits;
}

static int64_t lifetime_us(const struct settings *of)
{
    int64_t ttl_s = of->todo_ttl_s > of->negative_ttl_s ? of->todo_ttl_s : of->negative_ttl_s;
    ttl_s = ttl_s > of->list_ttl_s ? ttl_s : of->list_ttl_s;
    return (ttl_s + of->stale_if_error_s) * 1000000;
}

/* doc/consistency.md, row by row: 10, 21, 24, 25, 38 and 42 promise the lifetime. */
struct truth_rules fault_rules(uint64_t enabled, const struct settings *of)
{
    /* The first to follow moves the epoch on (row 29). */
    unsigned traits = traits_of(enabled) | (of->follow ? FAULT_MOVES_EPOCH : 0);
    struct truth_rules rules = {.reads_bind = !(traits & (FAULT_LOSES_MARKS | FAULT_FOREIGN))};
    int64_t noticed_us = (NOTICED_MS + SLACK_MS) * 1000;
    bool is_blind = traits & (FAULT_KILLS | FAULT_UNKNOWN);
    bool moves = traits & (FAULT_MOVES_EPOCH | FAULT_LOSES_MARKS | FAULT_FREEZES | FAULT_RESTORES);
    bool is_split =
        traits & (FAULT_SPLITS | FAULT_LAGS) && traits & (FAULT_OUTAGE | FAULT_MOVES_EPOCH | FAULT_RESTORES);
    bool is_untold = traits & FAULT_RESTORES && traits & (FAULT_OUTAGE | FAULT_MOVES_EPOCH | FAULT_LOSES_MARKS);
    if (traits & (FAULT_OUTAGE | FAULT_MOVES_EPOCH | FAULT_RESTORES))
        rules.stale_us = noticed_us;
    if ((is_blind && moves) || is_split || is_untold)
        rules.stale_us = lifetime_us(of) + noticed_us;
    return rules;
}

static void on_end_time(void *ctx, uint64_t serial)
{
    const struct fault_row *row = ctx;
    uint64_t bit = UINT64_C(1) << (row - rows);
    if (serial != round_serial || !(lasting_bits & bit))
        return;
    lasting_bits &= ~bit;
    world_tell("fault %s ends", row->name);
    row->end();
    if (row->traits & FAULT_HALTS)
        truth_go_on();
}

static void strike(const struct fault_row *row)
{
    uint64_t bit = UINT64_C(1) << (row - rows);
    if (lasting_bits & bit || !row->begin())
        return;
    struck_count++;
    world_note('f', (uint64_t)(row - rows), 0);
    world_tell("fault %s", row->name);
    if (!row->end)
        return;
    lasting_bits |= bit;
    if (row->traits & FAULT_HALTS)
        truth_halt();
    int64_t most_ms = dice_one_in(&dice, 3) ? row->most_ms : row->least_ms + (row->most_ms - row->least_ms) / 8;
    world_after(dice_between(&dice, row->least_ms, most_ms) * 1000, on_end_time, (void *)row, round_serial);
}

void faults_begin(uint64_t enabled, const struct settings *of, uint64_t seed)
{
    dice = dice_of(seed, 2);
    settings = of;
    enabled_bits = enabled;
    for (size_t i = 0; i < ROW_COUNT; i++)
        weights[i] = 1u << dice_below(&dice, WEIGHT_STEPS);
    lasting_bits = struck_count = 0;
    serial_number = 0;
    is_restoring = false;
    round_serial++;
}

void faults_free(void)
{
    if (old_file)
        sim_redis_forget(old_file);
    old_file = NULL;
}

void faults_strike(void)
{
    size_t picked = 0;
    uint64_t sum = 0;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (!(enabled_bits & UINT64_C(1) << i))
            continue;
        sum += weights[i];
        if (dice_below(&dice, sum) < weights[i])
            picked = i;
    }
    if (sum > 0)
        strike(&rows[picked]);
}

void faults_end(void)
{
    if (is_restoring)
        clients_pause(false);
    is_restoring = workers_are_held = false;
    for (size_t i = 0; i < ROW_COUNT; i++)
        on_end_time((void *)&rows[i], round_serial);
}

uint64_t faults_struck(void)
{
    return struck_count;
}
