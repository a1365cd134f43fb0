/* SPDX-License-Identifier: MIT */
/*
 * The slots of a cluster that are a Redis' own: its primary claims them, and the store's record gives them to it.
 */
#ifndef CACHE_CLAIM_H
#define CACHE_CLAIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slot.h"
#include "cache/beat.h"
#include "cache/grants.h"
#include "store/store.h"

/* All zero: nothing is known. */
struct claim {
    struct slot_set claims;              /* what its primary names as its own */
    char run_id[STORE_RUN_ID_MAX + 1];   /* its identity */
    int64_t serial;                      /* the record's epoch that own was read under; 0: it was not */
    struct slot_epochs own;              /* of the claims */
    struct slot_set last;                /* what it named when they were read */
    int64_t contested_at_ms[SLOT_COUNT]; /* monotonic: since when the record gives it to another one; 0: it does not */
    size_t taken_count;                  /* these two: of the last claim_take(): slots that were given to it then */
    const char *taken_for;               /* why all others' were given up; NULL: they were not */
};

/*
 * Reads the record, which becomes *meta, and gives the Redis those of its claims that another one has, or nobody: under
 * one new epoch, which is the record's from then on. Slots of others keep their epochs. But if the record is of an
 * earlier state of the store than known, all slots are given up. Nothing of it is done if the record is as it was.
 *
 * known    the latest state of the record that this worker, or Redis, has seen (beat.h)
 * errors   the store's; STATUS_BUSY: others changed the record at the same time, again and again
 * context  pool thread, may block
 */
enum status claim_take(struct claim *claim, struct store *store, const struct beat *known, struct store_meta *meta,
                       struct error *error) STATUS_MUST_CHECK;

/*
 * Its own slots by age, the one with the earliest epoch first, and of one epoch the lowest: the one behind last (-1:
 * the first). -1: there is none. context any (pure)
 */
int claim_next_oldest(const struct claim *claim, int last);

#endif
