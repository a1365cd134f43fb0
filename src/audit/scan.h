/* SPDX-License-Identifier: MIT */
/*
 * The ids that have an entry in Redis, batch by batch, for tools that look at all of them. context  loop only
 */
#ifndef AUDIT_SCAN_H
#define AUDIT_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "cache/cache.h"

struct cache_scan;

/*
 * A batch: ids are borrowed until the callback returns; count may be 0 before the end. If status is not OK, or
 * scan->is_over is set, no batch follows. STATUS_UNAVAILABLE: Redis was lost, or the epoch moved on.
 */
typedef void (*cache_scan_cb)(struct cache_scan *scan, enum status status, const char *const *ids, size_t count);

enum { SCAN_CURSOR_MAX = 20 };

/* Stands inside the caller's own struct; the caller fills in on_batch. */
struct cache_scan {
    cache_scan_cb on_batch;
    bool is_over;
    struct cache *cache; /* the rest is the scan's own */
    char cursor[SCAN_CURSOR_MAX + 1];
    struct home home;
};

/* Begins, and asks for the first batch. An entry that is there from beginning to end is told once or more. */
void cache_scan_start(struct cache *cache, struct cache_scan *scan);

/* Whether this is the name of an entry, under the epoch of now. Then id is whose. */
bool scan_take_id(const struct cache *cache, struct slice name, char id[TODO_ID_MAX + 1]);

/* Asks for the next batch; not after the last one. */
void cache_scan_next(struct cache_scan *scan);

#endif
