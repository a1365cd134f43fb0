/* SPDX-License-Identifier: MIT */
/*
 * Waiting until queued writes are settled: queue_await().
 * context  loop only
 */
#ifndef QUEUE_WAIT_H
#define QUEUE_WAIT_H

#include "base/events.h"
#include "queue/journal.h"

struct watched;
struct queue_wait;

/* Stands inside the queue. */
struct wait_list {
    const struct events *events; /* borrowed */
    struct journal *journal;     /* borrowed */
    struct timer *timer;
    struct watched *tickets;
};

void wait_list_init(struct wait_list *list, const struct events *events, struct journal *journal);

/* When nobody waits any more, and after the journal. */
void wait_list_fini(struct wait_list *list);

/* As queue_await(). */
struct queue_wait *wait_list_add(struct wait_list *list, struct ticket ticket, int64_t until_ms, journal_find_cb done,
                                 void *ctx);

/* As queue_leave(). */
void wait_leave(struct queue_wait *wait);

#endif
