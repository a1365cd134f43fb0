/* SPDX-License-Identifier: MIT */
/*
 * A schedule's Redis Cluster, if it has one: its servers among those of the network, and what they believe of each other.
 *
 * One to three primaries, and a replica for each, which takes its place when it fails over. One slot, or many, move at a
 * time, in the steps that an operator's tools take. Servers hear of what has changed late, and each at its own time.
 */
#ifndef TESTS_SIM_CLUSTER_H
#define TESTS_SIM_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/settings.h"
#include "dice.h"

struct client_plan;
struct sim_redis;

struct cluster_world {
    bool is_there;
    const char *only; /* the only fault: a primary is away, or fails over, or slots move; NULL: any may strike */
    bool only_moves;  /* so the strictest promise holds, but for slots that come back */
    bool only_outages;
    struct dice dice; /* of its own, so that schedules without one stay as they are */
};

extern struct cluster_world cluster_world;
extern bool cluster_world_always; /* each schedule has one */

/* Whether this schedule has one: before anything else is drawn. */
void cluster_world_draw(uint64_t seed);
void cluster_world_set(struct settings *settings);

/* If there is one kind of fault only: clients that meet it. */
void cluster_world_plan(struct client_plan *plan, unsigned *worker_count, uint64_t *steps);

/* The store's record gives slots to one of its servers. */
void cluster_world_claimed(void);

/* like: what each server has in common. */
void cluster_world_start(struct sim_redis *(*server_new)(unsigned number));

/* One of the servers that have slots, in the end: by its number in the network. */
unsigned cluster_world_pick(void);

/* A server is to go away, and is back. If nothing else happens, some time passes between. */
bool cluster_world_may_go(void);
void cluster_world_came(void);

/* Slots begin to move; false: some do already, or there is nowhere to go. */
bool cluster_world_move(void);

/* A replica, perhaps without the last writes, takes the place of its primary, which lives on until it learns of it. */
bool cluster_world_fail_over(void);

/* A replica has its primary's keys, as they are now. */
void cluster_world_replicate(void);

/* A move of many keys that took its time would outlast the calm, in which all must be hits. */
void cluster_world_hasten(void);

/* All know who has which slots, and those that were replaced follow. */
void cluster_world_learn(void);

#endif
