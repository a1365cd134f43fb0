/* SPDX-License-Identifier: MIT */
/*
 * A flight: one trip to the store after a miss, shared by the readers of one thing (a todo, a page) in this process.
 *
 * flight.c knows the order of the steps and who may take the result; a kind (todo_read.c, list_read.c) knows the
 * scripts, the store's call and how a reader gets its answer. A kind's struct begins with struct flight.
 * context  loop only, but for fetch
 */
#ifndef CACHE_FLIGHT_H
#define CACHE_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"
#include "base/stats.h"
#include "cache/keys.h"
#include "cache/reader.h"
#include "redis/redis.h"
#include "store/pool.h"
#include "store/store.h"

struct flight;
struct flight_state;

enum flight_grant {
    GRANT_FILL,   /* fetch, then fill */
    GRANT_WAIT,   /* another worker fills: ask again in a moment */
    GRANT_BYPASS, /* fetch, do not fill */
    GRANT_FOUND,  /* the value is in the cache after all; the kind has set status and at_ms, and holds it */
};

enum flight_fill { FLIGHT_FILLED, FLIGHT_FILL_REFUSED, FLIGHT_FILL_FAILED };

struct flight_kind {
    struct flight *(*create)(const struct flight *last); /* a new one for the same thing */
    struct home (*home)(const struct flight *flight);    /* of what it is for, as it is now */
    void (*acquire)(struct flight *flight, redis_reply_cb on_reply);
    enum flight_grant (*granted)(struct flight *flight, const struct redis_reply *reply);  /* of acquire; no error */
    enum status (*fetch)(struct flight *flight, struct store *store, struct error *error); /* pool thread */
    bool (*fits)(const struct flight *flight);                    /* whether Redis is offered the value; NULL: always */
    void (*fill)(struct flight *flight, redis_reply_cb on_reply); /* the script answers 1 or 0 */
    void (*filled)(const struct flight *flight, enum flight_fill outcome); /* what became of it; NULL: so what */
    void (*shared)(struct flight *flight);  /* Redis has the value, and was trusted all the time; NULL: so what */
    void (*release)(struct flight *flight); /* gives back what acquire granted, unused; NULL: nothing to give back */
    void (*deliver)(struct flight *flight, struct cache_reader *reader, const struct cache_trace *trace);
    void (*destroy)(struct flight *flight);
    int64_t (*ttl_ms)(const struct flight *flight); /* of what was filled or found, counted from at_ms */
    enum stat_counter ok, absent, failed;           /* where its store calls are counted */
    enum stat_counter refused, absent_refused;      /* fills of what the store had, or had not */
};

struct flight {
    const struct flight_kind *kind; /* the kind's create sets these seven */
    struct cache *cache;
    struct home home; /* of what it is for, taken when it was made */
    struct key name;
    int64_t after_ms;   /* an entry filled at this time or earlier will not do; -1: any will */
    bool is_refresh;    /* no reader waits for it: it ends unless it gets the lease at once */
    bool is_direct;     /* straight to the store: a reader wanted nothing that Redis could have */
    struct token token; /* of this flight's lease or proposed generation */
    enum cache_source source;
    enum status status; /* of the fetch; OK or NOT_FOUND are values */
    struct error error;
    int64_t at_ms;              /* wall time just before the store was asked */
    int64_t cost_us;            /* that it took */
    struct flight_state *state; /* flight.c's */
};

/* Joins the flight of this name, if one is under way: the answer comes through its kind's deliver, once, later. */
bool flight_join(struct cache *cache, const struct key *name, struct cache_reader *reader);

bool flight_is_under_way(const struct cache *cache, const struct key *name);

/* Makes a flight that has not started go straight to the store, under a name of its own; returns it. */
struct flight *flight_make_direct(struct flight *flight);

/*
 * Starts it for a chain of readers, in the turn of the loop in which it was made, and owns it from here on; no other
 * flight of its name may be under way.
 */
void flight_start(struct flight *flight, struct cache_reader *readers);

/* Whether no flight is under way. */
bool flight_table_is_empty(const struct cache *cache);

#endif
