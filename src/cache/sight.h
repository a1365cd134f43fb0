/* SPDX-License-Identifier: MIT */
/*
 * When the store was last seen whole: its record was read, and then the outbox drained. context loop only
 */
#ifndef CACHE_SIGHT_H
#define CACHE_SIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "cache/options.h"

/* All zero: never. */
struct sight {
    int64_t began_at_ms; /* loop time: when the record was read before the drain that runs */
    int64_t at_ms;       /* loop time: when the last good look began */
    bool is_lost;        /* that was more than 2 s ago, as far as was noticed: hits may lack others' writes */
};

/* A drain begins; it was done. */
void sight_begin(struct sight *sight, int64_t read_at_ms);
void sight_end(struct sight *sight, int64_t epoch);

/* Once a second. False: it was not seen for longer than hits_without_store_s. */
bool sight_may_trust(struct sight *sight, const struct cache_options *options);

#endif
