/* SPDX-License-Identifier: MIT */
/*
 * Reading one todo. The hit path is one HGETALL and nothing else; what it cannot use goes on to a flight (flight.c).
 *
 *   cache_get -> HGETALL --whole entry--> answer (hit, or negative hit)
 *                    |--absent, broken, no answer--> join or start a flight: acquire, store, fill
 *                    \--not what the reader asks for--> a direct flight: store
 *
 * "There is no such todo" is a value like any other: it is filled as a negative entry with a lifetime of its own, and a
 * write of that id removes it like any other.
 *
 * A broken entry (another type, fields missing) was not made by this service. It is deleted, because acquire would
 * answer it again, and the read goes on as a miss. Other errors (NOPERM) say nothing about the entry: they are a miss,
 * and nothing is deleted.
 *
 * Before all this the L1 of the machine is asked (cache_get_near()), which answers by its return. It has what hits and
 * fills have shown lately, each under the generation that its reader noted before it sent its first command; when a
 * writer has raised the generation since, the L1 has nothing (l1/table.c). All else is as with an entry in Redis:
 * trust, epoch, lifetime, refresh, demands, audits. Such a read knows the generation after it began, so it sees every
 * write that was answered before.
 *
 * If the store is away, an entry past its end may be answered (stale_if_error_s), and the answer says so.
 */
#include "cache/todo_read.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "cache/cache_state.h"
#include "cache/doubt.h"
#include "cache/entry.h"
#include "cache/flight.h"
#include "cache/l1_entry.h"
#include "cache/lifetime.h"
#include "cache/mutant.h"
#include "cache/scripts.h"
#include "cache/watermark.h"
#include "l1/licence.h"

struct todo_flight {
    struct flight flight;
    char id[TODO_ID_MAX + 1];
    struct todo_keys keys;
    struct arena arena; /* the value's texts */
    struct entry entry;
    struct l1_note note; /* taken before acquire was sent */
    const char *request; /* of the reader that began it; NULL: none did */
    bool awaits;         /* another reader's fill, and has noted it */
};

static void count_read(struct cache *cache, const struct cache_answer *answer)
{
    if (answer->trace.unseen)
        cache_count(cache, STAT_HIT_UNSEEN);
    static const enum stat_counter stats[] = {
        [CACHE_HIT] = STAT_HIT, [CACHE_MISS] = STAT_MISS, [CACHE_REQUEST] = STAT_REQUEST, [CACHE_BYPASS] = STAT_BYPASS};
    bool is_negative_hit = answer->trace.source == CACHE_HIT && answer->status == STATUS_NOT_FOUND;
    cache_count(cache, is_negative_hit ? STAT_NEGATIVE_HIT : stats[answer->trace.source]);
    if (answer->trace.source != CACHE_HIT && answer->status == STATUS_NOT_FOUND)
        cache_count(cache, STAT_ABSENT_READ);
}

/* What happens to this entry, in the trail. */
static void todo_note(const struct flight *flight, enum trail_kind kind)
{
    const struct todo_flight *self = (const struct todo_flight *)flight;
    int64_t v = flight->status == STATUS_OK ? self->entry.todo.v : 0;
    trail_note(flight->cache->options.trail, kind, self->id, self->request, v);
}

static void get_answer(struct cache_get *get, const struct cache_answer *answer)
{
    count_read(get->reader.cache, answer);
    get->done(get->ctx, answer);
}

/* ---- The kind of flight ---- */

static const struct flight_kind todo_kind;

/* Entries that were filled after after_ms will do. request: of the reader that begins it, or NULL. */
static struct flight *todo_flight_new(struct cache *cache, const char *id, int64_t after_ms, const char *request)
{
    struct todo_flight *self = mem_zalloc(sizeof(*self));
    self->flight.kind = &todo_kind;
    self->flight.cache = cache;
    self->flight.home = home_of(cache, id);
    memcpy(self->id, id, strlen(id) + 1);
    todo_keys_init(&self->keys, self->flight.home.epoch, id);
    self->flight.name = self->keys.entry;
    self->flight.after_ms = after_ms;
    self->request = request;
    self->flight.token = token_new();
    arena_init(&self->arena);
    return &self->flight;
}

