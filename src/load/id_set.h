/* SPDX-License-Identifier: MIT */
/*
 * A small set of ids, emptied and filled again for each batch.
 *
 * ownership  ids are borrowed until the set is reset
 * context    any (pure)
 */
#ifndef LOAD_ID_SET_H
#define LOAD_ID_SET_H

#include <stdbool.h>
#include <stddef.h>

enum { ID_SET_MAX = 1024, ID_SET_SLOTS = 4 * ID_SET_MAX };

struct id_set {
    const char *slots[ID_SET_SLOTS]; /* open addressing; NULL: free */
    size_t count;
};

void id_set_reset(struct id_set *set);
bool id_set_has(const struct id_set *set, const char *id);

/* False if the set has it already. At most ID_SET_MAX ids. */
bool id_set_add(struct id_set *set, const char *id);

#endif
