/* SPDX-License-Identifier: MIT */
/* A page of the outbox's records, as a drain takes them from the store and removes them there. */
#ifndef CACHE_DRAIN_PAGE_H
#define CACHE_DRAIN_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "cache/grants.h"
#include "cache/home.h"
#include "store/pool.h"
#include "store/store.h"

enum { DRAIN_PAGE_MAX = 256 };

/* Stands inside the drain. The loop fills it in; while the job runs it is the pool thread's. */
struct drain_page {
    struct store *store;
    struct store_fence fences[DRAIN_PAGE_MAX];
    size_t count;
    struct store_fence last; /* as listed: the next page begins behind it */
    bool is_first;
    bool has_barrier;        /* open records past their deadline count as closed */
    int64_t listed_at_ms;    /* wall time */
    size_t closed_count;     /* the first ones, which go */
    size_t changed_count;    /* of these: put again since they were listed, so they stay */
    int64_t epoch;           /* of the store's record, under which they were brought to Redis */
    struct slot_epochs *own; /* of a cluster, a copy: which slots are its own; NULL: one Redis has all slots */
    struct home list;        /* where the list's part goes */
    bool is_list_away;       /* it is another shard's, or nobody's, though it may be claimed here */
    struct pool_job job;
};

static inline bool drain_page_is_past(const struct drain_page *page, const struct store_fence *fence)
{
    return !fence->is_closed && fence->deadline_at_ms <= page->listed_at_ms;
}

/* Of its job: pool thread. STATUS_BUSY of a removal: the epoch does not stand any more, and nothing was removed. */
enum status drain_page_list_work(struct pool_job *job, struct error *error);
enum status drain_page_remove_work(struct pool_job *job, struct error *error);

#endif
