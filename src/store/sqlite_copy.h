/* SPDX-License-Identifier: MIT */
/*
 * Copies of whole SQLite files. Private to store/sqlite*.c. context  pool thread, may block
 */
#ifndef STORE_SQLITE_COPY_H
#define STORE_SQLITE_COPY_H

#include "base/error.h"

/*
 * Makes the file `to`, a copy of the present state of `from`, which others may use meanwhile. It is sound, synced and
 * has no file beside it. If it was there, it is replaced; what a process left there that was killed, too.
 * errors  STATUS_INVALID: `from` is no file of todos, or damaged; STATUS_UNAVAILABLE
 */
enum status sqlite_copy(const char *from, const char *to, struct error *error) STATUS_MUST_CHECK;

/* Removes a file and those that SQLite and the writers' turns have beside it. */
void sqlite_copy_remove(const char *path);

#endif
