/* SPDX-License-Identifier: MIT */
/*
 * A limit on how often one client may ask, kept in Redis so that all workers share it (GCRA: limit.lua).
 *
 * If Redis is away, every request is admitted, and counted. context loop only
 */
#ifndef CLIENTS_LIMIT_H
#define CLIENTS_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/settings.h"
#include "base/slice.h"
#include "base/stats.h"
#include "redis/cluster.h"
#include "redis/redis.h"

/* What the limit works with; all borrowed. */
struct limiter {
    struct redis *redis;             /* unused in a cluster */
    struct cluster *cluster;         /* NULL: at one Redis */
    const struct settings *settings; /* rate_limit_* */
    struct stats *stats;
};

struct limit_verdict {
    bool known; /* false: Redis did not say, so the request is not refused */
    bool refused;
    int64_t remaining;   /* requests that could be made at once now */
    int64_t reset_ms;    /* until all of the burst is there again */
    int64_t retry_in_ms; /* if refused: until the next one is admitted */
};

typedef void (*limit_cb)(void *ctx, const struct limit_verdict *verdict);

/*
 * Counts one request of the client with this address. done comes once, later. With one Redis it comes before the answer
 * to any later cache_get() or cache_list(), unless Redis had forgotten the script: then the script is sent once more,
 * behind the commands under way.
 */
void limit_ask(const struct limiter *limiter, struct slice address, limit_cb done, void *ctx);

#endif
