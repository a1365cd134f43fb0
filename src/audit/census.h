/* SPDX-License-Identifier: MIT */
/*
 * Counts what Redis holds, by a bounded sample: one worker of a machine, every ten seconds. context  loop only
 */
#ifndef AUDIT_CENSUS_H
#define AUDIT_CENSUS_H

#include <stdint.h>

#include "base/census.h"
#include "cache/cache.h"

struct census_taker;

/* Both are borrowed for its life. */
struct census_taker *census_taker_new(struct cache *cache, struct census_board *board);

/* When the cache is freed, and with it the last of its calls; NULL is fine. */
void census_taker_free(struct census_taker *taker);

/* Once a second: begins to count if it is time. */
void census_taker_tend(struct census_taker *taker);

#endif
