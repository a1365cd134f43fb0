/* SPDX-License-Identifier: MIT */
/*
 * Following what others write to the store: a shell, a script, another service.
 * context  loop only
 */
#ifndef FOLLOW_FOLLOW_H
#define FOLLOW_FOLLOW_H

#include <stdbool.h>

#include "cache/cache.h"
#include "store/pool.h"

struct follow;

/* pool runs one call at a time and is kept busy; it must not be the cache's. */
struct follow *follow_new(struct cache *cache, struct pool *pool);

/* When it is idle, and after the cache, whose last callbacks may be the follower's; NULL is fine. */
void follow_free(struct follow *follow);

/* Once a second: begins, if no other worker follows. */
void follow_tend(struct follow *follow);

/* For good: no new round begins. It is idle within a second. */
void follow_stop(struct follow *follow);
bool follow_is_idle(const struct follow *follow);

#endif
