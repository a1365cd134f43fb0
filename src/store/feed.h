/* SPDX-License-Identifier: MIT */
/*
 * The feed: which todos changed, by any program, in the store's own order.
 *
 * A row is one committed change. Its place is a number, one more than that of the row before, and a mark by chance. So
 * a reader that names the last row it has seen learns every row behind it, each once; or that it must start over,
 * because the store does not have that very row: it keeps the latest rows only, or it has gone back to an earlier
 * state. A row of kind FEED_START begins a history of which nothing earlier is known.
 *
 * context  pool thread, may block
 * errors   of all: STATUS_UNSUPPORTED: the store has no feed, and the text says why; STATUS_UNAVAILABLE
 */
#ifndef STORE_FEED_H
#define STORE_FEED_H

#include "store/follow.h"
#include "store/store.h"

enum { STORE_FEED_MAX = 200 };

enum feed_kind { FEED_START, FEED_CREATED, FEED_UPDATED, FEED_DELETED };

struct feed_place {
    int64_t seq; /* 1 or more; 0: no place */
    uint32_t mark;
};

struct feed_row {
    struct feed_place place;
    enum feed_kind kind;
    char id[TODO_ID_MAX + 1];
    int64_t v;    /* the state that the change made; 0: not known, or there is none */
    int64_t life; /* 0: not known */
};

struct feed_rows {
    size_t count;
    bool more; /* there may be rows behind the last one */
    struct feed_row items[STORE_FEED_MAX];
};

/* The place of the latest row. STATUS_MISMATCH: there is none yet. */
enum status store_feed_last(struct store *store, struct feed_place *last, struct error *error) STATUS_MUST_CHECK;

/*
 * Reads the rows behind a place, in their order and without a gap.
 * errors  STATUS_NOT_FOUND: the store does not have this row, or a new history begins right behind it
 */
enum status store_feed_read(struct store *store, const struct feed_place *after, struct feed_rows *rows,
                            struct error *error) STATUS_MUST_CHECK;

/*
 * Adds what a change stream has told; only for stores that don't write their feed themselves. Rows that are there
 * already stay, so a call may be repeated.
 *
 * after_seq  the number of the row before the first one
 * changes    NULL: instead of changes, a row that begins a history
 * errors     STATUS_UNKNOWN: some rows may have been added
 */
enum status store_feed_add(struct store *store, int64_t after_seq, const struct store_changes *changes,
                           struct error *error) STATUS_MUST_CHECK;

#endif
