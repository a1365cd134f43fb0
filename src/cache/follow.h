/* SPDX-License-Identifier: MIT */
/*
 * Following what others write to the store: a shell, a script, another service.
 * context  loop only
 */
#ifndef CACHE_FOLLOW_H
#define CACHE_FOLLOW_H

#include <stdbool.h>

#include "cache/options.h"
#include "cache/trust.h"
#include "cdn/purger.h"

struct follow;

/* options->follow_pool is its own. purger NULL: there are no caches in front. */
struct follow *follow_new(const struct cache_options *options, struct trust *trust, struct purger *purger);

/* When it is idle; NULL is fine. */
void follow_free(struct follow *follow);

/* Once a second: begins, if no other worker follows. */
void follow_tend(struct follow *follow);

/* For good: no new round begins. It is idle within a second. */
void follow_stop(struct follow *follow);
bool follow_is_idle(const struct follow *follow);

#endif
