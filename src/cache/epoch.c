/* SPDX-License-Identifier: MIT */
/*
 * Putting all entries out of reach at once.
 *
 * The epoch is part of every key, and kept in the store. To move it on needs neither Redis nor any worker: each worker
 * reads the store's record once a second (trust.c), and from then on makes and finds keys of the new epoch only. Redis
 * expires the entries of the old one by their TTL.
 *
 * An epoch must never come twice, even if the store forgets it: a store that was restored, emptied or replaced would
 * bring the entries of the old epoch back. So its number has time and chance in it (serial_next()). It is greater than
 * the one that it replaces even if this machine's clock is behind, so workers can tell which of two came first.
 *
 * Used when it is unknown which entries are old: after a load without Redis, when the history of others' changes is
 * lost, and when an operator wants it (todoctl purge --all). trust.c moves it by itself when it meets another Redis,
 * because then the record's run id changes too.
 *
 * Caches in front are told to forget all, by a record that is due when every worker must have noticed. The record is
 * made before the move. If the process is killed in between, those caches are purged without need, and nothing worse.
 */
#include "cache/epoch.h"

#include "base/clock.h"
#include "base/random.h"

enum { EPOCH_NOTICED_MS = 2000, EPOCH_TRIES = 8 };

static enum status purge_all_later(const struct settings *settings, const struct purger *purger, struct error *error)
{
    int64_t noticed_ms = EPOCH_NOTICED_MS + 2 * settings->store_timeout_ms;
    return purger ? purger_record_all(purger, clock_wall_ms() + noticed_ms, error) : STATUS_OK;
}

/* The run id stays: it says which Redis the epoch belongs to, and that does not change. */
static enum status epoch_try(struct store *store, int64_t *epoch, bool *moved, struct error *error)
{
    struct store_meta last;
    enum status status = store_meta_get(store, &last, error);
    if (status != STATUS_OK)
        return status;
    struct store_meta next = last;
    *epoch = next.epoch = next.beat = serial_next(last.epoch, clock_wall_ms());
    return store_meta_swap(store, &last, &next, moved, error);
}

enum status epoch_move(struct store *store, const struct settings *settings, const struct purger *purger,
                       int64_t *epoch, struct error *error)
{
    bool moved = false;
    enum status status = purge_all_later(settings, purger, error);
    for (int tries = 0; status == STATUS_OK && !moved && tries < EPOCH_TRIES; tries++)
        status = epoch_try(store, epoch, &moved, error);
    if (status == STATUS_OK && !moved)
        return error_set(error, STATUS_BUSY, "the epoch was moved on by others %d times in a row", EPOCH_TRIES);
    return status;
}
