/* SPDX-License-Identifier: MIT */
/*
 * The two writes that clients make: a new todo, and a change of one that may be there.
 *
 * Each struct stands inside the caller's own, which must live until done. context  loop only
 */
#ifndef CACHE_CHANGE_H
#define CACHE_CHANGE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/todo.h"
#include "cache/write.h"
#include "store/store.h"

/* done gets OK, EXISTS, BUSY, UNAVAILABLE, UNKNOWN. */
typedef void (*cache_insert_cb)(void *ctx, enum status status, const struct error *error);

/*
 * The caller fills in todo (complete, its texts borrowed until done), answer, done, ctx and request. status and error
 * are the caller's own.
 */
struct cache_insert {
    struct todo todo;
    const struct store_answer *answer; /* of the request's key, borrowed until done; NULL: it has none */
    cache_insert_cb done;
    void *ctx;
    const char *request; /* as in write.h */
    enum status status;
    struct error error;
    struct cache_write write; /* these two are the insert's own */
    const char *id;
};

void cache_insert(struct cache *cache, struct cache_insert *insert);

/* done gets store_change()'s statuses, or BUSY, UNAVAILABLE; changed is borrowed until it returns, set only if OK. */
typedef void (*cache_change_cb)(void *ctx, enum status status, const struct store_changed *changed,
                                const struct error *error);

/* The caller fills in change (what it points to is borrowed until done), arena, done, ctx and request. */
struct cache_change {
    struct store_change change;
    struct arena *arena;
    cache_change_cb done;
    void *ctx;
    const char *request;          /* as in write.h */
    struct store_changed changed; /* these three are the change's own */
    struct cache_write write;
    const char *id;
};

/* Changes or deletes a todo. */
void cache_change(struct cache *cache, struct cache_change *change);

#endif
