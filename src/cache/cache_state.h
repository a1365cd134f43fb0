/* SPDX-License-Identifier: MIT */
/*
 * What the files of this room share: the cache's own struct, and the duties that cache.c hands out to them.
 */
#ifndef CACHE_CACHE_STATE_H
#define CACHE_CACHE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "cache/cache.h"
#include "cache/flight.h"
#include "cache/scripts.h"
#include "redis/redis.h"

struct auditor;
struct follow;
struct link;
struct outbox;
struct purge;

struct cache {
    struct cache_options options;
    struct redis *redis;
    struct link *link;            /* link.c: which Redis, which epoch, whether to trust it */
    struct outbox *outbox;        /* outbox.c: invalidations that Redis couldn't take */
    struct follow *follow;        /* follow.c: what others change in the store; NULL: not asked for */
    struct auditor *auditor;      /* auditor.c: compares hits with the store */
    struct purge *purge;          /* purge.c: caches in front; NULL: there are none */
    struct flight_state *flights; /* flight.c: by name */
    int64_t epoch;                /* in all keys; 0: not known yet */
    bool trusted;
    uint64_t distrust_count; /* times that trust was withdrawn, or a connection was lost before there was any */
    int64_t generation_ms;   /* lifetime of a list's generation */
};

static inline void cache_count(struct cache *cache, enum stat_counter stat)
{
    stats_add(cache->options.stats, stat, 1);
}

/* link.c */
struct link *link_new(struct cache *cache);
void link_free(struct link *link);
void link_on_up(struct link *link);   /* Redis is there: find out which */
void link_on_down(struct link *link); /* it is gone: trust nothing until it is known again */
void link_tend(struct link *link);    /* once a second: has somebody moved the epoch on? */

/* Not trusted, but on the way to be, as far as anybody can tell: worth a short wait. */
bool link_is_coming(const struct link *link);

/* Redis answers, but refuses an invalidation: trust nothing until it takes it. */
void link_distrust(struct link *link, const char *reason);

/* outbox.c */
enum drain_result {
    DRAIN_DONE,
    DRAIN_UNFINISHED, /* the store is away, Redis was lost, or open records hide others: some may be left */
    DRAIN_REFUSED,    /* Redis answered with an error: it holds entries that are not true */
};

typedef void (*outbox_drained_cb)(void *ctx, enum drain_result result);
struct outbox *outbox_new(struct cache *cache);
void outbox_free(struct outbox *outbox);

/* Takes what the outbox holds to Redis. May not be called twice at once. */
void outbox_drain(struct outbox *outbox, outbox_drained_cb done, void *ctx);
bool outbox_is_idle(const struct outbox *outbox);

/* A write of this process has settled its records; whether one has since the last drain took its listing. */
void outbox_note_settled(struct outbox *outbox);
bool outbox_has_news(const struct outbox *outbox);

/* Keeps a settled fence that could be brought neither to Redis nor to the store, and tries the store again at each tend. */
void outbox_owe(struct outbox *outbox, const struct token *token, const char *const *ids, size_t id_count);
void outbox_tend(struct outbox *outbox);

/* follow.c */
struct follow *follow_new(struct cache *cache);
void follow_free(struct follow *follow); /* when it is idle; NULL is fine */
void follow_tend(struct follow *follow); /* once a second: takes the lease if it is free */
void follow_stop(struct follow *follow); /* for good */
bool follow_is_idle(const struct follow *follow);

#endif
