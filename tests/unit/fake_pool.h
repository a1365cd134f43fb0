/* SPDX-License-Identifier: MIT */
/*
 * store/pool.h without threads, linked in place of pool.c: a job works, and is done, when the test says so.
 */
#ifndef TESTS_UNIT_FAKE_POOL_H
#define TESTS_UNIT_FAKE_POOL_H

#include <stdbool.h>

#include "store/pool.h"

struct pool *fake_pool_new(void);

/* fake_pool_step() does nothing while it is held; the two calls below still do. */
void fake_pool_hold(struct pool *pool, bool held);

/* The oldest waiting job calls the store; false if none waits. */
bool fake_pool_work(struct pool *pool);

/* The oldest job that has worked, or was turned away, is told; false if there is none. */
bool fake_pool_done(struct pool *pool);

bool fake_pool_step(struct pool *pool);

/* The oldest job lets all others overtake it, as a slow call does. */
void fake_pool_delay_oldest(struct pool *pool);

/* From now on jobs are turned away: BUSY as with a full queue, UNAVAILABLE as with an open breaker; OK ends that. */
void fake_pool_refuse(struct pool *pool, enum status status);

#endif
