/* SPDX-License-Identifier: MIT */
/*
 * What lies below load/load.c, faked: a loop, pools, a cache and a store, in one struct that the test looks into.
 *
 * Time stands still while there are jobs and then jumps to the next timer. Jobs wait in a list until they are run, so
 * writes overlap as on real threads; the fake cache checks that no id is in two of them. The fake store keeps ids and
 * names.
 */
#ifndef TESTS_UNIT_LOAD_BED_H
#define TESTS_UNIT_LOAD_BED_H

#include "load_testing.h"

#include "load/load.h"

enum { ACTIONS_MAX = 16, TIMERS_MAX = 16, ROWS_MAX = 8000, FAULTS_MAX = 16 };

struct timer {
    timer_cb on_time;
    void *ctx;
    int64_t due_at_ms; /* -1: stopped */
};

struct stored {
    char id[TODO_ID_MAX + 1];
    char name[64];
    struct todo todo;
};

/* What one call of store_load() does: applies so many rows, then answers. */
struct fault {
    enum status status;
    size_t applied_count;
};

struct action {
    struct pool_job *job;
    struct cache_write *write;
};

struct fake_load {
    int64_t now_ms;
    struct timer timers[TIMERS_MAX];
    size_t timer_count;
    struct action actions[ACTIONS_MAX];
    size_t action_count, action_most;
    struct stored rows[ROWS_MAX];
    size_t row_count;
    struct fault faults[FAULTS_MAX];
    size_t fault_count, load_calls, adopt_calls;
    int64_t epoch;
    bool trusted;
    bool is_part_lost; /* trusted, but one primary of the cluster is not */
    bool settles_late;
    unsigned settles_asked;
    enum status prepare_status;
    size_t fenced_count;
    struct load_result result;
    bool done;
};

extern struct fake_load fake;
extern const struct events FAKE_EVENTS;

/* Runs the youngest job, so that batches end in another order than they began; without one the next timer. */
void fake_step(void);

struct stored *fake_find(const char *id);

/* As another program would. */
enum status fake_write(const struct todo *todo, enum store_load_mode mode);

#endif
