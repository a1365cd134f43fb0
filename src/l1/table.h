/* SPDX-License-Identifier: MIT */
/*
 * The L1's table: values by id, in memory that all processes of a machine share, and a generation for each id.
 *
 * Whoever changes what a value was made from raises the id's generation. A value is found only under the generation
 * that its reader noted before it asked for the value. So a value that comes late, or was kept before a change, is
 * never found: no order between a keep and a raise can do harm.
 *
 * context  any thread of any process; nothing waits, and no lock is taken
 */
#ifndef L1_TABLE_H
#define L1_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct l1_table;

enum { L1_ENTRY_BYTES_MAX = 1344 };

/* Taken when a read begins, before it asks anybody for the value. */
struct l1_note {
    uint64_t name; /* a hash of the id */
    uint64_t generation;
};

/* Where a value that was found lies: it is copied, for others may write over it at any moment. */
struct l1_copy {
    uint64_t words[L1_ENTRY_BYTES_MAX / sizeof(uint64_t)];
};

enum l1_kept {
    L1_KEPT,
    L1_EVICTED, /* kept, and another id's value went for it */
    L1_REFUSED, /* the generation has been raised since the note was taken, or the value is too large */
};

/* If there is no table, or it keeps nothing: one under which nothing is kept, also if the table is opened meanwhile. */
struct l1_note l1_note(const struct l1_table *table, const char *id);

/* When it returns, no value of these ids is found that was noted before. NULL: there is no table. */
void l1_raise(struct l1_table *table, const char *const *ids, size_t id_count);

/* Whether it keeps values at all, or has generations alone. NULL: false. */
bool l1_keeps(const struct l1_table *table);

/* The value of id under this epoch; it lies in copy, at a multiple of 8 bytes. An absent slice: none. */
struct slice l1_find(struct l1_table *table, const struct l1_note *note, const char *id, int64_t epoch,
                     struct l1_copy *copy);

/* Keeps value, which was asked for after note was taken. It is copied. */
enum l1_kept l1_keep(struct l1_table *table, const struct l1_note *note, const char *id, int64_t epoch,
                     struct slice value);

#endif
