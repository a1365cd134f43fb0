/* SPDX-License-Identifier: MIT */
/*
 * A drain: the outbox's records are brought to Redis.
 * context  loop only; callbacks come once, later
 */
#ifndef CACHE_DRAIN_H
#define CACHE_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "cache/grants.h"
#include "cache/home.h"
#include "cache/outbox.h"
#include "redis/redis.h"

struct drain;

enum drain_result {
    DRAIN_DONE,
    DRAIN_UNFINISHED, /* the store is away, Redis or a slot was lost, records changed: some may not have been brought */
    DRAIN_REFUSED,    /* Redis answered with an error: it holds entries that are not true */
};

typedef void (*drain_done_cb)(void *ctx, enum drain_result result);

/* has_slots: it is of a shard of a cluster. */
struct drain *drain_new(const struct cache_options *options, struct outbox *outbox, bool has_slots);

/* When it is idle. NULL is fine. */
void drain_free(struct drain *drain);

struct drain_target {
    struct redis *redis;
    int64_t epoch;                 /* of the store's record: of all keys, unless it is of a cluster */
    const struct slot_epochs *own; /* these two: of a cluster. Which slots are its own; copied */
    struct home list;              /* the list's home, if another shard has it */
};

/* Takes the outbox's records to this Redis. One at a time. */
void drain_start(struct drain *drain, const struct drain_target *target, drain_done_cb done, void *ctx);

/* Redis was lost, or is another one now: a drain under way removes nothing and ends DRAIN_UNFINISHED. */
void drain_cut(struct drain *drain);

bool drain_is_idle(const struct drain *drain);

/* Of the last one: its record's epoch, and in a cluster the slots that were its own, and are drained. */
int64_t drain_epoch(const struct drain *drain);
const struct slot_epochs *drain_own(const struct drain *drain);

/* Whether the last one removed records, which are traces of others' writes. */
bool drain_has_removed(const struct drain *drain);

/* Whether a write of this process has closed records of this slot since the last one began. HOME_SLOT_NONE: of any. */
bool drain_has_news(const struct drain *drain, int slot);

#endif
