/* SPDX-License-Identifier: MIT */
/*
 * How old an entry may grow.
 *
 *   0 ........ soft ............... hard ................ kept
 *   fresh      answered, and        a miss; answered      gone
 *              refreshed behind     only if the store
 *              the answer           is away
 *
 * Entries are true until a write that this service sees removes them; these ages are for what it doesn't see (foreign
 * writers), and for keeping the store's load even.
 *
 * XFetch: each reader draws whether it refreshes now, with a probability that rises steeply as the end comes near, scaled by what
 * the entry cost to read; so of many readers of a hot entry one does it early, and they never all miss at once. It needs no
 * talk between workers, and the lease keeps two that draw together from both reading the store.
 *
 * A negative entry has one age alone: it costs nothing to find out again.
 */
#include "cache/lifetime.h"

#include <math.h>

#include "base/random.h"
#include "cache/cache_state.h"

enum { DRAW_BITS = 32 };

struct lifetime lifetime_ms(const struct cache *cache, bool negative, const char *id, int64_t at_ms)
{
    const struct settings *settings = cache->options.settings;
    int64_t ttl_s = negative ? settings->negative_ttl_s : settings->todo_ttl_s;
    struct lifetime lifetime = {.hard_ms = entry_ttl_ms(ttl_s * 1000, slice_of(id), at_ms)};
    lifetime.kept_ms = lifetime.hard_ms + (negative ? 0 : settings->stale_if_error_s * 1000);
    lifetime.soft_ms = lifetime.hard_ms;
    int64_t soft_ms = settings->todo_soft_ttl_s * 1000;
    if (!negative && soft_ms > 0 && soft_ms < lifetime.hard_ms)
        lifetime.soft_ms = soft_ms;
    return lifetime;
}

bool lifetime_wants_refresh(const struct cache *cache, const struct lifetime *lifetime, const struct entry *entry,
                            int64_t age_ms)
{
    int64_t beta = cache->options.settings->xfetch_beta;
    if (entry->negative)
        return false;
    if (age_ms >= lifetime->soft_ms)
        return true;
    if (beta == 0 || entry->cost_ms <= 0)
        return false;
    /* -log of a number drawn evenly from (0, 1] is at most 32 log 2, below 23: who is farther from the end need not draw. */
    int64_t left_ms = lifetime->soft_ms - age_ms;
    if (left_ms > entry->cost_ms * beta * 23)
        return false;
    double drawn = (double)(random_below(UINT64_C(1) << DRAW_BITS) + 1) / (double)(UINT64_C(1) << DRAW_BITS);
    return (double)entry->cost_ms * (double)beta * -log(drawn) >= (double)left_ms;
}
