/* SPDX-License-Identifier: MIT */
/*
 * Does the entry of one id equal the store? One comparison, made while everything goes on reading and writing.
 * context  loop only
 */
#ifndef AUDIT_AUDIT_H
#define AUDIT_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/todo.h"
#include "cache/cache.h"
#include "store/pool.h"

enum audit_result {
    AUDIT_CONSISTENT,
    AUDIT_INCONSISTENT, /* the entry stood there before and after the store was read, and says something else */
    AUDIT_CHANGED,      /* there is no entry, or it came or went meanwhile: no conclusion */
    AUDIT_UNANSWERED,   /* Redis or the store gave no answer */
    AUDIT_RESULTS
};

/* A version as either side has it; v 0: there is no such todo. */
struct audit_version {
    int64_t v;
    int64_t life;
};

struct audit_check;
typedef void (*audit_done_cb)(struct audit_check *check, enum audit_result result);

/* Stands inside the caller's own struct, which must live until done; the caller fills in id (valid) and done. */
struct audit_check {
    char id[TODO_ID_MAX + 1];
    audit_done_cb done;
    struct audit_version entry, store; /* what was compared; these and at_ms are for done */
    int64_t at_ms;                     /* when the entry was read from the store */
    bool negative;                     /* the entry says that there is no such todo */
    struct cache *cache;               /* the rest is the check's own */
    struct home home;
    struct arena arena;
    struct todo entry_todo, store_todo;
    struct pool_job job;
};

/* Done comes once, later. Redis must be trusted from here to there, or the result is UNANSWERED. */
void audit_check_run(struct cache *cache, struct audit_check *check);

/* Logs the history of an inconsistent entry: when it was filled, its version and the store's. */
void audit_check_log(const struct audit_check *check);

#endif
