/* SPDX-License-Identifier: MIT */
/*
 * An operator's commands on a cache in use: compare all of it with the store, fill it, empty it. Copy the store, and
 * put such a copy back. For todoctl.c.
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
#include "base/hot.h"
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
 * Must come first: makes the store ready, and waits until Redis can be trusted.
 * errors  the store's; STATUS_UNAVAILABLE: Redis can't be reached or trusted, while the store is ready
 */
void control_start(struct control *control, control_done_cb done, void *ctx);

struct audit_counts {
    uint64_t consistent;
    uint64_t inconsistent; /* in both comparisons; each is in the log with its history */
    uint64_t changed;      /* written or gone during the comparison */
    uint64_t unanswered;   /* in both comparisons */
};

/*
 * Compares every entry with the store. Entries that differ are compared again two seconds later, when an invalidation
 * that was on its way has arrived.
 * errors  STATUS_UNAVAILABLE: Redis was lost meanwhile, or is a cluster without some primary, and the counts cover a
 *         part of the entries
 */
void control_audit(struct control *control, struct audit_counts *counts, control_done_cb done, void *ctx);

struct warm_counts {
    uint64_t cached; /* had an entry already */
    uint64_t filled;
    uint64_t missed; /* read, but not filled: a write was under way, or Redis took no entry */
};

struct warm_options {
    uint64_t count;                                      /* todos in all, 1 or more */
    const struct hot_id *hottest;                        /* those to read first, each once; borrowed until done */
    size_t hot_count;                                    /* count at most */
    uint64_t rate_per_s;                                 /* reads that begin; 0: as fast as they go */
    void (*on_progress)(void *ctx, uint64_t read_count); /* after each read; NULL: nobody looks */
};

/*
 * Reads todos through the cache, as clients would: the hottest, then the newest. ctx is on_progress' as well.
 * errors  the store's
 */
void control_warm(struct control *control, const struct warm_options *options, struct warm_counts *counts,
                  control_done_cb done, void *ctx);

/*
 * Removes entries, and all pages of the list, by fenced writes that change nothing in the store. So a fill that is
 * under way is refused as well. If Redis can't be reached, the outbox takes the purge.
 * ids     valid, borrowed until done, and sorted here
 * errors  as cache_write_run
 */
void control_purge(struct control *control, const char **ids, size_t id_count, control_done_cb done, void *ctx);

/* Moves the epoch: all entries and pages are unreachable as soon as the workers notice, within some two seconds. */
void control_purge_all(struct control *control, int64_t *epoch, control_done_cb done, void *ctx);

/*
 * Writes the store's present state into a file; control_start() need not come before.
 * file    borrowed until done
 * errors  as store_backup
 */
void control_backup(struct control *control, const char *file, control_done_cb done, void *ctx);

struct restored {
    int64_t count; /* todos */
    int64_t epoch; /* the one of all entries from now on */
};

/*
 * Puts the todos of such a file in the place of the store's. Redis need not be there. When done, no worker answers a
 * state from before the restore, and caches in front are about to be told.
 * errors  as store_restore
 */
void control_restore(struct control *control, const char *file, struct restored *restored, control_done_cb done,
                     void *ctx);

#endif
