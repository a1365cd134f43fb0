/* SPDX-License-Identifier: MIT */
/*
 * The memory of the L1's table: a file that all processes of a machine map, or memory of one process.
 */
#ifndef L1_FILE_H
#define L1_FILE_H

#include "base/error.h"
#include "l1/table.h"

struct l1_options {
    const char *database; /* the file is FILE-l1, with its mode and owner; these two NULL: memory of this process */
    const char *path;     /* the file, of this user alone, which the last one that has it open removes */
    bool needs_licence;   /* other machines may have L1s on the same Redis: licence.h */
    uint64_t format;      /* what values are like: those of another format are not found */
    size_t mbytes;        /* for values, beside the generations; 0: none are kept. Processes may differ in it */
};

/* A table that is not open yet: it has no values, and remembers whether it missed a raise. context  loop only */
struct l1_table *l1_new(const struct l1_options *options);

/*
 * Opens it, and makes the file if there is none; nothing if it is open. Nobody may call the store before. The first
 * process that has the file open empties it.
 *
 * errors   STATUS_UNAVAILABLE: it can't be opened, there is no room, or it is another program's or another version's
 * context  any thread, may block
 */
enum status l1_open(struct l1_table *table, struct error *error) STATUS_MUST_CHECK;

/* When nobody uses it; NULL is fine. context  loop only */
void l1_free(struct l1_table *table);

#endif
