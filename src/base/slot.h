/* SPDX-License-Identifier: MIT */
/*
 * The slot of a key in a Redis Cluster: keys of one slot are on one server.
 * source   the Redis Cluster specification, "Key distribution model" and "Hash tags"
 * context  any (pure), but for slot_tag()
 */
#ifndef BASE_SLOT_H
#define BASE_SLOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum { SLOT_COUNT = 16384 };

/* A set of slots; all zero: none. */
struct slot_set {
    uint64_t words[SLOT_COUNT / 64];
};

static inline void slot_set_add(struct slot_set *set, unsigned slot)
{
    set->words[slot / 64] |= UINT64_C(1) << slot % 64;
}

static inline void slot_set_remove(struct slot_set *set, unsigned slot)
{
    set->words[slot / 64] &= ~(UINT64_C(1) << slot % 64);
}

/* Only those which are in both. */
static inline void slot_set_keep(struct slot_set *set, const struct slot_set *other)
{
    for (unsigned i = 0; i < SLOT_COUNT / 64; i++)
        set->words[i] &= other->words[i];
}

static inline bool slot_set_has(const struct slot_set *set, unsigned slot)
{
    return set->words[slot / 64] >> slot % 64 & 1;
}

static inline void slot_set_add_all(struct slot_set *set, const struct slot_set *more)
{
    for (unsigned i = 0; i < SLOT_COUNT / 64; i++)
        set->words[i] |= more->words[i];
}

static inline void slot_set_drop(struct slot_set *set, const struct slot_set *other)
{
    for (unsigned i = 0; i < SLOT_COUNT / 64; i++)
        set->words[i] &= ~other->words[i];
}

unsigned slot_set_count(const struct slot_set *set);

unsigned slot_of_key(struct slice key);

enum { SLOT_TAG_MAX = 6 };

/*
 * A hash tag, digits without braces, that falls into this slot: for keys that belong to a slot and to no id. Always the
 * same; text holds it.
 * context  loop only
 */
struct slice slot_tag(unsigned slot, char text[SLOT_TAG_MAX + 1]);

#endif
