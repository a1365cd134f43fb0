/* SPDX-License-Identifier: MIT */
/*
 * Where the entries of an id are: which Redis, under which epoch, and whether it may be believed.
 *
 * Taken when an operation begins, before Redis is asked: home.redis gets the commands, home.epoch stands in the keys,
 * and an answer counts only if the home still holds when it comes. A home says nothing about other ids.
 *
 * It may be kept and copied. But its connection is good only in the turn of the loop in which the home was taken, and
 * as long as the home holds: a step that comes later and sends whatever may have happened takes a new one.
 * context  loop only; shards.c knows them
 */
#ifndef CACHE_HOME_H
#define CACHE_HOME_H

#include <stdbool.h>
#include <stdint.h>

#include "cache/hold.h"

struct cache;
struct cluster;

enum { HOME_SLOT_NONE = -1 };

struct home {
    struct trust *trust; /* never NULL, lives as long as the cache; if nobody has the slot, one that is never given */
    struct redis *redis; /* its connection, never NULL; commands to one that is down are answered by NULL */
    int64_t epoch;       /* of the id's slot; 0: not known */
    int64_t serial;      /* the epoch of the store's record, as its shard knows it; with one Redis they are the same */
    struct trust_hold hold;
    int slot;                /* of a cluster; HOME_SLOT_NONE: one Redis has all */
    struct cluster *cluster; /* NULL: there is none */
    bool is_unmet; /* nobody has the slot, but this process has just begun: it may not have met the primary yet */
};

struct home home_of(const struct cache *cache, const char *id);

/* Of the list: its generation, its pages, and what machines with an L1 tell each other. */
struct home home_of_list(const struct cache *cache);

/*
 * For those that look at all entries: the Redis after this one, NULL: the first. False: there is no other. Its slot and
 * epoch are those of no id.
 */
bool home_after(const struct cache *cache, const struct trust *last, struct home *home);

/* trust_note_write() where the list is; while that is not trusted, of other Redises as well, up to one that is. */
void home_note_write(const struct cache *cache);

/* Whether its Redis was trusted for this slot when it was taken, and has been ever since. */
bool home_holds(const struct home *home);

/* Whether the later one is trusted, and has the marks and entries of the other: the same Redis, the same epoch. */
static inline bool home_stands(const struct home *home, const struct home *later)
{
    return home_holds(later) && later->epoch == home->epoch;
}

#endif
