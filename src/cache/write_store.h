/* SPDX-License-Identifier: MIT */
/*
 * A write's steps on a pool thread: its store call, and the records that keep its invalidation.
 */
#ifndef CACHE_WRITE_STORE_H
#define CACHE_WRITE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"
#include "cache/options.h"
#include "cdn/purger.h"
#include "store/pool.h"

/* Where the fence stands: what keeps readers from getting the old state once the write is answered. */
enum fence_place {
    FENCE_NOWHERE,   /* not set yet, refused, or without an answer; or its Redis is another one now */
    FENCE_IN_REDIS,  /* under the write's epoch */
    FENCE_IN_OUTBOX, /* as a record, or owed; perhaps in Redis too: others may read the old state until a drain */
    FENCE_LIFTED,    /* Redis took the unfence: no reader gets the old state any more */
};

typedef enum status (*write_work_fn)(void *ctx, struct store *store, struct error *error);

/* Stands inside the write's flow. The loop fills it in; while the job runs it is the pool thread's. */
struct write_store {
    const struct cache_options *options;
    struct purger *purger;  /* NULL: there are no caches in front */
    const char *const *ids; /* borrowed */
    size_t id_count;
    write_work_fn work; /* the store call */
    void *ctx;
    struct token token;
    int64_t serial;      /* the record's epoch, as the homes of the last fence know it */
    int64_t begun_at_ms; /* wall time of the fence */
    int64_t moved_to;    /* the record's epoch after the commit, if it was another one; 0: not known */
    enum fence_place fence;
    bool has_purges; /* recorded */
    struct pool_job job;
    pool_done_cb on_recorded; /* of write_store_record() */
};

/*
 * Each runs on the pool; done gets the store's status, or that of the record that could not be made (then nothing was
 * written).
 *
 * fenced     the mark is in Redis. If the epoch has moved on, fence becomes FENCE_IN_OUTBOX, or FENCE_NOWHERE if the
 *            store did not take the record
 * by_record  Redis is away: an open record, the store call, the record closed. fence becomes FENCE_IN_OUTBOX, or
 *            FENCE_NOWHERE if the record could not be closed and its deadline is near
 * record     no store call: a closed record
 */
void write_store_fenced(struct write_store *self, pool_done_cb done);
void write_store_by_record(struct write_store *self, pool_done_cb done);
void write_store_record(struct write_store *self, pool_done_cb done);

/*
 * Whether the store may hold something new. A refusal of one todo is certain; that of a batch may be about a part of
 * it.
 */
bool write_store_may_have_written(const struct write_store *self, enum status status);

/* Counts how the store ended it. */
void write_store_count(const struct write_store *self, enum status status);

/* What caches in front are told of it; purges borrow from self. */
enum purge_outcome write_store_purge_outcome(const struct write_store *self, enum status status);
struct purge_write write_store_purges(const struct write_store *self);

#endif
