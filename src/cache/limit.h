/* SPDX-License-Identifier: MIT */
/*
 * A limit on how often one client may ask, kept in Redis so that all workers share it (GCRA: scripts/limit.lua).
 *
 * Redis away: every request is admitted, and counted. context loop only
 */
#ifndef CACHE_LIMIT_H
#define CACHE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "cache/cache.h"

struct limit_verdict {
    bool known; /* false: Redis didn't say, so the request is admitted */
    bool admitted;
    int64_t remaining;   /* requests that could be made at once now */
    int64_t reset_ms;    /* until all of the burst is there again */
    int64_t retry_in_ms; /* until the next one is admitted; 0 if admitted */
};

typedef void (*limit_cb)(void *ctx, const struct limit_verdict *verdict);

/*
 * Counts one request of client. done comes once, later; and before the answer to any cache_get or cache_list that is made after, unless
 * Redis had forgotten the script: then it is sent once more, behind what is on its way.
 */
void limit_ask(struct cache *cache, struct slice client, limit_cb done, void *ctx);

#endif
