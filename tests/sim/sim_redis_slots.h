/* SPDX-License-Identifier: MIT */
/*
 * What a simulated server of a Redis Cluster believes of the slots: who has each, and which are on their way.
 *
 * Servers do not talk to each other here: what each of them hears, and when, is up to the owner, who sets the fields.
 * context  any (pure)
 */
#ifndef TESTS_SIM_SIM_REDIS_SLOTS_H
#define TESTS_SIM_SIM_REDIS_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/slot.h"

struct sim_call;
struct sim_command;
struct sim_keys;

enum { SIM_NODES_MAX = 6, SIM_NOBODY = 0 };

struct sim_node {
    char id[41], host[16];
    unsigned port;
};

/* Nodes are told as their place among the nodes + 1; SIM_NOBODY: none. */
struct sim_slots {
    const struct sim_node *nodes; /* borrowed */
    unsigned self;                /* itself */
    bool is_down;                 /* most others are away: it serves no key */
    uint8_t owner[SLOT_COUNT];
    uint8_t goal[SLOT_COUNT];   /* MIGRATING to */
    uint8_t source[SLOT_COUNT]; /* IMPORTING from */
};

/* Nobody has any slot. */
struct sim_slots *sim_slots_new(const struct sim_node *nodes, unsigned self);
void sim_slots_free(struct sim_slots *slots); /* NULL is fine */

/* Whether the command's keys are not here, or not all of them; if so, the reply says where. */
bool sim_slots_refuse(const struct sim_call *call, const struct sim_command *command);

/* The same of a script's call, without a reply. */
bool sim_slots_are_elsewhere(const struct sim_call *call, const struct sim_command *command);

/* One key of the slot, by its place among them, goes over (MIGRATE with REPLACE); false: there are fewer. */
bool sim_slots_carry(struct sim_keys *from, struct sim_keys *to, unsigned slot, unsigned place);

#endif
