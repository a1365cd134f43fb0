/* SPDX-License-Identifier: MIT */
/*
 * What goes wrong between machines, with what they have told each other, and with machines as a whole: rows 50 to 56 of
 * doc/consistency.md. Only where machines have licences.
 */
#include "fault_rows.h"

#include "client.h"
#include "machine.h"
#include "net.h"
#include "sim_redis.h"
#include "world.h"

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

/* A text of another program in a box's place is a text to everybody, so only other types are put there. */
static bool box_lost(void)
{
    return sim_redis_evict(fault_primary(), "todos:*:holders:*");
}

static bool box_replaced(void)
{
    return fault_replace("todos:*:holders:*", "");
}

static bool scripts_refused(void)
{
    static const char *const words[] = {"TELL", "JOIN", "RENEW", "EXPEL"};
    sim_redis_refuse(fault_primary(), words[dice_below(&fault_ground.dice, 4)], "NOREPLICAS Not enough good replicas");
    return true;
}

static void scripts_accepted(void)
{
    for (unsigned i = 0; i < NET_SERVERS; i++)
        if (net.servers[i].redis)
            sim_redis_refuse(net.servers[i].redis, NULL, NULL);
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

static uint64_t frozen_lives[PROCESSES_MAX]; /* 0: not frozen by this fault */

/*
 * The whole of it, as a machine that is suspended; or its agent alone. Mostly while its agent waits for Redis: what it is
 * answered then, it finds much later. Messages may be lost meanwhile, for Redis gives up who does not take them.
 */
static bool machine_freezes(void)
{
    struct dice *dice = &fault_ground.dice;
    unsigned machine = draw_machine();
    const struct process *agent = machine_agent(machine);
    bool is_whole = dice_one_in(dice, 2), stands_still = dice_one_in(dice, 2), is_unheard = dice_one_in(dice, 2);
    if (!agent || agent->is_frozen || !(net_is_awaiting(agent) || dice_one_in(dice, 16)))
        return false;
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        struct process *process = &processes[i];
        bool is_it = process == agent || (is_whole && machine_of(process) == machine);
        is_it = is_it && process->is_alive && !process->is_frozen;
        frozen_lives[i] = is_it ? process->life : 0;
        net.is_unheard[i] = is_it && is_unheard;
        if (is_it)
            process_freeze(process, stands_still && is_whole);
    }
    clients_froze();
    return true;
}

static void machine_thaws(void)
{
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        net.is_unheard[i] = false;
        if (processes[i].is_frozen && frozen_lives[i] == processes[i].life)
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
    {"machine_frozen",      FAULT_PEERS | FAULT_PAUSES, machine_freezes, machine_thaws, 250, 1600},
    {"machine_cut_off",     FAULT_PEERS | FAULT_OUTAGE, machine_is_cut_off, machine_is_back, 20, 3000},
    {"scripts_refused",     FAULT_PEERS | FAULT_OUTAGE, scripts_refused, scripts_accepted, 10, 1500},
};
/* clang-format on */

const size_t fault_peers_count = sizeof(fault_peers_rows) / sizeof(*fault_peers_rows);
