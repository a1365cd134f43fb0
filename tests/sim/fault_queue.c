/* SPDX-License-Identifier: MIT */
/*
 * What goes wrong with the queue's journal, and with writes that the store refuses: rows Q1 to Q9 of doc/consistency.md.
 * Only in schedules that have a queue.
 *
 * The journal keeps what it has answered, as its disk does. Nothing here can make a cached answer stale, so all of these
 * are mild.
 */
#include "fault_rows.h"

#include "client.h"
#include "net.h"
#include "schedule_queue.h"
#include "sim_redis.h"
#include "store_trip.h"

static struct net_server *journal(void)
{
    return &net.servers[NET_JOURNAL];
}

static struct sim_keys *own_keys; /* of our journal, while another one has its address */

static void journal_is_another(void)
{
    struct sim_redis *redis = journal()->redis;
    own_keys = sim_redis_save(redis);
    sim_redis_restart(redis, "feed000000000000000000000000000000000003", false);
    struct sim_key *name = sim_key_make(sim_redis_keys(redis), SLICE("todo-queue:store"), SIM_TEXT);
    sim_pair_set(name, SLICE(""), SLICE("0123456789abcdef0123456789abcdef another"));
    net_cut_server(NET_JOURNAL);
}

void fault_queue_free(void)
{
    if (own_keys)
        sim_redis_forget(own_keys);
    own_keys = NULL;
}

/* It is not there, or silent; or another service's is there. */
static bool journal_goes(void)
{
    if (dice_one_in(&fault_ground.dice, 2))
        return journal()->is_frozen = true;
    if (dice_one_in(&fault_ground.dice, 2)) {
        journal_is_another();
        return true;
    }
    journal()->refuses = true;
    net_cut_server(NET_JOURNAL);
    return true;
}

static void journal_comes(void)
{
    journal()->refuses = journal()->is_frozen = false;
    if (own_keys) {
        net_cut_server(NET_JOURNAL);
        sim_redis_restore(journal()->redis, own_keys);
        fault_queue_free();
    }
    net_go_on();
}

/* Some of what was sent is carried out, and nobody is told. Perhaps it was killed, and has started again. */
static bool journal_is_cut(void)
{
    net_cut_server(NET_JOURNAL);
    if (dice_one_in(&fault_ground.dice, 2))
        sim_redis_restart(journal()->redis, "feed000000000000000000000000000000000002", true);
    return true;
}

static bool journal_fills(void)
{
    return journal()->redis->is_full = true;
}

static void journal_has_room(void)
{
    journal()->redis->is_full = false;
}

/* Somebody deletes it, or the journal's clock jumps: then it is over, or stays for too long. */
static bool hold_lost(void)
{
    if (dice_one_in(&fault_ground.dice, 2))
        return sim_redis_evict(journal()->redis, "todo-queue:*:applier");
    schedule_queue.clock_ms = dice_between(&fault_ground.dice, -5000, 5000);
    return true;
}

static bool store_refuses(void)
{
    store_world.refused_id = client_id((unsigned)dice_below(&fault_ground.dice, 4));
    return true;
}

static void store_takes(void)
{
    store_world.refused_id = NULL;
}

/* clang-format off */
const struct fault_row fault_queue_rows[] = {
    {"journal_cut",   FAULT_QUEUE, journal_is_cut, NULL, 0, 0},
    {"journal_away",  FAULT_QUEUE, journal_goes, journal_comes, 10, 3000},
    {"journal_full",  FAULT_QUEUE, journal_fills, journal_has_room, 10, 1000},
    {"hold_lost",     FAULT_QUEUE, hold_lost, NULL, 0, 0},
    {"store_refuses", FAULT_QUEUE, store_refuses, store_takes, 50, 2000},
};
/* clang-format on */

const size_t fault_queue_count = sizeof(fault_queue_rows) / sizeof(*fault_queue_rows);
