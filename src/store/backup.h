/* SPDX-License-Identifier: MIT */
/*
 * Copies of a store in a file, and the way back. SQLite alone has them; a server has tools of its own.
 *
 * context  pool thread, may block for as long as a copy of all todos takes
 * errors   STATUS_UNSUPPORTED: not this kind of store; STATUS_INVALID: the file is no backup of todos;
 *          STATUS_UNAVAILABLE: it can't be read or written, nothing was changed
 */
#ifndef STORE_BACKUP_H
#define STORE_BACKUP_H

#include "store/store.h"

/* Writes the store's present state to a file, while others write. The file is there as a whole or not at all. */
enum status store_backup(struct store *store, const char *file, struct error *error) STATUS_MUST_CHECK;

struct store_restore {
    const char *file;
    /* Runs in the same transaction, behind all else, and its calls of the store belong to it: to move the epoch on. */
    enum status (*also)(void *ctx, struct error *error);
    void *ctx;
    int64_t count; /* todos that the backup had */
};

/*
 * Puts todos and kept answers of a backup in the place of the store's, in one transaction. What the store knows of its
 * caches stays: epoch, outbox, purges. Each todo begins a new life, so nothing that a client or a cache holds of a
 * todo, from before the backup or after it, matches the restored one.
 * errors  STATUS_UNKNOWN: as of any commit
 */
enum status store_restore(struct store *store, struct store_restore *restore, struct error *error) STATUS_MUST_CHECK;

#endif
