/* SPDX-License-Identifier: MIT */
/*
 * Reading one todo: from Redis if it has it, else from the store.
 * context  loop only
 */
#ifndef CACHE_TODO_READ_H
#define CACHE_TODO_READ_H

#include "base/error.h"
#include "base/todo.h"
#include "cache/entry.h"
#include "cache/reader.h"
#include "l1/table.h"

struct cache_answer {
    enum status status;        /* OK, NOT_FOUND, BUSY, UNAVAILABLE; MISMATCH: only_if_cached, and it is not */
    const struct todo *todo;   /* OK: borrowed until the callback returns */
    const struct error *error; /* BUSY, UNAVAILABLE */
    struct cache_trace trace;
};

typedef void (*cache_get_cb)(void *ctx, const struct cache_answer *answer);

/*
 * The struct stands inside the caller's own, which must live until done; the caller fills in id (valid), demand, done,
 * ctx, and request.
 */
struct cache_get {
    char id[TODO_ID_MAX + 1];
    struct cache_demand demand;
    cache_get_cb done;
    void *ctx;
    const char *request;        /* its id, for the trail; borrowed until done; NULL: there is none */
    struct cache_reader reader; /* these two are the cache's own */
    struct error error;
    struct l1_note note;
};

/* An answer of the L1, and the memory that it lies in. */
struct cache_near {
    struct cache_answer answer;
    struct entry entry;
    struct l1_copy copy;
};

/*
 * The answer, if the L1 of this machine has it: then done is not called, and all is over. False: cache_get() goes on.
 */
bool cache_get_near(struct cache *cache, struct cache_get *get, struct cache_near *near);

void cache_get(struct cache *cache, struct cache_get *get);

#endif
