/* SPDX-License-Identifier: MIT */
/*
 * What the cache's parts work with. cache_new() copies it; what it points to is borrowed for the cache's life.
 */
#ifndef CACHE_OPTIONS_H
#define CACHE_OPTIONS_H

#include <stdbool.h>

#include "base/events.h"
#include "base/http_call.h"
#include "base/settings.h"
#include "base/stats.h"
#include "base/trail.h"
#include "l1/table.h"
#include "store/pool.h"
#include "store/store.h"

struct cache_options {
    const struct events *events;
    const struct settings *settings;
    struct store *store;
    struct pool *pool;
    struct stats *stats;
    struct trail *trail;     /* NULL: nothing is noted */
    struct l1_table *l1;     /* that all processes of this machine share; NULL: there is none */
    bool has_peers;          /* other machines may have L1s on this Redis */
    struct peers *peers;     /* made by cache_new() then; else NULL */
    const struct http *http; /* for purges; may be NULL if the setting purge_url is empty */
    /* Redis hides who it is, and none has told since the start: the setting is wrong (INVALID). May be NULL. */
    void (*on_wrong)(void *ctx, const struct error *error);
    void *ctx;
};

/* Told of each hit that is answered: cache_watch_hits() in cache.h. */
typedef void (*cache_hit_fn)(void *ctx, const char *id, bool negative);

#endif
