/* SPDX-License-Identifier: MIT */
/*
 * The protocol with one rule left out: the tests' history checker must notice each. Each mutant is a switch of
 * base/failpoint.h and is called where the rule is kept. A build without failpoints contains none of it.
 * context  loop only
 */
#ifndef CACHE_MUTANT_H
#define CACHE_MUTANT_H

#include <stddef.h>

#include "base/failpoint.h"
#include "base/slice.h"
#include "redis/redis.h"

#ifdef FAILPOINTS_ENABLED

/* FILL_WITHOUT_LEASE, before a fill: makes the lease this reader's, even if another has it or a write deleted it. */
void mutant_steal_lease(struct redis *redis, struct slice lease_key, struct slice token);

/* ACQUIRE_IGNORE_WRITERS: the key in which acquire looks for writers. */
struct slice mutant_writers(struct slice entry_key, struct slice writers_key);

/* PUBLISH_IGNORE_OVERLAP, after a publish: the entry is stored, whatever publish.lua said. fields are HSET's. */
void mutant_publish_anyway(struct redis *redis, struct slice entry_key, const struct slice *fields, size_t count);

/* LOST_MARK_UNTOLD, after an unfence or publish that found its mark lost: removes what it told the other writers. */
void mutant_unmark(struct redis *redis, struct slice writers_key);

/* FENCE_UNMET, after a call for so many ids (entry, lease, writers of each): the same where an id is there twice. */
void mutant_unmeet(struct redis *redis, const struct slice *keys, size_t count);

#else

#define mutant_steal_lease(redis, lease_key, token)            ((void)0)
#define mutant_writers(entry_key, writers_key)                 (writers_key)
#define mutant_publish_anyway(redis, entry_key, fields, count) ((void)0)
#define mutant_unmark(redis, writers_key)                      ((void)(redis), (void)(writers_key))
#define mutant_unmeet(redis, keys, count)                      ((void)(redis), (void)(keys), (void)(count))

#endif

#endif
