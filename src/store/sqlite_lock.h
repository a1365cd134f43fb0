/* SPDX-License-Identifier: MIT */
/*
 * Which other process holds the write lock of an SQLite file in WAL mode, and since when. Private to sqlite.c
 * and sqlite_file.c.
 *
 * context  any thread, never blocks
 */
#ifndef STORE_SQLITE_LOCK_H
#define STORE_SQLITE_LOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct sqlite_lock {
    pthread_mutex_t mutex; /* guards the rest */
    int index_fd;          /* sqlite's own descriptor of the WAL's index; -1: not known */
    bool is_held;          /* by another process, in every look since since_ms */
    pid_t pid;             /* of that process; 0: it is in another container */
    int64_t since_ms;      /* monotonic, as the next one */
    int64_t looked_ms;     /* the last look */
    bool was_logged;
};

void sqlite_lock_init(struct sqlite_lock *lock);
void sqlite_lock_fini(struct sqlite_lock *lock);

/* Finds the WAL's index of the file among the descriptors of this process, where an open connection has it. */
void sqlite_lock_find(struct sqlite_lock *lock, const char *path);
void sqlite_lock_lose(struct sqlite_lock *lock); /* when the connections are closed */

/* Called again and again while this process waits for the write lock. */
void sqlite_lock_look(struct sqlite_lock *lock);

/* This process has got the write lock. Logs that if sqlite_lock_refused() logged the holder. */
void sqlite_lock_taken(struct sqlite_lock *lock);

/*
 * A call that has waited for the lock since begun_ms has failed. If one process held it all the while, text names that
 * process and the result is true. The log gets one line per occurrence.
 */
bool sqlite_lock_refused(struct sqlite_lock *lock, int64_t begun_ms, char *text, size_t size_bytes);

#endif
