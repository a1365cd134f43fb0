/* SPDX-License-Identifier: MIT */
/*
 * Readers of the store's feed (store/feed.h), and those of them that wait until something changes.
 *
 * A reader is told all rows behind its place, as soon as there is one. However many wait, a worker asks the store for
 * them by one call each FEED_POLL_MS, and not at all while none waits.
 *
 * context  loop only
 */
#ifndef FEED_FEED_H
#define FEED_FEED_H

#include "base/events.h"
#include "store/feed.h"
#include "store/pool.h"

enum { FEED_POLL_MS = 200 };

struct feed;
struct feed_reader;

struct feed_answer {
    enum status status;          /* of store_feed_read() or the pool; the rest is valid if it is STATUS_OK */
    struct feed_place next;      /* where to go on */
    const struct feed_row *rows; /* borrowed until done returns */
    size_t count;                /* 0: the wait is over */
    const struct error *error;
};

/* Once, later. It may begin the next read with the same reader. */
typedef void (*feed_read_cb)(struct feed_reader *reader, const struct feed_answer *answer);

/* A member of the caller's own struct, which lives until done or feed_leave(). The caller fills in the first three. */
struct feed_reader {
    struct feed_place after; /* seq 0: only tells the latest place, as next */
    uint32_t wait_ms;        /* how long a row may take to come; 0: what is there by now */
    feed_read_cb done;
    struct feed *feed; /* the rest is the feed's own */
    struct feed_reader *prev, *next;
    struct feed_reader **list; /* that it is in; NULL: a call of the store is under way for it */
    struct feed_call *call;
    struct timer *timer; /* NULL: it doesn't wait */
};

struct feed_options {
    const struct events *events; /* these three borrowed */
    struct store *store;
    struct pool *pool;
};

struct feed *feed_new(const struct feed_options *options);

/* When there is no reader and no call of the store. NULL is fine. */
void feed_free(struct feed *feed);

void feed_read(struct feed *feed, struct feed_reader *reader);

/* The reader is forgotten: no done. */
void feed_leave(struct feed_reader *reader);

/* All waits are over at once, those to come as well. */
void feed_stop(struct feed *feed);

#endif
