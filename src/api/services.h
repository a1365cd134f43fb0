/* SPDX-License-Identifier: MIT */
/*
 * Everything that handlers work with: one struct that is passed down with every call, so that there are no globals.
 */
#ifndef API_SERVICES_H
#define API_SERVICES_H

#include <stdbool.h>

#include "api/coding.h"
#include "base/figures.h"
#include "base/settings.h"
#include "base/stats.h"
#include "base/trail.h"
#include "cache/cache.h"
#include "clients/limit.h"
#include "queue/queue.h"

/* What the workers of this machine tell together (server/stats_file.c): metrics as Prometheus text, figures, trails. */
typedef void (*services_metrics_fn)(void *ctx, struct buf *out);
typedef void (*services_figures_fn)(void *ctx, struct figures *figures);
typedef void (*services_tell_fn)(void *ctx, const char *id, struct trail_story *story);

/* Adds up all workers' counters. */
typedef void (*services_sum_fn)(void *ctx, struct stats *sum);

struct services {
    const struct settings *settings;
    struct cache *cache;
    struct store *store; /* for /readyz and kept answers; handlers reach todos through the cache */
    struct pool *pool;
    struct feed *feed;   /* of changes; NULL: nobody adds to the store's */
    struct queue *queue; /* NULL: writes are not queued */
    struct limiter limiter;
    struct coding coding; /* this worker's */
    struct stats *stats;  /* this worker's */
    services_metrics_fn metrics;
    services_sum_fn sum;
    services_figures_fn figures;
    services_tell_fn tell;
    void *machine;            /* for these four */
    struct slice write_token; /* that writes must show; absent: all clients may write */
    bool draining;            /* SIGTERM came: /readyz says so */
};

#endif