static struct flight *todo_create(const struct flight *last)
{
    struct flight *flight = todo_flight_new(last->cache, ((const struct todo_flight *)last)->id, last->after_ms, NULL);
    return last->is_direct ? flight_make_direct(flight) : flight;
}

static struct home todo_home(const struct flight *flight)
{
    return home_of(flight->cache, ((const struct todo_flight *)flight)->id);
}

static void todo_destroy(struct flight *flight)
{
    struct todo_flight *self = (struct todo_flight *)flight;
    arena_fini(&self->arena);
    free(self);
}

static void todo_acquire(struct flight *flight, redis_reply_cb on_reply)
{
    struct todo_flight *self = (struct todo_flight *)flight;
    const struct slice entry = key_slice(&self->keys.entry), writers = key_slice(&self->keys.writers);
    struct key watermark;
    struct store_watermark known;
    const struct home home = todo_home(flight);
    key_of_watermark(&watermark, home.epoch, home.slot);
    store_watermark(flight->cache->options.store, &known);
    const struct slice keys[] = {entry, key_slice(&self->keys.lease), mutant_writers(entry, writers),
                                 key_slice(&watermark)};
    self->note = l1_note(flight->cache->options.l1, self->id);
    char lease_ms[INT64_TEXT_MAX + 1], after_ms[INT64_TEXT_MAX + 1];
    const struct slice args[] = {slice_of(flight->token.text),
                                 slice_of_int64(lease_ms, flight->cache->options.settings->lease_ms),
                                 slice_of_int64(after_ms, flight->after_ms), slice_of(known.text)};
    script_run(home.redis, SCRIPT_ACQUIRE, keys, 4, args, 4, on_reply, flight);
}

/* The entry's texts are in the reply, which is freed before a waiting reader gets its answer: copied. */
static enum flight_grant todo_found(struct todo_flight *self, const struct redis_reply *reply)
{
    struct entry entry;
    if (entry_parse(&entry, self->id, reply) != ENTRY_FOUND)
        return GRANT_BYPASS;
    self->entry = entry;
    if (!entry.negative)
        todo_copy(&self->entry.todo, &entry.todo, &self->arena);
    self->flight.at_ms = entry.at_ms;
    self->flight.status = entry.negative ? STATUS_NOT_FOUND : STATUS_OK;
    return GRANT_FOUND;
}

static enum flight_grant todo_granted(struct flight *flight, const struct redis_reply *reply)
{
    static const enum trail_kind grants[] = {
        [GRANT_FILL] = TRAIL_LEASE_GRANTED, [GRANT_WAIT] = TRAIL_LEASE_AWAITED, [GRANT_BYPASS] = TRAIL_LEASE_REFUSED};
    struct todo_flight *self = (struct todo_flight *)flight;
    if (redis_reply_type(reply) == REDIS_TYPE_ARRAY)
        return todo_found(self, reply);
    struct slice word = watermark_take(flight->cache->options.store, redis_reply_text(reply));
    int64_t doubted_at_ms;
    enum flight_grant grant = GRANT_BYPASS;
    if (slice_equal(word, SLICE("FILL")))
        grant = GRANT_FILL;
    else if (slice_equal(word, SLICE("WAIT")))
        grant = GRANT_WAIT;
    else if (doubt_parse(word, &doubted_at_ms))
        doubt_note(flight->cache->doubt, &flight->home, self->id, doubted_at_ms);
    if (grant != GRANT_WAIT || !self->awaits)
        todo_note(flight, grants[grant]);
    self->awaits = grant == GRANT_WAIT;
    return grant;
}

static enum status todo_fetch(struct flight *flight, struct store *store, struct error *error)
{
    struct todo_flight *self = (struct todo_flight *)flight;
    enum status status = store_get(store, self->id, &self->arena, &self->entry.todo, error);
    self->entry.negative = status == STATUS_NOT_FOUND;
    return status;
}

static int64_t todo_flight_ttl_ms(const struct flight *flight)
{
    const struct todo_flight *self = (const struct todo_flight *)flight;
    return lifetime_ms(flight->cache->options.settings, self->entry.negative, self->id, flight->at_ms).hard_ms;
}

