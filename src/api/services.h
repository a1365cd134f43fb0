/* SPDX-License-Identifier: MIT */
/*
 * Everything that handlers work with: one struct that is passed down with every call, so that there are no globals.
 */
#ifndef API_SERVICES_H
#define API_SERVICES_H

#include <stdbool.h>

#include "api/coding.h"
#include "base/settings.h"
#include "base/stats.h"
#include "cache/cache.h"
#include "clients/limit.h"

/* Appends all workers' metrics as Prometheus text (server/stats_file.c). */
typedef void (*services_metrics_fn)(void *ctx, struct buf *out);

/* Adds up all workers' counters; ctx as for metrics. */
typedef void (*services_sum_fn)(void *ctx, struct stats *sum);

struct services {
    const struct settings *settings;
    struct cache *cache;
    struct store *store; /* for /readyz and kept answers; handlers reach todos through the cache */
    struct pool *pool;
    struct limiter limiter;
    struct coding coding; /* this worker's */
    struct stats *stats;  /* this worker's */
    services_metrics_fn metrics;
    services_sum_fn sum;
    void *metrics_ctx;
    struct slice write_token; /* that writes must show; absent: all clients may write */
    bool draining;            /* SIGTERM came: /readyz says so */
};

#endif
