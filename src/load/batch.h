/* SPDX-License-Identifier: MIT */
/*
 * Some rows on their way from a reader to the store, bounded in number and in bytes.
 *
 * context  pool thread while it is filled or written, loop in between; never both
 */
#ifndef LOAD_BATCH_H
#define LOAD_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/todo.h"
#include "load/id_set.h"
#include "load/reader.h"
#include "store/store.h"

enum {
    BATCH_ROWS_MAX = 1000,     /* good and bad ones */
    BATCH_BYTES_MAX = 2 << 20, /* texts; the row that exceeds it is the last */
};

struct batch_reject {
    uint64_t row_number;
    struct slice raw;    /* in the arena; absent if it is not to be kept */
    struct slice reason; /* in the arena */
};

struct batch {
    struct arena arena;
    struct todo todos[BATCH_ROWS_MAX]; /* no id twice */
    const char *ids[BATCH_ROWS_MAX];   /* the todos' */
    uint64_t row_numbers[BATCH_ROWS_MAX];
    struct slice raws[BATCH_ROWS_MAX]; /* absent unless they are kept */
    enum status results[BATCH_ROWS_MAX];
    size_t count;
    struct batch_reject rejects[BATCH_ROWS_MAX];
    size_t reject_count;
    struct id_set id_set;
    uint64_t last_row_number;
    double fraction; /* of the input that was read by then */
    enum status end; /* OK: there may be more rows; NOT_FOUND: there are none; else the input can't be read further */
    struct error error; /* end's */
};

/* The source of batches: the reader, and a row that is kept back for the next batch. */
struct intake {
    struct reader *reader;
    size_t rows_max; /* of a batch, at most BATCH_ROWS_MAX */
    bool keep_raw;
    bool held;
    struct row row; /* kept back; in arena */
    struct arena arena;
};

void intake_init(struct intake *intake, struct reader *reader, size_t rows_max, bool keep_raw);
void intake_fini(struct intake *intake);

struct batch *batch_new(void);

/* NULL is fine. */
void batch_free(struct batch *batch);

/* Empties it and reads rows into it until it is full, a row has an id of this batch, or the input ends. */
void batch_fill(struct batch *batch, struct intake *intake);

/* Whether both hold some id. */
bool batch_overlaps(const struct batch *a, const struct batch *b);

#endif