static void todo_fill(struct flight *flight, redis_reply_cb on_reply)
{
    struct todo_flight *self = (struct todo_flight *)flight;
    int64_t kept_ms =
        lifetime_ms(flight->cache->options.settings, self->entry.negative, self->id, flight->at_ms).kept_ms;
    self->entry.at_ms = flight->at_ms;
    self->entry.cost_ms = flight->cost_us / 1000;
    struct entry_args fields;
    entry_print(&fields, &self->entry);
    char ttl_ms[INT64_TEXT_MAX + 1];
    struct slice args[2 + ENTRY_ARGS_MAX] = {slice_of(flight->token.text), slice_of_int64(ttl_ms, kept_ms)};
    memcpy(args + 2, fields.args, fields.count * sizeof(*args));
    const struct slice keys[] = {key_slice(&self->keys.entry), key_slice(&self->keys.lease)};
    struct redis *redis = todo_home(flight).redis;
    mutant_steal_lease(redis, keys[1], slice_of(flight->token.text));
    script_run(redis, SCRIPT_FILL, keys, 2, args, 2 + fields.count, on_reply, flight);
}

static void todo_filled(const struct flight *flight, enum flight_fill outcome)
{
    static const enum trail_kind kinds[] = {[FLIGHT_FILLED] = TRAIL_FILLED,
                                            [FLIGHT_FILL_REFUSED] = TRAIL_FILL_REFUSED,
                                            [FLIGHT_FILL_FAILED] = TRAIL_FILL_FAILED};
    todo_note(flight, kinds[outcome]);
}

static void todo_shared(struct flight *flight)
{
    struct todo_flight *self = (struct todo_flight *)flight;
    l1_entry_keep(flight->cache, flight->home.epoch, &self->note, self->id, &self->entry);
}

static void on_released(void *ctx, const struct redis_reply *reply)
{
    (void)ctx, (void)reply; /* if it failed, the lease runs out by itself */
}

static void todo_release(struct flight *flight)
{
    struct todo_flight *self = (struct todo_flight *)flight;
    const struct slice key = key_slice(&self->keys.lease), token = slice_of(flight->token.text);
    script_run(todo_home(flight).redis, SCRIPT_RELEASE, &key, 1, &token, 1, on_released, NULL);
}

static void get_direct(struct cache_get *get);
static void get_last_resort(struct cache_get *get, enum status status, const struct error *error);

/*
 * A value that the store did not read for this very reader may be older than what the reader has seen (reader.c). If
 * the store failed, an entry past its end may have to do.
 */
static void todo_deliver(struct flight *flight, struct cache_reader *reader, const struct cache_trace *trace)
{
    struct todo_flight *self = (struct todo_flight *)flight;
    struct cache_get *get = container_of(reader, struct cache_get, reader);
    struct cache_answer answer = {.status = flight->status, .trace = *trace};
    bool is_value = flight->status == STATUS_OK || flight->status == STATUS_NOT_FOUND;
    if (flight->status == STATUS_OK)
        answer.todo = &self->entry.todo;
    if (!is_value)
        get_last_resort(get, flight->status, &flight->error);
    else if (!flight->is_direct && !todo_version_is_met(&get->demand.least, answer.todo))
        get_direct(get);
    else
        get_answer(get, &answer);
}

static const struct flight_kind todo_kind = {
    .create = todo_create,
    .home = todo_home,
    .acquire = todo_acquire,
    .granted = todo_granted,
    .fetch = todo_fetch,
    .fill = todo_fill,
    .filled = todo_filled,
    .shared = todo_shared,
    .release = todo_release,
    .deliver = todo_deliver,
    .destroy = todo_destroy,
    .ttl_ms = todo_flight_ttl_ms,
    .ok = STAT_STORE_GET_OK,
    .absent = STAT_STORE_GET_ABSENT,
    .failed = STAT_STORE_GET_FAILED,
    .refused = STAT_FILL_REFUSED,
    .absent_refused = STAT_NEGATIVE_REFUSED,
};

/* At the reader's home, in the turn of the loop in which it was taken. */
static void redis_ask_entry(struct cache_get *get, redis_reply_cb on_reply)
{
    struct key key;
    key_of_entry(&key, get->reader.home.epoch, get->id);
    redis_call(get->reader.home.redis, (struct slice[]){SLICE("HGETALL"), key_slice(&key)}, 2, on_reply, get);
}

