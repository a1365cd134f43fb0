/* SPDX-License-Identifier: MIT */
/*
 * Copies of whole SQLite files. Private to store/sqlite*.c. context  pool thread, may block
 */
#ifndef STORE_SQLITE_COPY_H
#define STORE_SQLITE_COPY_H

#include "base/error.h"

/*
 * Makes the file `to`, a copy of the present state of `from`, which others may use meanwhile. It is sound, synced and
 * has no file beside it. What a process left there that was killed is replaced.
 *
 * lock_fd  no other process makes a copy there until the caller closes it, after any outcome; -1: there is none
 * errors   STATUS_INVALID: `from` is no file of todos, or damaged; STATUS_BUSY: another process makes a copy there;
 *          STATUS_UNAVAILABLE
 */
enum status sqlite_copy(const char *from, const char *to, int *lock_fd, struct error *error) STATUS_MUST_CHECK;

/* Removes a file and those that SQLite and the writers' turns have beside it. */
void sqlite_copy_remove(const char *path);

#endif
