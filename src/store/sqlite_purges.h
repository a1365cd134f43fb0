/* SPDX-License-Identifier: MIT */
/*
 * Purges that no cache in front has acknowledged yet, in SQLite. The contracts are those of store.h.
 */
#ifndef STORE_SQLITE_PURGES_H
#define STORE_SQLITE_PURGES_H

#include "store/sqlite.h"
#include "store/store.h"

enum status sqlite_purge_put(struct sqlite_file *file, const struct store_purge *purges, size_t count,
                             struct error *error) STATUS_MUST_CHECK;
enum status sqlite_purge_list(struct sqlite_file *file, const struct store_purge_query *query, struct arena *arena,
                              struct store_purge *purges, size_t *count, struct error *error) STATUS_MUST_CHECK;
enum status sqlite_purge_remove(struct sqlite_file *file, const struct store_purge *purges, size_t count,
                                struct error *error) STATUS_MUST_CHECK;

#endif
