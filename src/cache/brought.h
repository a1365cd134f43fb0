/* SPDX-License-Identifier: MIT */
/*
 * Records of the outbox that a drain has brought to a slot of a cluster, and that stay because another shard is away.
 * context  any (pure)
 */
#ifndef CACHE_BROUGHT_H
#define CACHE_BROUGHT_H

#include <stdbool.h>

#include "cache/home.h"
#include "store/store.h"

struct brought;

struct brought *brought_new(void);

/* NULL is fine. */
void brought_free(struct brought *brought);

/* In this pass over the outbox the record is there, and Redis has it, or has had it before. */
void brought_add(struct brought *brought, const struct store_fence *record, const struct home *goal);

/* Whether it was added in the last pass: the record as it is now, at this slot under this epoch. */
bool brought_has(const struct brought *brought, const struct store_fence *record, const struct home *goal);

/* The pass is over. If it was whole, what it has not met is gone; else nothing that was added in it counts. */
void brought_turn(struct brought *brought, bool is_whole);

/* Redis may have lost what was brought. */
void brought_forget(struct brought *brought);

#endif
