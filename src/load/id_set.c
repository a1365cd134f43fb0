/* SPDX-License-Identifier: MIT */
/*
 * Which ids a batch holds, so that no id is in two writes at once.
 *
 * Rows of a file may carry the same id. In one fenced write each id may stand only once, and of two writes under way either may
 * come first, so "the last row wins" needs them one after another. The load asks this set, for each row as it comes, and for
 * each batch before it is sent.
 *
 * A table of fixed size, a quarter full at most, probed in a line: a few nanoseconds per id, no allocation.
 *
 * What it does not do: remove single ids, grow, or keep the ids themselves.
 */
#include "load/id_set.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

/* The slot that holds id, or the free one where it belongs. */
static size_t id_set_slot(const struct id_set *set, const char *id)
{
    size_t slot = hash_bytes(slice_of(id)) % ID_SET_SLOTS;
    while (set->slots[slot] && strcmp(set->slots[slot], id) != 0)
        slot = (slot + 1) % ID_SET_SLOTS;
    return slot;
}

void id_set_reset(struct id_set *set)
{
    memset(set, 0, sizeof(*set));
}

bool id_set_has(const struct id_set *set, const char *id)
{
    return set->count > 0 && set->slots[id_set_slot(set, id)] != NULL;
}

bool id_set_add(struct id_set *set, const char *id)
{
    size_t slot = id_set_slot(set, id);
    if (set->slots[slot])
        return false;
    bug_unless(set->count < ID_SET_MAX, "more ids than the set has room for");
    set->slots[slot] = id;
    set->count++;
    return true;
}
