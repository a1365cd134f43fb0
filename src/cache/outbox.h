/* SPDX-License-Identifier: MIT */
/*
 * The outbox: invalidations that Redis could not take, kept in the store and brought to Redis later.
 * context  loop only; callbacks come once, later
 */
#ifndef CACHE_OUTBOX_H
#define CACHE_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "cache/options.h"
#include "redis/redis.h"

struct outbox;

enum drain_result {
    DRAIN_DONE,
    DRAIN_UNFINISHED, /* the store is away, Redis was lost, or open records hide others: the outbox may not be empty */
    DRAIN_REFUSED,    /* Redis answered with an error: it holds entries that are not true */
};

typedef void (*outbox_drained_cb)(void *ctx, enum drain_result result);

struct outbox *outbox_new(const struct cache_options *options);

/* After the last drain, when no job of the pool runs; NULL is fine. */
void outbox_free(struct outbox *outbox);

/* Takes the outbox's records to this Redis, under this epoch. One drain at a time. */
void outbox_drain(struct outbox *outbox, struct redis *redis, int64_t epoch, outbox_drained_cb done, void *ctx);

/* Whether the last drain removed records, which are traces of others' writes. */
bool outbox_has_removed(const struct outbox *outbox);
bool outbox_is_idle(const struct outbox *outbox);

/* Redis was lost, or is another one now: a drain under way removes nothing and ends DRAIN_UNFINISHED. */
void outbox_cut(struct outbox *outbox);

/* A write of this process has closed its records. Whether one did since the last drain began to list. */
void outbox_note_closed(struct outbox *outbox);
bool outbox_has_news(const struct outbox *outbox);

/* For how long there have been records, as far as this process knows; 0: there are none. */
uint32_t outbox_waiting_s(const struct outbox *outbox);

/*
 * Keeps the invalidation of a finished write that neither Redis nor the store could take; each tend offers it to the
 * store.
 */
void outbox_owe(struct outbox *outbox, const struct token *token, const char *const *ids, size_t id_count);
void outbox_tend(struct outbox *outbox);

#endif
