/* SPDX-License-Identifier: MIT */
/*
 * The miss path: how a value gets from the store into the cache without ever storing an old one.
 *
 *   flight_start -> acquire --FOUND--------------------------------> finish (a hit after all)
 *                     |  ^ \--BYPASS, error--> fetch ---------------> finish
 *                     |  |                       ^
 *                     |  +---timer---WAIT--------+ (patience over)
 *                     +--FILL--> fetch (store, pool thread) --> fill --> finish
 *
 * The race it prevents: a reader reads the old value from the store, a writer commits and invalidates, and the reader
 * then fills the old value, which stays. Here a reader fills only under a lease that it took before it read, and a
 * writer's fence deletes that lease (scripts/fence.lua), so the late fill is refused. A lease that is lost for any
 * reason costs a miss.
 *
 * Readers of one thing share a flight. Readers that join before the store is asked own the result: the value is at
 * least as new as their request. Readers that join later may take it only if the fill was accepted, because then no
 * write began since the lease was taken; else all of them start one new flight together. Without this rule, a reader
 * that begins after a write's answer could join a flight that read before it, and answer with the old value.
 *
 * A refresh is a flight that starts without readers, ahead of an entry's end. Unless a reader joins, it goes on only if
 * it gets the lease at once. A direct flight, for readers that want nothing from Redis, begins with fetch and fills
 * nothing.
 *
 * If Redis is down or not trusted, the flight asks the store alone and fills nothing. If the store is down, every
 * reader gets the error, and the lease is given back.
 */
#include "cache/flight.h"

#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/failpoint.h"
#include "base/mem.h"
#include "cache/cache_state.h"
#include "cache/watermark.h"

enum { WAIT_FIRST_MS = 5, WAIT_MAX_MS = 40 };

struct flight_state {
    UT_hash_handle hh; /* by flight->name */
    struct flight *flight;
    struct cache_reader *owners, *joiners;
    bool fetching; /* a reader that comes from here on is a joiner */
    bool granted;  /* a lease or generation is held */
    bool filled, found;
    bool has_told; /* Redis the watermark of its slot */
    struct timer *timer;
    uint32_t wait_ms;
    int64_t patience_until_ms; /* loop time */
    struct pool_job job;
};

static void flight_acquire(struct flight *flight);
static void flight_fetch(struct flight *flight, enum cache_source source);
static void flight_fill(struct flight *flight);
static void flight_finish(struct flight *flight);

/* Owners came before the store was asked, joiners later. */
static void flight_add(struct flight_state *state, struct cache_reader *reader)
{
    struct cache_reader **readers = state->fetching ? &state->joiners : &state->owners;
    LL_PREPEND(*readers, reader);
}

static struct flight_state *flight_find(const struct cache *cache, const struct key *name)
{
    struct flight_state *state;
    HASH_FIND(hh, cache->flights, name->text, name->len, state);
    return state;
}

static const struct events *flight_events(const struct flight *flight)
{
    return flight->cache->options.events;
}

/*
 * Whether Redis has been trusted ever since the start. If not, readers may have joined without asking it first, and its
 * replies say nothing about their writes.
 */
static bool flight_was_trusted(const struct flight *flight)
{
    return home_holds(&flight->home);
}

/* ---- The steps, in running order ---- */

static void on_watermark(void *ctx, const struct redis_reply *reply)
{
    struct flight *flight = ctx;
    watermark_heed(flight->cache->options.store, reply);
    flight_fetch(flight, flight->source);
}

/* Where acquire has told no watermark: it was not asked, Redis refused it, or it found an entry that will not do. */
static void flight_fetch_told(struct flight *flight, enum cache_source source)
{
    struct store *store = flight->cache->options.store;
    const struct home home = flight->kind->home(flight);
    flight->source = source;
    if (!home_holds(&home) || !watermark_ask(&home, store, on_watermark, flight))
        flight_fetch(flight, source);
}

static void flight_begin(struct flight *flight)
{
    const struct events *events = flight_events(flight);
    uint32_t patience_ms = (uint32_t)flight->cache->options.settings->lease_wait_ms;
    flight->state->patience_until_ms = events_now_ms(events) + patience_ms;
    flight->state->wait_ms = WAIT_FIRST_MS;
    if (flight->is_direct)
        flight_fetch_told(flight, CACHE_REQUEST);
    else if (home_holds(&flight->home))
        flight_acquire(flight);
    else
        flight_fetch(flight, CACHE_BYPASS);
}

static void on_wait_over(void *ctx)
{
    flight_acquire(ctx);
}

