/* SPDX-License-Identifier: MIT */
/*
 * The writes that an applier has read from its shard's journal, and the run of them that is on its way to the store.
 * context  loop only
 */
#ifndef QUEUE_BATCH_H
#define QUEUE_BATCH_H

#include "cache/cache.h"
#include "queue/journal.h"
#include "store/apply.h"

struct batch;

/* status as store_apply() gives it, or as a fenced write that was not begun; OK: results has run rows. */
typedef void (*batch_done_cb)(struct batch *batch, enum status status, const struct error *error);

struct batch {
    struct arena arena; /* of the writes */
    struct store_queued writes[STORE_APPLY_MAX];
    size_t count, at;  /* of the writes; and the first that is not settled */
    struct error flaw; /* why the last one is_dead, if it is: its text is no queued write */
    bool is_full;      /* more may wait in the journal */
    size_t run;        /* writes from at on that are on their way; the rest is the call's */
    struct store_applied results[STORE_APPLY_MAX];
    struct store_batch call;
    const char *ids[STORE_APPLY_MAX];
    struct cache_write write;
    struct pool_job job; /* these two: of a dead letter */
    struct store *store;
    batch_done_cb done;
};

void batch_init(struct batch *batch);
void batch_fini(struct batch *batch);

/* Forgets what it has. */
void batch_reset(struct batch *batch);

/* Takes over what the journal told, up to a text that can't be read: that one is_dead. */
void batch_read(struct batch *batch, const struct journal_write *writes, size_t count);

/* The first write that is not settled is_dead from now on; those behind it must be read again. */
void batch_bury(struct batch *batch);

/* Applies the first run writes that are not settled, as one fenced write of their ids. done comes once, later. */
void batch_apply(struct batch *batch, struct cache *cache, unsigned shard, const struct token *owner,
                 batch_done_cb done);

#endif
