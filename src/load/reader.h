/* SPDX-License-Identifier: MIT */
/*
 * The interface between the sources of rows and the load: a reader gives one row after another, in any format.
 *
 * format.h makes the reader for a file; faker.h makes one that needs no file.
 * context  pool thread, may block; one user at a time; reader_cancel from any thread
 */
#ifndef LOAD_READER_H
#define LOAD_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"
#include "base/todo.h"
#include "load/row.h"
#include "load/source.h"

struct row {
    uint64_t number;  /* from 1: the line (JSON lines), the record behind the header (CSV), the document (BSON) */
    struct slice raw; /* the record as it was read, borrowed until the next call; absent if it was too long to keep */
    struct todo todo; /* texts in the arena */
};

struct reader;

struct reader_ops {
    const char *format;     /* "JSON lines", ... */
    const char *record_end; /* the bytes that end a raw record in a file of records; "" for binary ones */
    enum status (*next)(struct reader *reader, struct arena *arena, struct row *row, struct error *error);
    void (*free)(struct reader *reader); /* the reader's own memory, itself included */
};

/* A kind's own struct contains this one. */
struct reader {
    const struct reader_ops *ops;
    struct source *source;  /* owned; NULL: made up rows */
    struct row_maker maker; /* its notes name the members that were ignored */
    uint64_t row_number;    /* of the last row */
    uint64_t row_total;     /* rows that will come; 0: unknown */
    bool ids_unique;        /* the reader makes ids that differ */
    struct slice head;      /* the first bytes of a file of rejected records (CSV: the header); owned by the reader */
};

/* NULL is fine. */
void reader_close(struct reader *reader);

/*
 * The next row. Its number and raw are set for bad rows as well.
 * errors  STATUS_INVALID: this row is bad, the next may be good; STATUS_NOT_FOUND: there are no more;
 *         STATUS_UNAVAILABLE: the rest of the input can't be read
 */
enum status reader_next(struct reader *reader, struct arena *arena, struct row *row,
                        struct error *error) STATUS_MUST_CHECK;

/* How much of the input is read, 0 to 1; negative: unknown. */
double reader_fraction(const struct reader *reader);

/* Makes a waiting read give up soon. */
void reader_cancel(struct reader *reader);

/* For the kinds: the error for a record that is too long. */
enum status reader_too_long(struct error *error);

#endif
