/* SPDX-License-Identifier: MIT */
/*
 * One schedule: a world drawn from a seed, its faults, and the calm after them.
 */
#ifndef TESTS_SIM_SCHEDULE_H
#define TESTS_SIM_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

struct schedule {
    uint64_t seed;
    bool tells_story;
    uint64_t without_faults; /* bits of fault.h's numbers, and of clients: to shrink a story */
    uint64_t without_clients;
    uint64_t steps_most; /* 0: as many as are drawn; then the calm begins */
};

struct schedule_result {
    uint64_t hash, steps, faults;
    bool is_broken;
    char rule[400];
    uint64_t faults_enabled;
    uint64_t run_steps; /* before the calm */
    int64_t took_us;    /* of the world's time */
    int64_t calm_us;
};

struct schedule_result schedule_run(const struct schedule *schedule);

/* Which rule of the protocol is left out: a failpoint's number (base/failpoint.h); -1: none. */
extern int schedule_mutant;

#endif