/* ---- The store is away: an entry past its end ---- */

static void get_fail(struct cache_get *get)
{
    struct cache_answer answer = {.status = get->error.status, .error = &get->error, .trace = {.source = CACHE_MISS}};
    answer.trace.ttl_ms = -1;
    get_answer(get, &answer);
}

static void on_last_resort(void *ctx, const struct redis_reply *reply)
{
    struct cache_get *get = ctx;
    struct cache *cache = get->reader.cache;
    struct entry entry;
    if (!reply || !reader_may_trust(&get->reader) || entry_parse(&entry, get->id, reply) != ENTRY_FOUND ||
        entry.negative || !todo_version_is_met(&get->demand.least, &entry.todo)) {
        get_fail(get);
        return;
    }
    struct cache_answer answer = {.status = STATUS_OK, .todo = &entry.todo};
    answer.trace =
        (struct cache_trace){.source = CACHE_HIT, .stale = true, .unseen = trust_is_unseen(get->reader.home.trust)};
    trace_date(&answer.trace, entry.at_ms, lifetime_ms(cache->options.settings, false, get->id, entry.at_ms).hard_ms);
    trace_time(&answer.trace, &get->reader, -1);
    cache_count(cache, STAT_STALE);
    get_answer(get, &answer);
}

static void get_last_resort(struct cache_get *get, enum status status, const struct error *error)
{
    struct cache *cache = get->reader.cache;
    get->error = *error;
    get->error.status = status;
    get->reader.home = home_of(cache, get->id);
    if (cache->options.settings->stale_if_error_s == 0 || !reader_may_trust(&get->reader) || get->demand.from_store) {
        get_fail(get);
        return;
    }
    redis_ask_entry(get, on_last_resort);
}

/* ---- The hit path ---- */

static void get_direct(struct cache_get *get)
{
    struct cache *cache = get->reader.cache;
    struct key name;
    key_of_entry(&name, home_of(cache, get->id).epoch, get->id);
    key_mark_direct(&name);
    if (!flight_join(cache, &name, &get->reader))
        flight_start(flight_make_direct(todo_flight_new(cache, get->id, -1, get->request)), &get->reader);
}

static void get_join(struct cache_get *get, int64_t after_ms)
{
    struct cache *cache = get->reader.cache;
    struct key name;
    key_of_entry(&name, home_of(cache, get->id).epoch, get->id);
    if (!flight_join(cache, &name, &get->reader))
        flight_start(todo_flight_new(cache, get->id, after_ms, get->request), &get->reader);
}

/* Redis has nothing that will do, and the store isn't asked. */
static bool get_ends_here(struct cache_get *get)
{
    struct cache_answer answer = {.status = STATUS_MISMATCH, .trace = {.source = CACHE_MISS, .ttl_ms = -1}};
    if (!get->demand.only_if_cached && !demand_is_refused(&get->demand))
        return false;
    get->done(get->ctx, &answer); /* the answer may free it */
    return true;
}

/* If a flight is under way already it will do as well. */
static void refresh_begin(struct cache *cache, const char *id, int64_t at_ms)
{
    struct key name;
    key_of_entry(&name, home_of(cache, id).epoch, id);
    if (flight_is_under_way(cache, &name))
        return;
    struct flight *flight = todo_flight_new(cache, id, at_ms, NULL);
    flight->is_refresh = true;
    cache_count(cache, STAT_REFRESH);
    flight_start(flight, NULL);
}

enum found { FOUND_HIT, FOUND_UNFIT, FOUND_OVER };

