/* SPDX-License-Identifier: MIT */
/*
 * Readers: their demands, and the figures that come with an answer.
 *
 * A reader that takes nothing from the store (only_if_cached) asks Redis even while it is not trusted, and its answer
 * may come after trust was given. It must not believe that answer: what Redis had at the question may be of an older
 * epoch, or may lack what the outbox has brought since. So each read takes a home when it begins.
 *
 * An entry of an older state than the reader has seen cannot exist as long as Redis stays the same. After an outage it
 * can, until the outbox is drained. So the least state is checked on every answer but one: what the store said to this
 * very reader. A reader whose demand is not met asks the store directly (todo_read.c).
 *
 * An entry of another life may be older or newer than the reader's. It does not meet the demand, and the store decides:
 * a reader of a deleted life is shown its successor, which begins at v 1 again. If the store is away then, the reader
 * gets an error rather than a life that may be the older one.
 *
 * The monotonic clock is read only if the settings ask for Server-Timing.
 */
#include "cache/reader.h"

#include "base/clock.h"
#include "cache/cache_state.h"

void reader_init(struct cache_reader *reader, struct cache *cache)
{
    reader->cache = cache;
    reader->next = NULL;
    reader->begun_at_us = 0;
    reader->joined = false;
    if (cache->options.settings->server_timing)
        reader->begun_at_us = clock_monotonic_us();
}

bool demand_fits(const struct cache_demand *demand, const struct cache_trace *trace, const struct todo *todo)
{
    if (demand->from_store)
        return false;
    if (demand->max_age_ms >= 0 && trace->age_ms > demand->max_age_ms)
        return false;
    return trace->ttl_ms >= demand->min_fresh_ms && todo_version_is_met(&demand->least, todo);
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
