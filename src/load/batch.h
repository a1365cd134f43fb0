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
    BATCH_BYTES_MAX = 2 << 20, /* texts; the row that goes beyond is the last */
};

struct batch_reject {
    uint64_t row_number;
    struct slice raw;    /* in the arena; absent if it is not to be kept */
    struct slice reason; /* in the arena */
};

struct batch {
    struct arena arena;
    struct todo todos[BATCH_ROWS_MAX]; /* no id twice */
    const char *ids[BATCH_ROWS_MAX];   /* theirs */
    uint64_t row_numbers[BATCH_ROWS_MAX];
    struct slice raws[BATCH_ROWS_MAX]; /* absent unless they are kept */
    enum status results[BATCH_ROWS_MAX];
    size_t count;
    struct batch_reject rejects[BATCH_ROWS_MAX];
    size_t reject_count;
    struct id_set id_set;
    uint64_t last_row_number;
    double fraction;    /* of the input that was read then */
    enum status end;    /* OK: there may be more; NOT_FOUND: there is not; else the input can't be read on */
    struct error error; /* end's */
};

/* Where batches are filled from: the reader, and a row that is held over from one batch to the next. */
struct intake {
    struct reader *reader;
    bool keep_raw;
    bool held;
    struct row row; /* held; in arena */
    struct arena arena;
};

void intake_init(struct intake *intake, struct reader *reader, bool keep_raw);
void intake_fini(struct intake *intake);

struct batch *batch_new(void);

/* NULL is fine. */
void batch_free(struct batch *batch);

/* Empties it and reads rows into it until it is full, an id comes for the second time, or the input ends. */
void batch_fill(struct batch *batch, struct intake *intake);

/* Whether both hold some id. */
bool batch_overlaps(const struct batch *a, const struct batch *b);

/*
 * Writes the todos; results are valid if STATUS_OK is returned.
 *
 * sent_before  an earlier attempt at this very batch ended without results, so that some rows may be in: in INSERT mode a row
 *              whose id is taken is looked up, and counts as written if the stored one is the same.
 */
enum status batch_write(struct batch *batch, struct store *store, enum store_load_mode mode, bool sent_before,
                        struct error *error) STATUS_MUST_CHECK;

#endif
