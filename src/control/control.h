/* SPDX-License-Identifier: MIT */
/*
 * What an operator can do to a cache in use: compare all of it with the store, fill it, empty it. todoctl.c is the door.
 *
 * Each call begins something that ends with done, once, later; then its counts are final. One at a time.
 * context  loop only
 */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/events.h"
#include "cache/cache.h"
#include "store/pool.h"
#include "store/store.h"

struct control;

struct control_options {
    const struct events *events; /* all borrowed for the control's life */
    struct store *store;
    struct pool *pool;
    struct cache *cache;
};

/* error is borrowed until done returns. */
typedef void (*control_done_cb)(void *ctx, enum status status, const struct error *error);

/* The room's own: the parts, and the one thing that is under way. */
struct control {
    struct control_options options;
    struct timer *tend, *wait;
    int64_t wait_end_at_ms; /* loop time */
    struct pool_job job;
    int64_t *epoch; /* where the new one goes */
    control_done_cb done;
    void *ctx;
};

struct control *control_new(const struct control_options *options);

/* When nothing is under way; NULL is fine. */
void control_free(struct control *control);

/*
 * The first thing to do: makes the store ready, and waits for Redis to be trusted.
 * errors  the store's; STATUS_UNAVAILABLE: Redis can't be reached or trusted, while the store is ready
 */
void control_start(struct control *control, control_done_cb done, void *ctx);

struct audit_counts {
    uint64_t consistent;
    uint64_t inconsistent; /* on both looks; each is in the log with its history */
    uint64_t changed;      /* came or went while it was looked at */
    uint64_t unanswered;   /* on both looks */
};

/*
 * Compares every entry with the store; what seems wrong gets a second look two seconds later, when an invalidation that was
 * on its way has arrived.
 * errors  STATUS_UNAVAILABLE: Redis was lost on the way, the counts are those of a part
 */
void control_audit(struct control *control, struct audit_counts *counts, control_done_cb done, void *ctx);

struct warm_counts {
    uint64_t cached; /* had an entry already */
    uint64_t filled;
    uint64_t missed; /* read, but not to be filled: a write was under way, or Redis took no entry */
};

/* Reads the newest count todos through the cache, as clients would. errors  the store's */
void control_warm(struct control *control, uint64_t count, struct warm_counts *counts, control_done_cb done, void *ctx);

/*
 * Removes entries, and all pages of the list, by writes that write nothing: so what is being filled at this moment goes as well.
 * If Redis can't be reached, the outbox takes it. ids  valid, borrowed until done, and put in order
 * errors  as cache_write_run
 */
void control_purge(struct control *control, const char **ids, size_t id_count, control_done_cb done, void *ctx);

/* Moves the epoch on: all entries and pages are out of reach as soon as the workers notice, within some two seconds. */
void control_purge_all(struct control *control, int64_t *epoch, control_done_cb done, void *ctx);

#endif
