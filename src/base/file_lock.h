/* SPDX-License-Identifier: MIT */
/*
 * Locks on single bytes of a file, by which processes tell each other that they are there.
 *
 * A lock belongs to the open file (Linux' F_OFD_SETLK), not to the process: closing another descriptor of the same file
 * drops nothing, and the kernel drops it when the process ends in any way.
 * context  any thread
 */
#ifndef BASE_FILE_LOCK_H
#define BASE_FILE_LOCK_H

#include <stdbool.h>
#include <stddef.h>

/* type: F_RDLCK (shared), F_WRLCK (alone) or F_UNLCK. False: others have it, and wait is false; or errno says why. */
bool file_lock(int fd, short type, size_t byte, bool wait);

/* Whether another open file has a lock on the byte; our own don't count. */
bool file_is_locked(int fd, size_t byte);

/* Whether path still leads to the file that fd has open: it may have been removed or replaced before the lock. */
bool file_is_at(int fd, const char *path);

#endif
