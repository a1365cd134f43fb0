/* SPDX-License-Identifier: MIT */
/*
 * A shelf of idle things, one user each at a time. Private to sqlite.c and sqlite_file.c, whose things are connections.
 * context  any thread
 */
#ifndef STORE_SQLITE_SHELF_H
#define STORE_SQLITE_SHELF_H

#include <pthread.h>
#include <stdint.h>

/* Stands inside the thing. */
struct shelved {
    struct shelved *next;
};

struct shelf {
    pthread_mutex_t lock;
    pthread_cond_t returned;
    struct shelved *idle;
};

void shelf_init(struct shelf *shelf);
void shelf_fini(struct shelf *shelf);

/* Waits until the monotonic time until_ms for one that comes back. NULL: none did. */
struct shelved *shelf_take(struct shelf *shelf, int64_t until_ms);
void shelf_put(struct shelf *shelf, struct shelved *item);

#endif
