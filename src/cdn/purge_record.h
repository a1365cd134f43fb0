/* SPDX-License-Identifier: MIT */
/*
 * Purges in the store: written before the write, found again by any worker, removed once they are acknowledged.
 */
#ifndef CDN_PURGE_RECORD_H
#define CDN_PURGE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"
#include "base/slice.h"
#include "cdn/purge_lane.h"

/* A write as its purges need it; all borrowed for the call. */
struct purge_write {
    const struct token *token;
    const char *const *ids;
    size_t id_count;
    int64_t last_at_ms; /* Unix time: the store does not apply the write later than that */
};

/* A worker's part in the records: what it lists, and what it removes. */
struct purge_records;

/* lanes are borrowed, and may be initialised later. */
struct purge_records *purge_records_new(const struct purger_options *options, struct purge_lane *lanes,
                                        size_t lane_count);

/* When no job of the pool runs; NULL is fine. */
void purge_records_free(struct purge_records *records);

/* Once a second: removes what is acknowledged, lists what is due. */
void purge_records_tend(struct purge_records *records);

/* A purge_last_fn; ctx are the records. Owns the item; its record is removed soon. */
void purge_records_done(void *ctx, struct purge_lane *lane, struct purge_item *item);

/* pool thread: before the write. Costs one call of the store, whatever the number of ids. */
enum status purge_records_put(const struct purge_records *records, const struct purge_write *write,
                              struct error *error) STATUS_MUST_CHECK;

/* pool thread: "all that any cache holds", due once last_at_ms is past. */
enum status purge_records_put_all(const struct purge_records *records, int64_t last_at_ms,
                                  struct error *error) STATUS_MUST_CHECK;

/*
 * any thread: cuts a write's keys into records, always the same for the same write; keys are borrowed until emit
 * returns.
 */
typedef void (*purge_part_fn)(void *ctx, size_t lane_index, uint32_t sequence, struct slice keys);
void purge_records_parts(const struct purge_records *records, const struct purge_write *write, purge_part_fn emit,
                         void *ctx);

#endif
