/* SPDX-License-Identifier: MIT */
/*
 * How old an entry may grow.
 *
 *   0 ........ soft ............... hard ................ kept
 *   fresh      answered, and        a miss; answered      gone
 *              refreshed behind     only if the store
 *              the answer           is away
 *
 * Entries are true until a write that this service sees removes them. These ages bound what it does not see (foreign
 * writers), and spread the store's load.
 *
 * XFetch: each reader draws whether it refreshes now. The probability rises steeply as the end comes near, and is
 * scaled by what the entry cost to read. So one of many readers of a hot entry refreshes it early, and they never all
 * miss at once. Workers need not talk about it: if two draw together, the lease lets one of them read the store.
 *
 * Jitter is not random but a hash of the entry's name and fill time. So every reader of the entry can compute when it
 * expires, and Cache-Status can say so without a second command.
 *
 * A negative entry has one age alone: reading "there is none" again is cheap.
 */
#include "cache/lifetime.h"

#include <math.h>

#include "base/hash.h"
#include "base/random.h"

enum { DRAW_BITS = 32 };

int64_t lifetime_jittered_ms(int64_t ttl_ms, struct slice name, int64_t at_ms)
{
    uint64_t spread = (hash_bytes(name) ^ (uint64_t)at_ms * UINT64_C(0x9e3779b97f4a7c15)) >> 32;
    return ttl_ms - ttl_ms * (int64_t)(spread % 1000) / 10000;
}

struct lifetime lifetime_ms(const struct settings *settings, bool negative, const char *id, int64_t at_ms)
{
    int64_t ttl_s = negative ? settings->negative_ttl_s : settings->todo_ttl_s;
    struct lifetime lifetime = {.hard_ms = lifetime_jittered_ms(ttl_s * 1000, slice_of(id), at_ms)};
    lifetime.kept_ms = lifetime.hard_ms + (negative ? 0 : settings->stale_if_error_s * 1000);
    lifetime.soft_ms = lifetime.hard_ms;
    int64_t soft_ms = settings->todo_soft_ttl_s * 1000;
    if (!negative && soft_ms > 0 && soft_ms < lifetime.hard_ms)
        lifetime.soft_ms = soft_ms;
    return lifetime;
}

bool lifetime_wants_refresh(const struct settings *settings, const struct lifetime *lifetime, int64_t cost_ms,
                            int64_t age_ms)
{
    int64_t beta = settings->xfetch_beta;
    if (age_ms >= lifetime->soft_ms)
        return true;
    if (beta == 0 || cost_ms <= 0)
        return false;
    /*
     * -log of a number drawn evenly from (0, 1] is at most 32 log 2, below 23: a reader farther from the end need not
     * draw.
     */
    int64_t left_ms = lifetime->soft_ms - age_ms;
    if (left_ms > cost_ms * beta * 23)
        return false;
    double drawn = (double)(random_below(UINT64_C(1) << DRAW_BITS) + 1) / (double)(UINT64_C(1) << DRAW_BITS);
    return (double)cost_ms * (double)beta * -log(drawn) >= (double)left_ms;
}

int64_t lifetime_generation_ms(const struct settings *settings)
{
    return 2 * settings->list_ttl_s * 1000;
}
