/* SPDX-License-Identifier: MIT */
/*
 * Demands, and the figures that come with an answer.
 *
 * An entry of an older version than the reader has seen can't be there as long as Redis stays the same Redis; after an outage it
 * can, until the outbox has been drained. So least_v is checked on every answer that isn't the store's own word to this very
 * reader, and who isn't content asks the store directly (todo_read.c).
 *
 * Clocks are read for Server-Timing only if somebody wants it.
 */
#include "cache/demand.h"

#include "base/clock.h"
#include "cache/cache_state.h"

/*
 * Who takes nothing from the store asks a Redis that isn't trusted as well, and may be answered when it is. What it had at
 * the question was of an older epoch, or had missed what the outbox brought since.
 */
bool reader_may_trust(const struct cache_reader *reader)
{
    return reader->asked_trusted && reader->cache->trusted;
}

bool demand_fits(const struct cache_demand *demand, const struct cache_trace *trace, int64_t v)
{
    if (demand->from_store)
        return false;
    if (demand->max_age_ms >= 0 && trace->age_ms > demand->max_age_ms)
        return false;
    return trace->ttl_ms >= demand->min_fresh_ms && v >= demand->least_v;
}

void trace_date(struct cache_trace *trace, int64_t at_ms, int64_t ttl_ms)
{
    trace->age_ms = clock_wall_ms() - at_ms;
    trace->ttl_ms = ttl_ms - trace->age_ms;
}

void trace_time(struct cache_trace *trace, const struct cache_reader *reader, int64_t store_us)
{
    trace->redis_us = -1;
    trace->store_us = store_us;
    if (!reader->cache->options.settings->server_timing)
        return;
    int64_t total_us = clock_monotonic_us() - reader->begun_at_us;
    trace->redis_us = store_us > 0 ? total_us - store_us : total_us;
}

void reader_init(struct cache_reader *reader, struct cache *cache)
{
    *reader = (struct cache_reader){.cache = cache, .asked_trusted = cache->trusted};
    if (cache->options.settings->server_timing)
        reader->begun_at_us = clock_monotonic_us();
}
