/* SPDX-License-Identifier: MIT */
/*
 * What a reader asks of the cache, held against what there is. context any (pure)
 */
#ifndef CACHE_DEMAND_H
#define CACHE_DEMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "cache/cache.h"

/* Whether an answer with this age and life left will do; v is the todo's, 0 for "there is none" and for pages. */
bool demand_fits(const struct cache_demand *demand, const struct cache_trace *trace, int64_t v);

/* The times of an answer: what Redis had, was put in or never saw it; ttl_ms is its whole life. */
void trace_date(struct cache_trace *trace, int64_t at_ms, int64_t ttl_ms);

/* Server-Timing's figures, if the settings ask for them; store_us -1: the store wasn't asked. */
void trace_time(struct cache_trace *trace, const struct cache_reader *reader, int64_t store_us);

/* For the beginning of a read; its flight and the figures start here. */
void reader_init(struct cache_reader *reader, struct cache *cache);

/* Whether what Redis has answered to the reader's question may be believed: it was trusted then, and is now. */
bool reader_may_trust(const struct cache_reader *reader);

#endif
