/* SPDX-License-Identifier: MIT */
/*
 * Which Redis of a cluster has which slots, and under which epochs: what the store's record keeps of it as a text
 * (store_slots_get()).
 *
 * A slot gets another epoch whenever it gets another owner, and keeps it as long as it keeps the owner. The text begins
 * with its serial, the epoch of the record that it was written with.
 * context  any (pure)
 */
#ifndef CACHE_SLOTS_H
#define CACHE_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slot.h"
#include "store/store.h"

enum { SLOTS_OWNERS_MAX = 128 };

/* All zero: no slot is anybody's. Some 150 KB. */
struct slots {
    char run_ids[SLOTS_OWNERS_MAX + 1][STORE_RUN_ID_MAX + 1]; /* of the owners; the first place stays empty */
    uint8_t owners[SLOT_COUNT];                               /* of each slot: a place in run_ids; 0: nobody */
    int64_t epochs[SLOT_COUNT];                               /* 0: nobody has the slot */
};

/*
 * False: no slot is anybody's, and all must be claimed anew, because the text is of another serial, is damaged, or was
 * never set. A record that has gone back to an earlier state (beat_is_lost()) has a whole text, but its epochs may have
 * entries of later states. So who moves the epoch on for that claims upon an empty table.
 */
bool slots_parse(struct slots *slots, struct slice text, int64_t serial);

/* Appends the text, at most STORE_SLOTS_MAX bytes. serial: the epoch of the record that it is to be swapped in with. */
void slots_print(const struct slots *slots, int64_t serial, struct buf *text);

/*
 * Gives the Redis those of the claimed slots that another one has, or nobody, under this epoch: above 0, and one that
 * was never used before. Returns how many. If there are SLOTS_OWNERS_MAX other owners, they lose all their slots, and
 * claim them anew. A run id with a blank in it is none, and gets nothing.
 */
size_t slots_claim(struct slots *slots, const struct slot_set *claims, const char *run_id, int64_t epoch);

/* Those that the Redis has. */
void slots_of(const struct slots *slots, const char *run_id, struct slot_set *set);

#endif
