/* SPDX-License-Identifier: MIT */
/*
 * Which faults strike, when they end, and what is promised under them. A fault is a row of fault_redis.c, fault_world.c,
 * fault_peers.c or fault_queue.c.
 *
 * Each row lasts once at a time; others may strike meanwhile.
 */
#include "fault_rows.h"

#include "base/mem.h"
#include "cluster.h"
#include "machine.h"
#include "net.h"
#include "schedule_queue.h"
#include "store_trip.h"
#include "world.h"

enum { WEIGHT_STEPS = 6, ROWS_MAX = 64, LICENCE_US = 300000 };

struct fault_ground fault_ground;

unsigned fault_server(void)
{
    return cluster_world.is_there ? cluster_world_pick() : net.primary;
}

struct sim_redis *fault_primary(void)
{
    return net.servers[fault_server()].redis;
}

struct worker *fault_worker(enum worker_state state)
{
    struct worker *found[WORKERS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < WORKERS_MAX; i++)
        if (workers[i].state == state && workers[i].process && !workers[i].process->is_frozen)
            found[count++] = &workers[i];
    return count ? found[dice_below(&fault_ground.dice, count)] : NULL;
}

static uint64_t enabled_bits, lasting_bits, struck_count;
static unsigned weights[ROWS_MAX];

size_t fault_count(void)
{
    return fault_redis_count + fault_world_count + fault_peers_count + fault_queue_count;
}

static const struct fault_row *row_of(size_t number)
{
    if (number < fault_redis_count)
        return &fault_redis_rows[number];
    number -= fault_redis_count;
    if (number < fault_world_count)
        return &fault_world_rows[number];
    number -= fault_world_count;
    return number < fault_peers_count ? &fault_peers_rows[number] : &fault_queue_rows[number - fault_peers_count];
}

unsigned fault_weight(size_t number)
{
    return weights[number];
}

const char *fault_name(size_t number)
{
    return row_of(number)->name;
}

unsigned fault_traits(size_t number)
{
    return row_of(number)->traits;
}

static unsigned traits_of(uint64_t enabled)
{
    unsigned traits = 0;
    for (size_t i = 0; i < fault_count(); i++)
        if (enabled & UINT64_C(1) << i)
            traits |= row_of(i)->traits;
    return traits;
}

static int64_t lifetime_us(const struct settings *of)
{
    int64_t ttl_s = of->todo_ttl_s > of->negative_ttl_s ? of->todo_ttl_s : of->negative_ttl_s;
    ttl_s = ttl_s > of->list_ttl_s ? ttl_s : of->list_ttl_s;
    return (ttl_s + of->stale_if_error_s) * 1000000;
}

/*
 * doc/consistency.md, row by row: 55 promises a licence's time; 10, 21, 24, 25, 38, 42 and a part of E3 the lifetime. A writer that loses
 * Redis leaves its invalidation to the outbox for as long as E3 and, if its fence is lost too, 9 allow.
 */
struct truth_rules fault_rules(uint64_t enabled, const struct settings *of)
{
    /* The first to follow moves the epoch on (row 29). */
    unsigned traits = traits_of(enabled) | (store_world.is_followed ? FAULT_MOVES_EPOCH : 0);
    struct truth_rules rules = {.reads_bind = !(traits & (FAULT_LOSES_MARKS | FAULT_FOREIGN | FAULT_LAGS))};
    bool is_blind = traits & (FAULT_KILLS | FAULT_UNKNOWN);
    bool moves = traits & (FAULT_MOVES_EPOCH | FAULT_LOSES_MARKS | FAULT_FREEZES | FAULT_RESTORES);
    bool is_split =
        traits & (FAULT_SPLITS | FAULT_LAGS) && traits & (FAULT_OUTAGE | FAULT_MOVES_EPOCH | FAULT_RESTORES);
    is_split |= traits & FAULT_LAGS && cluster_world.is_there; /* at its start a worker meets one shard after another */
    bool is_unfollowed = traits & FAULT_FOREIGN && !store_world.is_followed;
    bool is_untold =
        traits & FAULT_RESTORES && traits & (FAULT_OUTAGE | FAULT_MOVES_EPOCH | FAULT_LOSES_MARKS | FAULT_FORGETS);
    is_untold |= traits & FAULT_LAGS && traits & FAULT_UNTELLS;
    rules.knows_beat =
        !(traits & (FAULT_OUTAGE | FAULT_MOVES_EPOCH | FAULT_LOSES_MARKS | FAULT_RESTORES | FAULT_UNTELLS));
    rules.breaks_deadlines = traits & FAULT_FREEZES;
    rules.records_wait = traits & FAULT_CUTS && traits & (FAULT_LAGS | FAULT_LOSES_MARKS);
    if (traits & FAULT_LOSES_HOLDERS && machines_are_peers())
        rules.stale_us = LICENCE_US;
    if (traits & (FAULT_OUTAGE | FAULT_MOVES_EPOCH | FAULT_RESTORES))
        rules.stale_us = TRUTH_NOTICED_US;
    rules.only_moves = cluster_world.only_moves;
    rules.told_us = machines_are_peers() ? LICENCE_US : 0;
    if (rules.only_moves)
        rules.stale_us = 0;
    if ((is_blind && moves) || is_split || is_untold || is_unfollowed)
        rules.stale_us = lifetime_us(of) + TRUTH_NOTICED_US;
    return rules;
}

