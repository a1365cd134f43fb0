/* SPDX-License-Identifier: MIT */
/*
 * What goes wrong between machines, with what they have told each other, and with machines as a whole: rows 50 to 56 of
 * doc/consistency.md. Only where machines have licences.
 */
#include "fault_rows.h"

#include <string.h>

#include "client.h"
#include "machine.h"
#include "net.h"
#include "sim_redis.h"
#include "world.h"

enum { FREEZE_LOOK_US = 500 };

/* ---- Messages ---- */

static bool messages_stop(void)
{
    net.messages_lost_in = 1 + (unsigned)dice_below(&fault_ground.dice, 3);
    return true;
}

static void messages_come(void)
{
    net.messages_lost_in = 0;
}

static bool subscription_cut(void)
{
    const struct worker *worker = fault_worker(WORKER_UP);
    return worker && net_cut_messages(worker->process);
}

/* ---- What Redis has of them ---- */

static bool holders_lost(void)
{
    return fault_lose("todos:*:holders");
}

static bool box_lost(void)
{
    return sim_redis_evict(fault_primary(), "todos:*:holders:*");
}

/* A text of another program in its place would pass for names, and nothing is promised then. */
static bool box_replaced(void)
{
    return fault_replace("todos:*:holders:*", "", true);
}

static bool scripts_refused(void)
{
    static const char *const words[] = {"TELL", "JOIN", "RENEW", "EXPEL"};
    sim_redis_refuse(fault_primary(), words[dice_below(&fault_ground.dice, 4)], "NOREPLICAS Not enough good replicas");
    return true;
}

/* ---- Machines ---- */

static unsigned draw_machine(void)
{
    return (unsigned)dice_below(&fault_ground.dice, machine_count());
}

static bool agent_dies(void)
{
    const struct process *agent = machine_agent(draw_machine());
    if (!agent || agent->is_frozen || agent->number >= WORKERS_MAX)
        return false;
    worker_kill(&workers[agent->number]);
    return true;
}

/*
 * The whole machine, as one that is suspended; or its agent alone. Often in a moment when its agent waits for Redis: what
 * it is answered then, it finds much later. Messages may be lost meanwhile, for Redis gives up who does not take them.
 */
static struct {
    uint64_t serial;
    unsigned machine;
    bool is_whole, stands_still, is_unheard, awaits;
    uint64_t lives[PROCESSES_MAX]; /* 0: not frozen by this fault */
} freeze;

static void freeze_one(struct process *process)
{
    freeze.lives[process->number] = process->life;
    net.is_unheard[process->number] = freeze.is_unheard;
    process_freeze(process, freeze.stands_still && freeze.is_whole);
}

static void on_freeze_time(void *ctx, uint64_t serial)
{
    const struct process *agent = machine_agent(freeze.machine);
    if (serial != freeze.serial || !agent)
        return;
    if (freeze.awaits && !net_is_awaiting(agent)) {
        world_after(FREEZE_LOOK_US, on_freeze_time, ctx, serial);
        return;
    }
    for (struct process *process = processes; process < processes + PROCESSES_MAX; process++) {
        bool is_it = process == agent || (freeze.is_whole && machine_of(process) == freeze.machine);
        if (is_it && process->is_alive && !process->is_frozen)
            freeze_one(process);
    }
    clients_froze();
}

static bool machine_freezes(void)
{
    struct dice *dice = &fault_ground.dice;
    freeze.machine = draw_machine();
    freeze.is_whole = dice_one_in(dice, 2);
    freeze.stands_still = dice_one_in(dice, 2);
    freeze.is_unheard = dice_one_in(dice, 2);
    freeze.awaits = !dice_one_in(dice, 4);
    memset(freeze.lives, 0, sizeof(freeze.lives));
    on_freeze_time(NULL, ++freeze.serial);
    return true;
}

static void machine_thaws(void)
{
    freeze.serial++;
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        net.is_unheard[i] = false;
        if (processes[i].is_frozen && freeze.lives[i] == processes[i].life)
            process_thaw(&processes[i]);
    }
}

static unsigned cut_off;

static bool machine_is_cut_off(void)
{
    cut_off = draw_machine();
    for (size_t i = 0; i < PROCESSES_MAX; i++)
        net.is_cut_off[i] |= machine_of(&processes[i]) == cut_off;
    return true;
}

static void machine_is_back(void)
{
    for (size_t i = 0; i < PROCESSES_MAX; i++)
        net.is_cut_off[i] &= machine_of(&processes[i]) != cut_off;
    net_go_on();
}

/* clang-format off */
const struct fault_row fault_peers_rows[] = {
    {"messages_lost",       FAULT_PEERS | FAULT_MILD, messages_stop, messages_come, 20, 5000},
    {"subscription_cut",    FAULT_PEERS | FAULT_MILD, subscription_cut, NULL, 0, 0},
    {"box_lost",            FAULT_PEERS | FAULT_MILD, box_lost, NULL, 0, 0},
    {"box_replaced",        FAULT_PEERS | FAULT_MILD, box_replaced, NULL, 0, 0},
    {"agent_killed",        FAULT_PEERS | FAULT_MILD | FAULT_KILLS, agent_dies, NULL, 0, 0},
    {"holders_lost",        FAULT_PEERS | FAULT_LOSES_HOLDERS, holders_lost, NULL, 0, 0},
    {"machine_frozen",      FAULT_PEERS | FAULT_PAUSES, machine_freezes, machine_thaws, 300, 1600},
    {"machine_cut_off",     FAULT_PEERS | FAULT_OUTAGE, machine_is_cut_off, machine_is_back, 20, 3000},
    {"scripts_refused",     FAULT_PEERS | FAULT_OUTAGE, scripts_refused, fault_redis_accepts, 10, 1500},
};
/* clang-format on */

const size_t fault_peers_count = sizeof(fault_peers_rows) / sizeof(*fault_peers_rows);