/* Asks again soon, then less often; when the patience is over the store is asked without a lease. */
static void flight_wait(struct flight *flight)
{
    const struct events *events = flight_events(flight);
    struct flight_state *state = flight->state;
    if (events_now_ms(events) + state->wait_ms > state->patience_until_ms) {
        flight_fetch(flight, CACHE_MISS);
        return;
    }
    if (!state->timer) {
        state->timer = events->timer_new(events->loop, on_wait_over, flight);
        cache_count(flight->cache, STAT_WAIT);
    }
    events->timer_start(state->timer, state->wait_ms);
    state->wait_ms = 2 * state->wait_ms < WAIT_MAX_MS ? 2 * state->wait_ms : WAIT_MAX_MS;
}

/* A word comes with the watermark, an entry without. */
static bool has_told(const struct redis_reply *reply)
{
    return redis_reply_ok(reply) && redis_reply_type(reply) == REDIS_TYPE_TEXT;
}

static void on_told(void *ctx, const struct redis_reply *reply)
{
    (void)ctx, (void)reply; /* the acquire behind it shows what became of it */
}

/* A slot of a cluster has a watermark of its own, which the first of its readers tells. */
static bool flight_tells(struct flight *flight, const struct redis_reply *reply)
{
    const struct cache_options *options = &flight->cache->options;
    const struct home home = flight->kind->home(flight);
    if (home.slot == HOME_SLOT_NONE || flight->state->has_told || !home_holds(&home) || !watermark_is_lost(reply))
        return false;
    flight->state->has_told = true;
    return watermark_tell(&home, options->settings, options->store, on_told, NULL);
}

static void on_acquired(void *ctx, const struct redis_reply *reply)
{
    struct flight *flight = ctx;
    enum flight_grant grant = redis_reply_ok(reply) ? flight->kind->granted(flight, reply) : GRANT_BYPASS;
    if (grant == GRANT_FOUND && !flight_was_trusted(flight))
        grant = GRANT_BYPASS;
    if (grant == GRANT_BYPASS && flight_tells(flight, reply)) {
        flight_acquire(flight);
        return;
    }
    flight->state->found = grant == GRANT_FOUND;
    bool has_readers = flight->state->owners != NULL;
    if (flight->is_refresh && grant != GRANT_FILL && !has_readers) {
        flight_finish(flight); /* it is being refreshed, or written, or has been */
        return;
    }
    switch (grant) {
    case GRANT_FILL:
        flight->state->granted = true;
        flight_fetch(flight, CACHE_MISS);
        break;
    case GRANT_WAIT:
        flight_wait(flight);
        break;
    case GRANT_BYPASS:
        if (has_told(reply))
            flight_fetch(flight, CACHE_BYPASS);
        else
            flight_fetch_told(flight, CACHE_BYPASS);
        break;
    case GRANT_FOUND:
        flight->source = CACHE_HIT; /* its status is the kind's: "there is none" may be found as well */
        flight_finish(flight);
        break;
    }
}

static void flight_acquire(struct flight *flight)
{
    flight->kind->acquire(flight, on_acquired);
}

static enum status fetch_work(struct pool_job *job, struct error *error)
{
    struct flight_state *state = container_of(job, struct flight_state, job);
    struct flight *flight = state->flight;
    flight->at_ms = clock_wall_ms();
    int64_t begun_us = clock_monotonic_us();
    enum status status = flight->kind->fetch(flight, flight->cache->options.store, error);
    flight->cost_us = clock_monotonic_us() - begun_us;
    failpoint_pass(FAILPOINT_FILL_BEFORE);
    return status;
}

static void count_fetch(const struct flight *flight)
{
    const struct flight_kind *kind = flight->kind;
    bool is_absent = flight->status == STATUS_NOT_FOUND;
    cache_count(flight->cache, flight->status == STATUS_OK ? kind->ok : is_absent ? kind->absent : kind->failed);
}

static void on_fetched(struct pool_job *job, enum status status, const struct error *error)
{
    struct flight_state *state = container_of(job, struct flight_state, job);
    struct flight *flight = state->flight;
    flight->status = status;
    bool has_value = status == STATUS_OK || status == STATUS_NOT_FOUND;
    count_fetch(flight);
    if (!has_value)
        flight->error = *error;
    if (has_value && state->granted && (!flight->kind->fits || flight->kind->fits(flight))) {
        flight_fill(flight);
        return;
    }
    if (state->granted && flight->kind->release)
        flight->kind->release(flight);
    flight_finish(flight);
}

static void flight_fetch(struct flight *flight, enum cache_source source)
{
    flight->source = source;
    flight->state->fetching = true;
    flight->state->job = (struct pool_job){.lane = POOL_READ, .work = fetch_work, .done = on_fetched};
    pool_run(flight->cache->options.pool, &flight->state->job);
}

static void count_fill(const struct flight *flight, enum flight_fill outcome)
{
    const struct flight_kind *kind = flight->kind;
    enum stat_counter refused = flight->status == STATUS_NOT_FOUND ? kind->absent_refused : kind->refused;
    const enum stat_counter stats[] = {
        [FLIGHT_FILLED] = STAT_FILL, [FLIGHT_FILL_REFUSED] = refused, [FLIGHT_FILL_FAILED] = STAT_FILL_FAILED};
    cache_count(flight->cache, stats[outcome]);
}

