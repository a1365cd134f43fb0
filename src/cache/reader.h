/* SPDX-License-Identifier: MIT */
/*
 * A reader: what it asks of the cache, what it is told of its answer, and its place in the queue for it.
 * context  loop only
 */
#ifndef CACHE_READER_H
#define CACHE_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/todo_version.h"
#include "cache/home.h"

struct cache;

/* What a reader asks of the cache. All zero but max_age_ms, which is then -1, asks nothing. */
struct cache_demand {
    bool from_store;     /* take nothing from Redis */
    bool only_if_cached; /* take nothing from the store: STATUS_MISMATCH if Redis has nothing that fits; both: always */
    int64_t max_age_ms;  /* entries not older than this; -1: any */
    int64_t min_fresh_ms;      /* entries that have so much of their lifetime ahead */
    struct todo_version least; /* this state of the todo or a newer one; all zero: any */
    const bool *is_refused; /* true when Redis has answered: nothing more is done, STATUS_MISMATCH; NULL: it never is */
};

enum cache_source {
    CACHE_HIT,     /* from Redis, as age_ms and ttl_ms say */
    CACHE_MISS,    /* from the store, because Redis had nothing */
    CACHE_REQUEST, /* from the store, because the demand ruled out what Redis had */
    CACHE_BYPASS,  /* from the store, because a write was under way or Redis was not trusted */
};

/* How an answer came about, for Cache-Status (RFC 9211), Age and metrics. */
struct cache_trace {
    enum cache_source source;
    bool stored;                /* the answer is in the cache now */
    bool collapsed;             /* it came from another request's flight */
    bool stale;                 /* past its end, and answered because the store is away */
    bool l1;                    /* a hit in this machine's own memory: Redis was not asked */
    bool unseen;                /* a hit, and the last good look at the store is too long ago */
    int64_t age_ms;             /* since the store was read */
    int64_t ttl_ms;             /* the rest of the entry's lifetime; -1: not in the cache */
    int64_t redis_us, store_us; /* that the answer took in either; -1: not asked */
};

/* A reader's place in the queue for an answer; the cache's own. */
struct cache_reader {
    struct cache *cache;
    struct cache_reader *next;
    int64_t begun_at_us; /* monotonic */
    struct home home;    /* of what it reads, taken when this read began */
    bool joined;         /* another reader's flight */
};

/* For the beginning of a read, after its home was taken. */
void reader_init(struct cache_reader *reader, struct cache *cache);

/* Whether Redis' answer to the reader's question may be believed: it has been trusted since the read began. */
static inline bool reader_may_trust(const struct cache_reader *reader)
{
    return home_holds(&reader->home);
}

static inline bool demand_is_refused(const struct cache_demand *demand)
{
    return demand->is_refused && *demand->is_refused;
}

/* Whether an answer with this age and ttl will do; todo NULL: "there is none", and pages. */
bool demand_fits(const struct cache_demand *demand, const struct cache_trace *trace, const struct todo *todo);

/* The times of an answer that was read from the store at at_ms; ttl_ms is its whole lifetime. */
void trace_date(struct cache_trace *trace, int64_t at_ms, int64_t ttl_ms);

/* Server-Timing's figures, if the settings ask for them; store_us -1: the store was not asked. */
void trace_time(struct cache_trace *trace, const struct cache_reader *reader, int64_t store_us);

#endif
