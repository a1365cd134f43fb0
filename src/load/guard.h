/* SPDX-License-Identifier: MIT */
/*
 * Keeps the cache correct during a load: by fences if Redis can be trusted, else by giving up all entries.
 *
 * context  loop only; each done comes once, later
 */
#ifndef LOAD_GUARD_H
#define LOAD_GUARD_H

#include <stdbool.h>

#include "base/error.h"
#include "base/events.h"
#include "cache/cache.h"
#include "load/progress.h"
#include "store/pool.h"
#include "store/store.h"

struct guard;

struct guard_options {
    const struct events *events; /* all borrowed for the guard's life */
    struct cache *cache;         /* NULL: nothing is written, nothing is guarded */
    struct store *store;
    struct pool *pool;
    struct progress *progress;
    bool cache_required; /* without Redis: refuse */
};

typedef void (*guard_done_cb)(void *ctx, enum status status, const struct error *error);

struct guard *guard_new(const struct guard_options *options);

/* When neither start nor finish is under way; NULL is fine. */
void guard_free(struct guard *guard);

/*
 * Makes the store ready, waits a second for Redis, and without it moves the epoch on.
 * errors  STATUS_UNAVAILABLE and others: the store's, or Redis is required
 */
void guard_start(struct guard *guard, guard_done_cb done, void *ctx);

/* Whether each write must be fenced; known after guard_start(). */
bool guard_is_fenced(const struct guard *guard);

/*
 * Whether a write may be begun now. If Redis, or a part of a cluster, was lost since the start, writes wait for it a
 * while: the outbox would take the fences, but a record for each row is expensive.
 */
bool guard_allows_write(struct guard *guard);

/* After the last write: moves the epoch if there were no fences. An error: entries may be stale until they expire. */
void guard_finish(struct guard *guard, guard_done_cb done, void *ctx);

#endif
