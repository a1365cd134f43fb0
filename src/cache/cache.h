/* SPDX-License-Identifier: MIT */
/*
 * The cache-aside service: todos and pages of todos from Redis if it has them, from the store otherwise, and writes
 * that leave nothing stale behind. This is the only door that handlers and the loader have to the store.
 *
 * The promise, the protocol and its proof: doc/consistency.md. In short, an entry that exists equals the committed document,
 * and no write to it is in flight.
 *
 * context   loop only, never blocks
 * outcomes  whatever starts something here returns void; its callback comes once, later, on the loop
 */
#ifndef CACHE_CACHE_H
#define CACHE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/events.h"
#include "base/http_call.h"
#include "base/random.h"
#include "base/settings.h"
#include "base/slice.h"
#include "base/stats.h"
#include "base/todo.h"
#include "store/pool.h"
#include "store/store.h"

struct cache;

struct cache_options {
    const struct events *events; /* all borrowed for the cache's life */
    const struct settings *settings;
    struct store *store;
    struct pool *pool;
    struct stats *stats;
    const struct http *http;  /* for purges; may be NULL if the setting purge_url is empty */
    struct pool *follow_pool; /* of one call, which follow.c keeps busy; NULL: the store's changes aren't followed */
};

/* Starts to connect to Redis; works without it from the first moment. STATUS_INVALID: the redis setting. */
enum status cache_new(struct cache **cache, const struct cache_options *options, struct error *error) STATUS_MUST_CHECK;

/* When no read or write is under way; NULL is fine. */
void cache_free(struct cache *cache);

/* Whether a read is under way; a refresh is one that goes on behind its reader's answer, and nobody else knows of it. */
bool cache_is_reading(const struct cache *cache);

/* Whether Redis answers and is known to hold this epoch's entries, so that reads may trust it. */
bool cache_is_trusted(const struct cache *cache);

/* Whether caches in front that answer have still to be told of a write. */
bool cache_is_purging(const struct cache *cache);

/*
 * Moves the epoch on: all entries and pages are out of reach as soon as the workers notice, within some two seconds; a little
 * later caches in front are told to forget all. Needs no Redis.
 *
 * epoch    the new one
 * errors   the store's; STATUS_BUSY: others moved it on at the same time, again and again
 * context  pool thread, may block
 */
enum status cache_move_epoch(const struct cache *cache, int64_t *epoch, struct error *error) STATUS_MUST_CHECK;

/* Periodic duty, once a second: epoch, outbox, following, purges. Bounded work; it goes on in the background. */
void cache_tend(struct cache *cache);

/*
 * Following the store's changes ends: no new round of it begins. Before cache_free(), wait until cache_is_following() is
 * false, which it will be within a second.
 */
void cache_stop_following(struct cache *cache);
bool cache_is_following(const struct cache *cache);

enum cache_source {
    CACHE_HIT,     /* from Redis, as age_ms and ttl_ms say */
    CACHE_MISS,    /* from the store, because Redis had nothing */
    CACHE_REQUEST, /* from the store, because the demand ruled out what Redis had */
    CACHE_BYPASS,  /* from the store, because a write was under way or Redis was not to be trusted */
};

/* How an answer came about, for Cache-Status (RFC 9211), Age and metrics. */
struct cache_trace {
    enum cache_source source;
    bool stored;                /* the answer is in the cache now */
    bool collapsed;             /* it came from another request's flight */
    bool stale;                 /* past its end, and answered because the store is away */
    int64_t age_ms;             /* since the store was read */
    int64_t ttl_ms;             /* what is left of the entry's life; -1: not in the cache */
    int64_t redis_us, store_us; /* that the answer took in either; -1: not asked */
};

/* What a reader asks of the cache. All zero but max_age_ms, which is then -1, asks nothing. */
struct cache_demand {
    bool from_store;     /* take nothing from Redis */
    bool only_if_cached; /* take nothing from the store: STATUS_MISMATCH if Redis has nothing that fits; both: always */
    int64_t max_age_ms;  /* entries not older than this; -1: any */
    int64_t min_fresh_ms; /* entries with so much of their life left */
    int64_t least_v;      /* a todo of this version or a newer one; 0: any */
};

struct cache_answer {
    enum status status;        /* OK, NOT_FOUND, BUSY, UNAVAILABLE; MISMATCH: only_if_cached, and it isn't */
    const struct todo *todo;   /* OK: borrowed until the callback returns */
    const struct error *error; /* BUSY, UNAVAILABLE */
    struct cache_trace trace;
};

/* A reader's place in the queue for an answer; the cache's own. */
struct cache_reader {
    struct cache *cache;
    struct cache_reader *next;
    int64_t begun_at_us; /* monotonic */
    bool asked_trusted;  /* Redis was trusted when this read began */
    bool joined;         /* another reader's flight */
};

