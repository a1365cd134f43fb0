/* SPDX-License-Identifier: MIT */
/* A schedule's queue, if it has one: its settings and its journal, a Redis that keeps what it has answered. */
#ifndef TESTS_SIM_SCHEDULE_QUEUE_H
#define TESTS_SIM_SCHEDULE_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/settings.h"
#include "client.h"
#include "dice.h"

struct schedule_queue {
    bool is_there;
    struct dice dice; /* of its own, so that schedules without one stay as they are */
    int64_t clock_ms; /* by how much the journal's clock is ahead */
};

extern struct schedule_queue schedule_queue;

/* Whether this schedule has one: before anything else is drawn. */
void schedule_queue_draw(uint64_t seed);

/* traits: of the faults that may strike. A store that goes back takes its bookmarks along: then there is no queue. */
void schedule_queue_set(unsigned traits, struct settings *settings);

/* At the pace of appliers, which work some ten times a second. */
void schedule_queue_plan(struct client_plan *plan, int64_t *strike_us, uint64_t *steps);

/* Its server. */
void schedule_queue_start(uint64_t seed);

/* Nothing waits in it. */
bool schedule_queue_is_empty(void);

#endif
