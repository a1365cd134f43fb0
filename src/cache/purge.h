/* SPDX-License-Identifier: MIT */
/*
 * Telling caches in front of the service (a CDN, Varnish) what a write has made old. doc/cdn.md is the operator's side.
 *
 * Used around each write: recorded in the store before it, sent after it, and the record removed when it is acknowledged.
 */
#ifndef CACHE_PURGE_H
#define CACHE_PURGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"

struct cache;
struct purge;

/* *purge stays NULL if no cache is to be told. STATUS_INVALID: purge_url or purge_header_file. */
enum status purge_new(struct purge **purge, struct cache *cache, struct error *error) STATUS_MUST_CHECK;

/* When no job of the pool's runs, and after the HTTP client has ended its calls; NULL is fine. */
void purge_free(struct purge *purge);

/* Once a second: what is to be purged again, what others left, what is acknowledged. */
void purge_tend(struct purge *purge);

/* Whether something waits for a cache that answers; not what waits for its second time. */
bool purge_is_busy(const struct purge *purge);

/* A write as it is known here; all borrowed for the call. */
struct purge_write {
    const struct token *token;
    const char *const *ids;
    size_t id_count;
    int64_t last_at_ms; /* Unix time: the store doesn't apply it later than that */
};

/* pool thread: before the write. Costs one call of the store, whatever the number of ids. */
enum status purge_record(const struct purge *purge, const struct purge_write *write,
                         struct error *error) STATUS_MUST_CHECK;

/* pool thread: all that any cache holds, once last_at_ms is past. */
enum status purge_record_all(const struct purge *purge, int64_t last_at_ms, struct error *error) STATUS_MUST_CHECK;

enum purge_outcome {
    PURGE_NOTHING, /* nothing was written: the records go */
    PURGE_DOUBT, /* perhaps it was, or readers may still meet the old state: sent now, and again when the record is due */
    PURGE_WRITTEN, /* whoever asks the service from now on gets the new state */
};

typedef void (*purge_done_cb)(void *ctx, bool acknowledged);

/*
 * After a write whose purges were recorded. Returns whether there is an acknowledgement to wait for; then done comes once,
 * later: true, or false after purge_wait_ms or when a cache turns out to be away. Else it is not acknowledged yet, or never.
 */
bool purge_send(struct purge *purge, const struct purge_write *write, enum purge_outcome outcome, purge_done_cb done,
                void *ctx) STATUS_MUST_CHECK;

#endif
