/* SPDX-License-Identifier: MIT */
/*
 * Putting all entries out of reach at once.
 *
 * The epoch is part of every key, and kept in the store. Who moves it on need not reach Redis, nor any worker: each worker reads
 * the store's record once a second (link.c), and from then on makes and finds keys of the new epoch only. What is left of the
 * old one runs out by its TTL.
 *
 * Used when nobody can say which entries are old: after a load without Redis, when the history of others' changes is lost, and
 * when a person wants it (todoctl purge --all). link.c moves it by itself when it meets another Redis, for then the record's run
 * id changes too.
 *
 * Caches in front are told to forget all, by a record that is due when every worker must have noticed; it is made before the move,
 * so who is killed in between has them purged for nothing, at worst.
 */
#include "base/clock.h"
#include "cache/cache_state.h"
#include "cache/purge.h"

enum { EPOCH_NOTICED_MS = 2000, EPOCH_TRIES = 8 };

static enum status purge_all_later(const struct cache *cache, struct error *error)
{
    int64_t noticed_ms = EPOCH_NOTICED_MS + 2 * cache->options.settings->store_timeout_ms;
    return cache->purge ? purge_record_all(cache->purge, clock_wall_ms() + noticed_ms, error) : STATUS_OK;
}

/* The run id stays: it says which Redis the epoch belongs to, and that doesn't change. */
static enum status epoch_try(struct store *store, int64_t *epoch, bool *moved, struct error *error)
{
    struct store_meta meta;
    enum status status = store_meta_get(store, &meta, error);
    if (status != STATUS_OK)
        return status;
    *epoch = ++meta.epoch;
    return store_meta_swap(store, meta.epoch - 1, &meta, moved, error);
}

enum status cache_move_epoch(const struct cache *cache, int64_t *epoch, struct error *error)
{
    bool moved = false;
    enum status status = purge_all_later(cache, error);
    for (int tries = 0; status == STATUS_OK && !moved && tries < EPOCH_TRIES; tries++)
        status = epoch_try(cache->options.store, epoch, &moved, error);
    if (status == STATUS_OK && !moved)
        return error_set(error, STATUS_BUSY, "the epoch was moved on by others %d times in a row", EPOCH_TRIES);
    return status;
}
