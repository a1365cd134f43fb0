/* SPDX-License-Identifier: MIT */
/*
 * Where the marks of a write stand: the homes of its ids and of the list (home.h).
 * context  loop only
 */
#ifndef CACHE_WRITE_HOMES_H
#define CACHE_WRITE_HOMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/home.h"

struct write_homes {
    const struct cache *cache;
    const char *const *ids; /* borrowed */
    size_t id_count;
    struct home *taken; /* of the ids, then the list's: by write_homes_take() */
};

void write_homes_init(struct write_homes *homes, const struct cache *cache, const char *const *ids, size_t id_count);
void write_homes_fini(struct write_homes *homes);

enum homes_trust {
    HOMES_TRUSTED, /* all */
    HOMES_COMING,  /* those that are not trusted will be in a moment: worth a short wait */
    HOMES_AWAY,    /* one of them, at least */
};

/* How they are now, whatever was taken. */
enum homes_trust write_homes_look(const struct write_homes *homes);

bool write_homes_any_trusted(const struct write_homes *homes);

/*
 * Whether one of them, in a cluster, is not trusted yet under this serial or a later one, but will be: then its shard
 * looks at the store's record.
 */
bool write_homes_are_behind(const struct write_homes *homes, int64_t serial);

/* Takes all anew. Returns the earliest of their serials: unless it is the record's, one of them may have moved. */
int64_t write_homes_take(struct write_homes *homes);

/* Whether all are trusted now, and have the marks that were set where they were taken. */
bool write_homes_stand(const struct write_homes *homes);

static inline const struct home *write_homes_list(const struct write_homes *homes)
{
    return &homes->taken[homes->id_count];
}

#endif
