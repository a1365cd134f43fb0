/* SPDX-License-Identifier: MIT */
/*
 * A load: all rows of a reader go into the store, batch by batch. Afterwards the cache holds no older state of them.
 *
 * context  loop only; done comes once, later
 */
#ifndef LOAD_LOAD_H
#define LOAD_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/events.h"
#include "cache/cache.h"
#include "load/progress.h"
#include "load/reader.h"
#include "load/rejects.h"
#include "store/pool.h"
#include "store/store.h"

struct load;

struct load_options {
    const struct events *events; /* all borrowed for the load's life */
    struct reader *reader;
    struct rejects *rejects;
    struct progress *progress;
    struct pool *read_pool; /* for this load alone, one job at a time; an adoption's reader asks the store */
    struct cache *cache;    /* these three: NULL for a dry run, which reads and checks only */
    struct store *store;
    struct pool *store_pool;
    enum store_load_mode mode;
    uint32_t writes_max; /* batches that are written at once, at most LOAD_WRITES_MAX */
    bool cache_required; /* without Redis: refuse, instead of moving the epoch */
    bool keep_raw;       /* rejects needs records as they were read */
    bool adopts;         /* the records are the store's foreign documents, and the todos take their place */
};

enum { LOAD_WRITES_MAX = 4 };

struct load_result {
    enum status status; /* OK: the input was read to its end and all batches were written */
    struct error error; /* else: why it ended early */
    bool input_broken;  /* the error is the input's, which the same command would meet again */
    bool interrupted;   /* by load_stop() */
    uint64_t in_count;  /* rows in the store (dry run: rows that would be) */
    uint64_t reject_count;
    uint64_t finished_row; /* all rows up to this number are written or rejected; 0: unknown */
    int64_t elapsed_ms;
};

typedef void (*load_done_cb)(void *ctx, const struct load_result *result);

struct load *load_new(const struct load_options *options);

/* After done, or before load_start(); NULL is fine. */
void load_free(struct load *load);

void load_start(struct load *load, load_done_cb done, void *ctx);

/* Ends it early: writes under way are finished, no others are begun. */
void load_stop(struct load *load);

#endif
