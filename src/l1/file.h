/* SPDX-License-Identifier: MIT */
/*
 * The memory of the L1's table: a file that all processes of a machine map, or memory of one process.
 *
 * context  before the loop runs; may block
 */
#ifndef L1_FILE_H
#define L1_FILE_H

#include "base/error.h"
#include "l1/table.h"

struct l1_options {
    const char *path;   /* NULL: memory of this process alone, without a file */
    const char *beside; /* a file whose mode and owner a new file gets, as far as it may; NULL, or absent: 0640 */
    uint64_t format;    /* what values are like: those of another format are not found */
    size_t mbytes;      /* for values, beside the generations; 0: none are kept. Processes may differ in it */
};

/*
 * Opens the table, and makes its file if there is none. The first process that has the file open empties it.
 * errors  STATUS_UNAVAILABLE: it can't be opened, there is no room, or it is another program's or another version's
 */
enum status l1_open(struct l1_table **table, const struct l1_options *options, struct error *error) STATUS_MUST_CHECK;

/* NULL is fine. */
void l1_close(struct l1_table *table);

#endif
