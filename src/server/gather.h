/* SPDX-License-Identifier: MIT */
/*
 * Whether the loop interrupts others when a request comes, or lets requests gather: the kernel's policy for its thread
 * (sched(7)).
 * context  loop only
 */
#ifndef SERVER_GATHER_H
#define SERVER_GATHER_H

#include <stdbool.h>
#include <stdint.h>

/* So many in a second, and it lets them gather. */
enum { GATHER_ANSWERS = 2000 };

struct gather {
    uint64_t answers; /* so far, at the last look */
    bool is_on;
};

/* Once a second, with the number of answers so far. A policy that the worker was started with stays. */
void gather_tend(struct gather *gather, uint64_t answers);

#endif