/*
 * Reads one todo. The struct stands inside the caller's own, which must live until done; the caller fills in id (valid),
 * demand, done and ctx.
 */
struct cache_get;
typedef void (*cache_get_cb)(void *ctx, const struct cache_answer *answer);

struct cache_get {
    char id[TODO_ID_MAX + 1];
    struct cache_demand demand;
    cache_get_cb done;
    void *ctx;
    struct cache_reader reader;
    struct error error;
};

void cache_get(struct cache *cache, struct cache_get *get);

/* A rendered page: the bytes that were answered first are answered until a write changes the list. */
struct cache_page {
    struct slice body; /* {"todos":[...],"next":...} */
    struct slice etag; /* quotes included */
    struct slice next; /* the next page's cursor; empty on the last page */
};

struct cache_page_answer {
    enum status status;            /* OK, BUSY, UNAVAILABLE, MISMATCH */
    const struct cache_page *page; /* OK: borrowed until the callback returns */
    const struct error *error;
    struct cache_trace trace;
};

typedef void (*cache_list_cb)(void *ctx, const struct cache_page_answer *answer);

/* Reads one page; as cache_get, the caller fills in query, demand, done and ctx. */
struct cache_list {
    struct store_query query;
    struct cache_demand demand;
    cache_list_cb done;
    void *ctx;
    struct cache_reader reader;
    char generation[TOKEN_LEN + 1];
};

void cache_list(struct cache *cache, struct cache_list *list);

/*
 * A fenced write: fence all ids and the list, run work on a pool thread, unfence, done.
 *
 * It stands inside the caller's struct, which must live until done. work touches that struct only and returns the store's
 * status; STATUS_UNKNOWN leaves the fence to run out. done gets that status, or UNAVAILABLE if the write was not begun.
 */
enum cache_purge {
    CACHE_PURGE_NONE,    /* nobody is to be told, or nothing was written */
    CACHE_PURGE_DONE,    /* caches in front have acknowledged that they forgot what was written over */
    CACHE_PURGE_PENDING, /* not all have yet; they will be told until they do */
};

struct cache_write;
typedef enum status (*cache_work_fn)(struct cache_write *write, struct store *store, struct error *error);
typedef void (*cache_write_cb)(struct cache_write *write, enum status status, const struct error *error);

struct cache_write {
    const char *const *ids; /* borrowed until done; valid ids, each once */
    size_t id_count;        /* 1 or more */
    cache_work_fn work;
    cache_write_cb done;
    enum cache_purge purge; /* set when done is called */
    struct cache *cache;    /* the rest is the cache's own: see write.c */
    struct pool_job job;
    struct timer *timer;
    struct token token;
    int64_t epoch;          /* of the last fence or unfence */
    int64_t begun_at_ms;    /* wall time of the fence */
    int64_t await_until_ms; /* wall time: how long a Redis that is coming back is waited for */
    unsigned replies_left;  /* of the pair of scripts under way */
    bool fenced;            /* in Redis */
    bool recorded;          /* in the outbox */
    bool overtaken;         /* by another epoch, before the commit */
    bool scripts_failed, fence_unanswered, fence_may_be_late;
    bool purges_recorded;       /* in the store */
    bool entries_gone;          /* no reader gets the old state from Redis any more */
    const struct todo *written; /* set by work: what the store holds now, if it may be published; else NULL */
    enum status status;
    struct error error;
};

void cache_write_run(struct cache *cache, struct cache_write *write);

/*
 * Inserts a todo: the caller fills in todo (complete, its texts borrowed until done), done and ctx.
 * done gets OK, EXISTS, BUSY, UNAVAILABLE, UNKNOWN. status and error are the caller's to keep them in.
 */
typedef void (*cache_insert_cb)(void *ctx, enum status status, const struct error *error);

struct cache_insert {
    struct todo todo;
    cache_insert_cb done;
    void *ctx;
    enum status status;
    struct error error;
    struct cache_write write;
    const char *id;
};

void cache_insert(struct cache *cache, struct cache_insert *insert);

/*
 * Changes or deletes a todo: the caller fills in change (what it points to is borrowed until done), arena, done and ctx.
 * done gets store_change()'s statuses, or BUSY, UNAVAILABLE; changed is borrowed until it returns, set only if OK.
 */
typedef void (*cache_change_cb)(void *ctx, enum status status, const struct store_changed *changed,
                                const struct error *error);

struct cache_change {
    struct store_change change;
    struct arena *arena;
    cache_change_cb done;
    void *ctx;
    struct store_changed changed;
    struct cache_write write;
    const char *id;
};

void cache_change(struct cache *cache, struct cache_change *change);

#endif