static void on_filled(void *ctx, const struct redis_reply *reply)
{
    struct flight *flight = ctx;
    enum flight_fill outcome = redis_reply_ok(reply) ? FLIGHT_FILL_REFUSED : FLIGHT_FILL_FAILED;
    if (redis_reply_ok(reply) && redis_reply_integer(reply) == 1)
        outcome = FLIGHT_FILLED;
    flight->state->filled = outcome == FLIGHT_FILLED && flight_was_trusted(flight);
    count_fill(flight, outcome);
    if (flight->kind->filled)
        flight->kind->filled(flight, outcome);
    if (reply && !redis_reply_ok(reply) && flight->kind->release)
        flight->kind->release(flight); /* or other readers would wait for a fill that will not come */
    flight_finish(flight);
}

static void flight_fill(struct flight *flight)
{
    flight->kind->fill(flight, on_filled);
}

/* ---- Finishing ---- */

static struct cache_trace flight_trace(const struct flight *flight)
{
    const struct flight_state *state = flight->state;
    struct cache_trace trace = {.source = flight->source, .stored = state->filled, .ttl_ms = -1};
    if (state->filled || state->found)
        trace_date(&trace, flight->at_ms, flight->kind->ttl_ms(flight));
    trace.unseen = state->found && trust_is_unseen(flight->home.trust);
    return trace;
}

static void deliver_all(struct flight *flight, struct cache_reader *readers)
{
    const struct flight_state *state = flight->state;
    struct cache_trace trace = flight_trace(flight);
    while (readers) {
        struct cache_reader *reader = readers;
        readers = reader->next; /* the answer may free it */
        reader->next = NULL;    /* or it goes on to another flight, alone */
        trace.collapsed = reader->joined;
        trace_time(&trace, reader, state->found ? -1 : flight->cost_us);
        flight->kind->deliver(flight, reader, &trace);
    }
}

static void flight_free(struct flight *flight)
{
    struct flight_state *state = flight->state;
    flight_events(flight)->timer_free(state->timer);
    flight->kind->destroy(flight);
    free(state);
}

/*
 * Readers that joined late and may not take the result start one new flight, which reads after all of them came. If the
 * epoch has moved on meanwhile, another flight may already have the new name; then they join that one.
 */
static void flight_again(struct flight *flight, struct cache_reader *readers)
{
    struct flight *next = flight->kind->create(flight);
    struct flight_state *other = flight_find(flight->cache, &next->name);
    if (!other) {
        flight_start(next, readers);
        return;
    }
    next->kind->destroy(next);
    while (readers) {
        struct cache_reader *reader = readers;
        readers = reader->next;
        flight_add(other, reader);
    }
}

static void flight_finish(struct flight *flight)
{
    struct flight_state *state = flight->state;
    HASH_DEL(flight->cache->flights, state);
    bool is_for_all =
        state->filled || state->found || (flight->status != STATUS_OK && flight->status != STATUS_NOT_FOUND);
    struct cache_reader *joiners = state->joiners;
    if ((state->filled || state->found) && flight->kind->shared)
        flight->kind->shared(flight);
    if (joiners && !is_for_all && !failpoint_is_on(FAILPOINT_JOINERS_TAKE_REFUSED)) {
        flight_again(flight, joiners);
        joiners = NULL;
    }
    deliver_all(flight, state->owners);
    deliver_all(flight, joiners);
    flight_free(flight);
}

/* ---- Joining and starting ---- */

bool flight_is_under_way(const struct cache *cache, const struct key *name)
{
    return flight_find(cache, name) != NULL;
}

struct flight *flight_make_direct(struct flight *flight)
{
    flight->is_direct = true;
    key_mark_direct(&flight->name);
    return flight;
}

bool flight_join(struct cache *cache, const struct key *name, struct cache_reader *reader)
{
    struct flight_state *state = flight_find(cache, name);
    if (!state)
        return false;
    reader->joined = true;
    cache_count(cache, STAT_COLLAPSED);
    flight_add(state, reader);
    return true;
}

void flight_start(struct flight *flight, struct cache_reader *readers)
{
    struct cache *cache = flight->cache;
    struct flight_state *state = mem_zalloc(sizeof(*state));
    state->flight = flight;
    state->owners = readers;
    flight->state = state;
    bug_unless(!flight_find(cache, &flight->name), "two flights of one name");
    HASH_ADD_KEYPTR(hh, cache->flights, flight->name.text, flight->name.len, state);
    flight_begin(flight);
}

bool flight_table_is_empty(const struct cache *cache)
{
    return cache->flights == NULL;
}
