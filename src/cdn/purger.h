/* SPDX-License-Identifier: MIT */
/*
 * The purger: tells caches in front of the service (a CDN, Varnish) what a write has made old. doc/cdn.md is the
 * operator's side.
 *
 * Around each write: purger_record() before it, purger_send() after it. A purge that is not acknowledged is sent again
 * until it is: purge_lane.c retries it, and purge_record.c finds it again after a restart.
 */
#ifndef CDN_PURGER_H
#define CDN_PURGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "cdn/purge_item.h"
#include "cdn/purge_lane.h"
#include "cdn/purge_record.h"

struct purger;

/* *purger stays NULL if there is no cache in front. STATUS_INVALID: purge_url or purge_header_file. */
enum status purger_new(struct purger **purger, const struct purger_options *options,
                       struct error *error) STATUS_MUST_CHECK;

/* When no job of the pool runs, and after the HTTP client has ended its calls; NULL is fine. */
void purger_free(struct purger *purger);

/* Once a second: second times, records that other workers did not send, acknowledged records. */
void purger_tend(struct purger *purger);

/* Whether something waits for a cache that answers; what waits for its second time does not count. */
bool purger_is_busy(const struct purger *purger);

/* Purges in memory that have not been acknowledged once. */
size_t purger_waiting_count(const struct purger *purger);

/* pool thread: before the write. Costs one call of the store, whatever the number of ids. */
enum status purger_record(const struct purger *purger, const struct purge_write *write,
                          struct error *error) STATUS_MUST_CHECK;

/* pool thread: all that any cache holds is purged, once last_at_ms is past. */
enum status purger_record_all(const struct purger *purger, int64_t last_at_ms, struct error *error) STATUS_MUST_CHECK;

enum purge_outcome {
    PURGE_NOTHING, /* nothing was written: the records are removed */
    PURGE_DOUBT, /* the write may have happened, or readers may still get the old state: sent now, and again when due */
    PURGE_WRITTEN, /* from now on the service answers the new state to everybody */
};

/*
 * After a write whose purges were recorded. Returns whether there is an acknowledgement to wait for; then done comes
 * once, later: true, or false after purge_wait_ms or when a cache turns out to be away. Else it is not acknowledged
 * yet, or never.
 */
bool purger_send(struct purger *purger, const struct purge_write *write, enum purge_outcome outcome, purge_done_cb done,
                 void *ctx) STATUS_MUST_CHECK;

#endif
