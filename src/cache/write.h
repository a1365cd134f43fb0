/* SPDX-License-Identifier: MIT */
/*
 * A fenced write: fence all ids and the list, run the caller's store call on a pool thread, unfence, done.
 * context  loop only
 */
#ifndef CACHE_WRITE_H
#define CACHE_WRITE_H

#include <stddef.h>

#include "base/error.h"
#include "base/todo.h"
#include "base/trail.h"
#include "store/store.h"

struct cache;
struct cache_write;
struct write_flow;

enum cache_purge {
    CACHE_PURGE_NONE,    /* there is no cache in front, or nothing was written */
    CACHE_PURGE_DONE,    /* caches in front have acknowledged that they dropped what was written over */
    CACHE_PURGE_PENDING, /* not all have yet; they will be told until they do */
};

/*
 * pool thread: touches only the struct that the write stands in. Returns the store's status; UNKNOWN leaves the fence
 * as it is.
 */
typedef enum status (*cache_work_fn)(struct cache_write *write, struct store *store, struct error *error);

/* status is work's; or BUSY, UNAVAILABLE if the write was not begun. error is borrowed until it returns. */
typedef void (*cache_write_cb)(struct cache_write *write, enum status status, const struct error *error);

/* Stands inside the caller's struct, which must live until done; the caller fills in what is above written. */
struct cache_write {
    const char *const *ids; /* borrowed until done; valid ids, each once */
    size_t id_count;        /* 1 or more */
    cache_work_fn work;
    cache_write_cb done;
    enum trail_kind kind;       /* what its success is in the trail; all zero: written */
    const char *request;        /* its id, for the trail; borrowed until done; NULL: there is none */
    const struct todo *written; /* set by work: what the store holds now, if it may be published; else NULL */
    enum cache_purge purge;     /* set when done is called */
    struct write_flow *flow;    /* write.c's own */
};

void cache_write_run(struct cache *cache, struct cache_write *write);

#endif