static void end(size_t number)
{
    const struct fault_row *row = row_of(number);
    if (!(lasting_bits & UINT64_C(1) << number))
        return;
    lasting_bits &= ~(UINT64_C(1) << number);
    world_tell("fault %s ends", row->name);
    row->end();
    if (row->traits & FAULT_HALTS)
        truth_go_on();
}

static void on_end_time(void *ctx, uint64_t serial)
{
    if (serial == fault_ground.serial)
        end((size_t)(uintptr_t)ctx);
}

static void strike(size_t number)
{
    const struct fault_row *row = row_of(number);
    struct dice *dice = &fault_ground.dice;
    if (lasting_bits & UINT64_C(1) << number || !row->begin())
        return;
    struck_count++;
    world_note('f', number, 0);
    world_tell("fault %s", row->name);
    if (!row->end)
        return;
    lasting_bits |= UINT64_C(1) << number;
    if (row->traits & FAULT_HALTS)
        truth_halt();
    int64_t most_ms =
        cluster_world.only || dice_one_in(dice, 3) ? row->most_ms : row->least_ms + (row->most_ms - row->least_ms) / 8;
    world_after(dice_between(dice, row->least_ms, most_ms) * 1000, on_end_time, (void *)(uintptr_t)number,
                fault_ground.serial);
}

void faults_begin(uint64_t enabled, const struct settings *settings, uint64_t seed)
{
    fault_ground.dice = dice_of(seed, 2);
    fault_ground.settings = settings;
    fault_ground.serial++;
    bug_unless(fault_count() <= ROWS_MAX, "more faults than bits");
    enabled_bits = enabled;
    lasting_bits = struck_count = 0;
    for (size_t i = 0; i < fault_count(); i++)
        if (row_of(i)->traits & FAULT_QUEUE)
            weights[i] = 4u << dice_below(&schedule_queue.dice, WEIGHT_STEPS);
        else if (!(row_of(i)->traits & FAULT_PEERS))
            weights[i] = 1u << dice_below(&fault_ground.dice, WEIGHT_STEPS);
        else if (machines_are_peers()) /* there are fewer of them than of the others */
            weights[i] = 8u << dice_below(&fault_ground.dice, WEIGHT_STEPS);
}

void faults_free(void)
{
    fault_redis_free();
    fault_queue_free();
}

void faults_strike(void)
{
    size_t picked = 0;
    uint64_t sum = 0;
    for (size_t i = 0; i < fault_count(); i++) {
        if (!(enabled_bits & UINT64_C(1) << i))
            continue;
        sum += weights[i];
        if (dice_below(&fault_ground.dice, sum) < weights[i])
            picked = i;
    }
    if (sum > 0)
        strike(picked);
}

void faults_write_foreign(void)
{
    if (traits_of(enabled_bits) & FAULT_FOREIGN)
        fault_foreign_write();
}

void faults_end(void)
{
    fault_world_end();
    for (size_t i = 0; i < fault_count(); i++)
        end(i);
}

uint64_t faults_struck(void)
{
    return struck_count;
}
