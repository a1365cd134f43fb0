/* SPDX-License-Identifier: MIT */
/*
 * Moving the cache's epoch on, on top of either kind of store.
 *
 * The epoch stands in every key of the cache, so one step leaves all entries behind at once: when a load went past the fences,
 * when an operator says so, when changes were made of which nothing is known. Who does this holds no lock. Of several that try
 * at the same time one moves it, and the others begin again from there: each must have moved it itself, for an entry may
 * have come in between another's step and this caller's reason.
 *
 * Workers read the record once a second (cache/link.c), so for that long they may go on under the old epoch.
 */
#include "store/store.h"

enum { TRIES = 10 };

enum status store_epoch_move(struct store *store, int64_t *epoch, struct error *error)
{
    for (int i = 0; i < TRIES; i++) {
        struct store_meta meta;
        enum status status = store_meta_get(store, &meta, error);
        if (status != STATUS_OK)
            return status;
        bool swapped;
        int64_t expected_epoch = meta.epoch++;
        status = store_meta_swap(store, expected_epoch, &meta, &swapped, error);
        *epoch = meta.epoch;
        if (status != STATUS_OK || swapped)
            return status;
    }
    return error_set(error, STATUS_BUSY, "the epoch was moved on by others %d times in a row", TRIES);
}
