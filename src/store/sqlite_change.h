/* SPDX-License-Identifier: MIT */
/*
 * Changes of one todo under a condition, in SQLite. The contract is that of store_change().
 */
#ifndef STORE_SQLITE_CHANGE_H
#define STORE_SQLITE_CHANGE_H

#include "store/sqlite.h"
#include "store/store.h"

enum status sqlite_change(struct sqlite_file *file, const struct store_change *change, struct arena *arena,
                          struct store_changed *changed, struct error *error) STATUS_MUST_CHECK;

#endif
