/* SPDX-License-Identifier: MIT */
/*
 * The ages of a cached todo: when it is refreshed, when it ends, how long it is kept beyond that. context any (pure)
 */
#ifndef CACHE_LIFETIME_H
#define CACHE_LIFETIME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/settings.h"
#include "base/slice.h"

struct lifetime {
    int64_t soft_ms; /* from this age on: answer it, refresh it in the background (soft TTL) */
    int64_t hard_ms; /* from this age on: never answer it while the store answers (hard TTL) */
    int64_t kept_ms; /* Redis forgets it: the hard TTL, and stale_if_error_s */
};

/* Of the entry of id that was filled at at_ms; jittered, the same for every reader. */
struct lifetime lifetime_ms(const struct settings *settings, bool negative, const char *id, int64_t at_ms);

/*
 * Whether this reader should refresh the entry now. Past its soft TTL: always. Before that: with a probability that
 * grows towards the end, and grows earlier if the entry cost more to read.
 *
 * cost_ms  that the store took for it
 * source   XFetch: Vattani, Chierichetti, Lowenstein, VLDB 2015
 */
bool lifetime_wants_refresh(const struct settings *settings, const struct lifetime *lifetime, int64_t cost_ms,
                            int64_t age_ms);

/* ttl_ms less up to a tenth, by name and fill time: entries that were filled together do not expire together. */
int64_t lifetime_jittered_ms(int64_t ttl_ms, struct slice name, int64_t at_ms);

/* Of a list's generation: twice a page's, so that no page outlives its generation because no reader came. */
int64_t lifetime_generation_ms(const struct settings *settings);

#endif
