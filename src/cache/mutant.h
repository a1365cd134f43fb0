/* SPDX-License-Identifier: MIT */
/*
 * The protocol with one rule left out: what the tests' history checker must notice. Each is a switch of base/failpoint.h and is
 * called where the rule is kept; in a build without failpoints there is nothing of it. context  loop only
 */
#ifndef CACHE_MUTANT_H
#define CACHE_MUTANT_H

#include "base/failpoint.h"
#include "base/random.h"
#include "cache/cache.h"
#include "cache/entry.h"
#include "cache/fence.h"
#include "cache/keys.h"

#ifdef FAILPOINTS_ENABLED

/* FILL_WITHOUT_LEASE, before a fill: makes the lease this reader's, whoever has it or deleted it. */
void mutant_steal_lease(struct cache *cache, const struct todo_keys *keys, const struct token *token);

/* ACQUIRE_IGNORE_WRITERS: the key in which acquire looks for writers. */
const struct key *mutant_writers(const struct todo_keys *keys);

/* PUBLISH_IGNORE_OVERLAP, after a publish: the entry is there, whatever publish.lua said. */
void mutant_publish_anyway(struct cache *cache, const struct fence_call *call, const struct entry_args *fields);

/* LOST_MARK_UNTOLD, after an unfence or publish that found its mark lost: takes away what it told the other writers. */
void mutant_unmark(struct cache *cache, int64_t epoch, const char *id);

#else

#define mutant_steal_lease(cache, keys, token)     ((void)0)
#define mutant_writers(keys)                       (&(keys)->writers)
#define mutant_publish_anyway(cache, call, fields) ((void)0)
#define mutant_unmark(cache, epoch, id)            ((void)0)

#endif

#endif
