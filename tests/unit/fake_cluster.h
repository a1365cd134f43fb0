/* SPDX-License-Identifier: MIT */
/*
 * redis/cluster.h over fake_redis.h, linked in place of cluster.c: primaries are fake servers, and the test says who claims what.
 */
#ifndef TESTS_UNIT_FAKE_CLUSTER_H
#define TESTS_UNIT_FAKE_CLUSTER_H

#include <stdbool.h>

#include "redis/cluster.h"

/* Before the first cluster is made: no primary is known. */
void fake_cluster_reset(void);

/* From now on this primary ("fake:a") claims these slots, and no other does; who had them is told MOVED. All clusters learn it. */
void fake_cluster_move(const char *address, unsigned first, unsigned last);

/* It claims the slot, and the one that has it still does, too: as at the end of a move. */
void fake_cluster_share(const char *address, unsigned slot);

/* Nobody names it any more, as after a failover; its slots are nobody's. */
void fake_cluster_forget(const char *address);

/* One step of one connection of any cluster; false if there is none to take. */
bool fake_cluster_step(void);

/* Of the cluster that was made as the n-th, from 0 on. */
struct redis *fake_cluster_redis(unsigned n, const char *address);

#endif
