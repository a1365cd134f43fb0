/* SPDX-License-Identifier: MIT */
/*
 * Entries in the machine's own memory (l1/): as Redis had them, or took them, under the epoch of their home.
 * context  loop only
 */
#ifndef CACHE_L1_ENTRY_H
#define CACHE_L1_ENTRY_H

#include "cache/entry.h"
#include "l1/table.h"

struct cache;

/* For l1_options: another number for another set of fields. */
uint64_t l1_entry_format(void);

/* Redis has this entry under this epoch, at a home that has held since note was taken. */
void l1_entry_keep(struct cache *cache, int64_t epoch, const struct l1_note *note, const char *id,
                   const struct entry *entry);

/* Fills in entry; its texts lie in copy. False: the L1 doesn't have it. */
bool l1_entry_find(struct cache *cache, int64_t epoch, const struct l1_note *note, const char *id, struct entry *entry,
                   struct l1_copy *copy);

#endif
