/* SPDX-License-Identifier: MIT */
/*
 * The Redises that hold the cache: one that has all slots, or the primaries of a cluster.
 *
 * Each is a shard: a connection, trust (trust.h), its own way to the store's record (record.h) and a drain of the
 * outbox (outbox.h). A slot is a shard's as long as its primary claims it, and the store's record names that primary,
 * with the slot's epoch. A slot that has moved has another epoch from then on, so that nothing is found of what was
 * filled before.
 * context  loop only
 */
#ifndef CACHE_SHARDS_H
#define CACHE_SHARDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/hold.h"
#include "cache/options.h"
#include "cache/outbox.h"
#include "redis/cluster.h"

struct shards;

/* Begins to connect. STATUS_INVALID: the redis setting. */
enum status shards_new(struct shards **shards, const struct cache_options *options, struct outbox *outbox,
                       struct error *error) STATUS_MUST_CHECK;

/* When no job of the pool runs. NULL is fine. */
void shards_free(struct shards *shards);

/* All, and those which may be believed now. With one Redis: 1, and 0 or 1. In a cluster none are known at first. */
size_t shards_count(const struct shards *shards);
size_t shards_trusted_count(const struct shards *shards);

/* Of a cluster: slots that no shard may be asked for. With one Redis: all, or none. */
size_t shards_missing_slots(const struct shards *shards);

/* NULL: there is one Redis. */
struct cluster *shards_cluster(const struct shards *shards);

/* trust_lack() of the first that lacks something. */
enum trust_lack shards_lack(const struct shards *shards, const char **reason);

/* Its address, in a cluster; "": none, or there is one Redis. */
const char *shards_lacking_primary(const struct shards *shards);

/* Periodic duty, once a second. */
void shards_tend(struct shards *shards);

/*
 * Has those shards look at the store's record now that don't yet, because another process has changed it. True: looks
 * are under way.
 */
bool shards_look(struct shards *shards);

/* Before the end: trust_settle() of all. */
bool shards_settle(struct shards *shards);

#endif