/* The answer that an entry makes; anything but a hit makes none. from: where the entry was. */
static enum found hit_make(struct cache_get *get, const struct entry *entry, enum trail_kind from,
                           struct cache_answer *answer)
{
    struct cache *cache = get->reader.cache;
    const struct settings *settings = cache->options.settings;
    struct lifetime lifetime = lifetime_ms(settings, entry->negative, get->id, entry->at_ms);
    *answer = (struct cache_answer){.status = entry->negative ? STATUS_NOT_FOUND : STATUS_OK};
    answer->todo = entry->negative ? NULL : &entry->todo;
    answer->trace = (struct cache_trace){.source = CACHE_HIT, .unseen = trust_is_unseen(get->reader.home.trust)};
    trace_date(&answer->trace, entry->at_ms, lifetime.hard_ms);
    if (answer->trace.age_ms >= lifetime.hard_ms)
        return FOUND_OVER;
    if (!demand_fits(&get->demand, &answer->trace, answer->todo))
        return FOUND_UNFIT;
    if (!entry->negative && lifetime_wants_refresh(settings, &lifetime, entry->cost_ms, answer->trace.age_ms))
        refresh_begin(cache, get->id, entry->at_ms);
    if (cache->on_hit)
        cache->on_hit(cache->on_hit_ctx, get->id, entry->negative);
    trail_hit(cache->options.trail, from, get->id, get->request, answer->todo);
    trace_time(&answer->trace, &get->reader, -1);
    return FOUND_HIT;
}

static void get_found(struct cache_get *get, const struct entry *entry)
{
    struct cache_answer answer;
    enum found found = hit_make(get, entry, TRAIL_HIT, &answer);
    if (found != FOUND_OVER)
        l1_entry_keep(get->reader.cache, get->reader.home.epoch, &get->note, get->id, entry);
    if (found == FOUND_HIT)
        get_answer(get, &answer);
    else if (get_ends_here(get))
        return;
    else if (found == FOUND_OVER)
        get_join(get, entry->at_ms);
    else
        get_direct(get);
}

/* Sent before the acquire that follows, so that it finds no entry. */
static void entry_discard(const struct cache *cache, const struct home *home, const char *id)
{
    struct key key;
    key_of_entry(&key, home->epoch, id);
    log_warn(NULL, "entry_broken", "id=%s action=deleted", id);
    trail_note(cache->options.trail, TRAIL_DISCARDED, id, NULL, 0);
    redis_call(home->redis, (struct slice[]){SLICE("DEL"), key_slice(&key)}, 2, on_released, NULL);
}

static void on_entry(void *ctx, const struct redis_reply *reply)
{
    struct cache_get *get = ctx;
    struct entry entry;
    if (reply && reader_may_trust(&get->reader) && !demand_is_refused(&get->demand)) {
        enum entry_found found = entry_parse(&entry, get->id, reply);
        if (found == ENTRY_FOUND) {
            get_found(get, &entry);
            return;
        }
        if (found == ENTRY_BROKEN && (redis_reply_ok(reply) || redis_reply_is_error(reply, "WRONGTYPE")))
            entry_discard(get->reader.cache, &get->reader.home, get->id);
    }
    if (!get_ends_here(get))
        get_join(get, -1);
}

bool cache_get_near(struct cache *cache, struct cache_get *get, struct cache_near *near)
{
    struct l1_table *l1 = cache->options.l1;
    if (!l1_keeps(l1) || get->demand.from_store)
        return false;
    get->reader.home = home_of(cache, get->id);
    reader_init(&get->reader, cache);
    if (!reader_may_trust(&get->reader))
        return false;
    bool is_cluster = get->reader.home.slot != HOME_SLOT_NONE; /* else the list has the same home */
    if (!l1_may_answer(l1, is_cluster ? home_of_list(cache).epoch : get->reader.home.epoch))
        return false;
    get->note = l1_note(l1, get->id);
    if (!l1_entry_find(cache, get->reader.home.epoch, &get->note, get->id, &near->entry, &near->copy) ||
        hit_make(get, &near->entry, TRAIL_L1_HIT, &near->answer) != FOUND_HIT)
        return false;
    near->answer.trace.l1 = true;
    near->answer.trace.redis_us = -1;
    count_read(cache, &near->answer);
    return true;
}

void cache_get(struct cache *cache, struct cache_get *get)
{
    get->reader.home = home_of(cache, get->id);
    reader_init(&get->reader, cache);
    get->note = l1_note(cache->options.l1, get->id);
    bool may_ask_store = !get->demand.only_if_cached;
    if (may_ask_store && get->demand.from_store) {
        get_direct(get);
        return;
    }
    if (may_ask_store && !reader_may_trust(&get->reader)) {
        get_join(get, -1);
        return;
    }
    redis_ask_entry(get, on_entry);
}
