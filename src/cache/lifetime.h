/* SPDX-License-Identifier: MIT */
/*
 * The ages of a cached todo: when it is refreshed, when it ends, how long it is kept beyond that. context any (pure)
 */
#ifndef CACHE_LIFETIME_H
#define CACHE_LIFETIME_H

#include <stdbool.h>
#include <stdint.h>

#include "cache/cache.h"
#include "cache/entry.h"

struct lifetime {
    int64_t soft_ms; /* from this age on: answer it, refresh it in the background (soft TTL) */
    int64_t hard_ms; /* from this age on: never answer it while the store answers (hard TTL) */
    int64_t kept_ms; /* Redis forgets it: the hard TTL, and stale_if_error_s */
};

/* Of the entry of id that was filled at at_ms; jittered, the same for all who ask. */
struct lifetime lifetime_ms(const struct cache *cache, bool negative, const char *id, int64_t at_ms);

/*
 * Whether this reader should refresh the entry now: past its soft TTL always; before that with a probability that grows towards
 * the end, the sooner the dearer the entry was (XFetch: Vattani, Chierichetti, Lowenstein, VLDB 2015).
 */
bool lifetime_wants_refresh(const struct cache *cache, const struct lifetime *lifetime, const struct entry *entry,
                            int64_t age_ms);

#endif
