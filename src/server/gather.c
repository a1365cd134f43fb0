/* SPDX-License-Identifier: MIT */
/*
 * Under load, requests gather while the loop waits for a processor.
 *
 * A thread that wakes may interrupt whoever has its processor. So nginx is interrupted by each request that it sends,
 * and the loop takes that one alone, with a wait, a call of Redis and two switches of its own. Under SCHED_BATCH a
 * thread that wakes interrupts nobody: the loop waits until nginx has nothing left to do, and takes all that have come
 * in one turn. On an idle processor it runs at once, as ever. doc/performance.md has what it gains.
 *
 * That is wrong where others want the processor for long: a write wakes the loop four times, and each time it would
 * wait until a program that calculates has had its share, some ms. So only a loop with thousands of answers a second
 * does it. A write that waits so is no such load, and ends the policy.
 *
 * The loop's thread alone. The pool's threads start before, with the first store call, so they don't inherit it.
 *
 * Does not: change priorities, need a right, touch a policy that an operator has chosen (CPUSchedulingPolicy). If the
 * kernel refuses, the log says so, and the worker goes on as it is.
 */
#include "server/gather.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "base/log.h"

void gather_tend(struct gather *gather, uint64_t answers)
{
    const struct sched_param priority = {0}; /* what both policies want */
    bool is_busy = answers - gather->answers >= GATHER_ANSWERS;
    gather->answers = answers;
    if (is_busy == gather->is_on || (is_busy && sched_getscheduler(0) != SCHED_OTHER))
        return;
    gather->is_on = is_busy;
    if (sched_setscheduler(0, is_busy ? SCHED_BATCH : SCHED_OTHER, &priority) != 0)
        log_info(NULL, "policy_refused", "error=\"%s\" notice=\"each request interrupts others\"", strerror(errno));
}
