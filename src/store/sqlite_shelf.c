/* SPDX-License-Identifier: MIT */
/*
 * Idle things under a mutex, and a condition that wakes one waiting thread for each thing that comes back.
 *
 * The thing that came back last is taken first: its memory is still warm. Waiting threads are not served in the order
 * in which they came.
 */
#include "store/sqlite_shelf.h"

#include <stdbool.h>
#include <time.h>
#include <utlist.h>

void shelf_init(struct shelf *shelf)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&shelf->lock, NULL);
    pthread_cond_init(&shelf->returned, &attributes);
    pthread_condattr_destroy(&attributes);
}

void shelf_fini(struct shelf *shelf)
{
    pthread_cond_destroy(&shelf->returned);
    pthread_mutex_destroy(&shelf->lock);
}

struct shelved *shelf_take(struct shelf *shelf, int64_t until_ms)
{
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    bool timed_out = false;
    pthread_mutex_lock(&shelf->lock);
    while (!shelf->idle && !timed_out)
        timed_out = pthread_cond_timedwait(&shelf->returned, &shelf->lock, &until) != 0;
    struct shelved *item = shelf->idle;
    if (item)
        LL_DELETE(shelf->idle, item);
    pthread_mutex_unlock(&shelf->lock);
    return item;
}

void shelf_put(struct shelf *shelf, struct shelved *item)
{
    pthread_mutex_lock(&shelf->lock);
    LL_PREPEND(shelf->idle, item);
    pthread_cond_signal(&shelf->returned);
    pthread_mutex_unlock(&shelf->lock);
}
