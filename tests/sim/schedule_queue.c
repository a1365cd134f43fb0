/* SPDX-License-Identifier: MIT */
/*
 * One schedule in four has a queue. Its journal is one more server of the network, in front of the same scripts that
 * Redis runs; what fault_queue.c does to it keeps the promise of a disk.
 */
#include "schedule_queue.h"

#include <fnmatch.h>
#include <stdio.h>

#include "fault.h"
#include "net.h"
#include "process.h"
#include "sim_redis.h"
#include "truth_queue.h"
#include "world.h"

enum { QUEUE_IN = 4, STEPS_LEAST = 8000 };

struct schedule_queue schedule_queue;

void schedule_queue_draw(uint64_t seed)
{
    schedule_queue = (struct schedule_queue){.dice = dice_of(seed, 7)};
    schedule_queue.is_there = dice_one_in(&schedule_queue.dice, QUEUE_IN);
    truth_queue_begin();
}

void schedule_queue_set(unsigned traits, struct settings *settings)
{
    static const char *const addresses[] = {"redis://127.0.0.1:7002", "redis://unix:/r2"};
    static const int64_t depths[] = {1000, 1000, 3};
    struct dice *queue = &schedule_queue.dice;
    schedule_queue.is_there = schedule_queue.is_there && !(traits & FAULT_RESTORES);
    if (!schedule_queue.is_there)
        return;
    snprintf(settings->write_queue, sizeof(settings->write_queue), "%s", addresses[dice_below(queue, 2)]);
    /* In the calm each todo must be a hit in one round, and there are more of them. */
    settings->xfetch_beta = 1;
    settings->store_queue = 1000;
    if (settings->todo_ttl_s < 10)
        settings->todo_ttl_s = 10;
    settings->queue_depth_max = depths[dice_below(queue, 3)];
}

void schedule_queue_plan(struct client_plan *plan, int64_t *strike_us, uint64_t *steps)
{
    static const int64_t thinks_us[] = {5000, 20000, 50000, 100000}, strikes_us[] = {20000, 50000, 100000, 300000};
    static const unsigned queue_ins[] = {1, 1, 2, 2}, write_ins[] = {2, 2, 2, 4};
    struct dice *queue = &schedule_queue.dice;
    if (!schedule_queue.is_there)
        return;
    plan->queue_in = queue_ins[dice_below(queue, 4)];
    plan->write_in = write_ins[dice_below(queue, 4)];
    plan->think_most_us = thinks_us[dice_below(queue, 4)];
    *strike_us = strikes_us[dice_below(queue, 4)];
    *steps = STEPS_LEAST + dice_below(queue, STEPS_LEAST);
}

static int64_t journal_now_ms(void *ctx)
{
    (void)ctx;
    return process_wall_ms(NULL) + schedule_queue.clock_ms;
}

static void on_command(void *ctx, struct slice word)
{
    (void)ctx;
    world_tell("    journal: %.*s", (int)word.len, word.data);
}

void schedule_queue_start(uint64_t seed)
{
    if (!schedule_queue.is_there)
        return;
    struct sim_redis *journal = sim_redis_new((struct sim_redis_options){
        .run_id = "feed000000000000000000000000000000000000",
        .replication_id = "feed000000000000000000000000000000000001",
        .now_ms = journal_now_ms,
        .on_command = on_command,
        .seed = seed + NET_JOURNAL,
    });
    journal->is_durable = true;
    net.servers[NET_JOURNAL].redis = journal;
}

bool schedule_queue_is_empty(void)
{
    if (!schedule_queue.is_there)
        return true;
    const struct sim_keys *keys = sim_redis_keys(net.servers[NET_JOURNAL].redis);
    for (const struct sim_key *key = keys->keys; key; key = key->hh.next)
        if (fnmatch("todo-queue:{?}", key->name_bytes, 0) == 0 && key->count > 1)
            return false;
    return true;
}
