/* SPDX-License-Identifier: MIT */
/*
 * Reading one todo. The hit path is one HGETALL, nothing else; whatever it can't use goes on to a flight (flight.c).
 *
 *   cache_get -> HGETALL --whole entry--> answer (hit, or negative hit)
 *                    |--absent, broken, no answer--> join or start a flight: acquire, store, fill
 *                    \--not what the reader asks for--> a direct flight: store
 *
 * "There is no such todo" is a value like any other: it is filled as a negative entry with a lifetime of its own, and a
 * write of that id removes it like any other.
 *
 * A broken entry (another type, fields missing) can't be one of ours. It is deleted, for acquire would hand it out again, and
 * the read goes on as a miss. Other errors (LOADING, BUSY) say nothing about the entry and are a miss alone.
 */
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "cache/cache_state.h"
#include "cache/demand.h"
#include "cache/entry.h"

struct todo_flight {
    struct flight flight;
    char id[TODO_ID_MAX + 1];
    struct todo_keys keys;
    struct arena arena; /* the value's texts */
    struct entry entry;
};

static struct cache_get *get_of_reader(struct cache_reader *reader)
{
    return (struct cache_get *)((char *)reader - offsetof(struct cache_get, reader));
}

static int64_t todo_ttl_ms(const struct cache *cache, bool negative, const char *id, int64_t at_ms)
{
    const struct settings *settings = cache->options.settings;
    int64_t ttl_s = negative ? settings->negative_ttl_s : settings->todo_ttl_s;
    return entry_ttl_ms(ttl_s * 1000, slice_of(id), at_ms);
}

static void count_read(struct cache *cache, const struct cache_answer *answer)
{
    static const enum stat_counter stats[] = {
        [CACHE_HIT] = STAT_HIT, [CACHE_MISS] = STAT_MISS, [CACHE_REQUEST] = STAT_REQUEST, [CACHE_BYPASS] = STAT_BYPASS};
    bool is_negative_hit = answer->trace.source == CACHE_HIT && answer->status == STATUS_NOT_FOUND;
    cache_count(cache, is_negative_hit ? STAT_NEGATIVE_HIT : stats[answer->trace.source]);
}

static void get_answer(struct cache_get *get, const struct cache_answer *answer)
{
    count_read(get->reader.cache, answer);
    get->done(get->ctx, answer);
}

/* ---- The kind of flight ---- */

static const struct flight_kind todo_kind;

static struct flight *todo_flight_new(struct cache *cache, const char *id, bool is_direct)
{
    struct todo_flight *self = mem_zalloc(sizeof(*self));
    self->flight.kind = &todo_kind;
    self->flight.cache = cache;
    memcpy(self->id, id, strlen(id) + 1);
    todo_keys_init(&self->keys, cache->epoch, id);
    self->flight.name = self->keys.entry;
    self->flight.is_direct = is_direct;
    if (is_direct)
        key_mark_direct(&self->flight.name);
    self->flight.token = token_new();
    arena_init(&self->arena);
    return &self->flight;
}

static struct flight *todo_create(const struct flight *last)
{
    return todo_flight_new(last->cache, ((const struct todo_flight *)last)->id, last->is_direct);
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
    const struct slice keys[] = {key_slice(&self->keys.entry), key_slice(&self->keys.lease),
                                 key_slice(&self->keys.writers)};
    char lease_ms[INT64_TEXT_MAX + 1];
    const struct slice args[] = {slice_of(flight->token.text),
                                 slice_of_int64(lease_ms, flight->cache->options.settings->lease_ms)};
    script_run(flight->cache->redis, SCRIPT_ACQUIRE, keys, 3, args, 2, on_reply, flight);
}

/* The entry's texts are in the reply, which is gone by the time of deliver for those who wait: copied. */
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
    if (redis_reply_type(reply) == REDIS_TYPE_ARRAY)
        return todo_found((struct todo_flight *)flight, reply);
    struct slice word = redis_reply_text(reply);
    if (slice_equal(word, SLICE("FILL")))
        return GRANT_FILL;
    return slice_equal(word, SLICE("WAIT")) ? GRANT_WAIT : GRANT_BYPASS;
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
    return todo_ttl_ms(flight->cache, self->entry.negative, self->id, flight->at_ms);
}

static void todo_fill(struct flight *flight, redis_reply_cb on_reply)
{
    struct todo_flight *self = (struct todo_flight *)flight;
    self->entry.at_ms = flight->at_ms;
    self->entry.cost_ms = flight->cost_us / 1000;
    struct entry_args fields;
    entry_print(&fields, &self->entry);
    char ttl_ms[INT64_TEXT_MAX + 1];
    struct slice args[2 + ENTRY_ARGS_MAX] = {slice_of(flight->token.text),
                                             slice_of_int64(ttl_ms, todo_flight_ttl_ms(flight))};
    memcpy(args + 2, fields.args, fields.count * sizeof(*args));
    const struct slice keys[] = {key_slice(&self->keys.entry), key_slice(&self->keys.lease)};
    script_run(flight->cache->redis, SCRIPT_FILL, keys, 2, args, 2 + fields.count, on_reply, flight);
}

static void on_released(void *ctx, const struct redis_reply *reply)
{
    (void)ctx, (void)reply; /* if it failed, the lease runs out by itself */
}

static void todo_release(struct flight *flight)
{
    struct todo_flight *self = (struct todo_flight *)flight;
    const struct slice key = key_slice(&self->keys.lease), token = slice_of(flight->token.text);
    script_run(flight->cache->redis, SCRIPT_RELEASE, &key, 1, &token, 1, on_released, NULL);
}

static void get_direct(struct cache_get *get);

/* A value that isn't the store's word to this very reader may be older than what the reader has seen (demand.c). */
static void todo_deliver(struct flight *flight, struct cache_reader *reader, const struct cache_trace *trace)
{
    struct todo_flight *self = (struct todo_flight *)flight;
    struct cache_get *get = get_of_reader(reader);
    struct cache_answer answer = {.status = flight->status, .error = &flight->error, .trace = *trace};
    if (flight->status == STATUS_OK)
        answer.todo = &self->entry.todo;
    bool is_value = flight->status == STATUS_OK || flight->status == STATUS_NOT_FOUND;
    int64_t v = answer.todo ? answer.todo->v : 0;
    if (is_value && !flight->is_direct && v < get->demand.least_v)
        get_direct(get);
    else
        get_answer(get, &answer);
}

static const struct flight_kind todo_kind = {
    .create = todo_create,
    .acquire = todo_acquire,
    .granted = todo_granted,
    .fetch = todo_fetch,
    .fill = todo_fill,
    .release = todo_release,
    .deliver = todo_deliver,
    .destroy = todo_destroy,
    .ttl_ms = todo_flight_ttl_ms,
    .ok = STAT_STORE_GET_OK,
    .absent = STAT_STORE_GET_ABSENT,
    .failed = STAT_STORE_GET_FAILED,
};

/* ---- The hit path ---- */

static void get_board(struct cache_get *get, bool is_direct)
{
    struct cache *cache = get->reader.cache;
    struct key name;
    key_of_entry(&name, cache->epoch, get->id);
    if (is_direct)
        key_mark_direct(&name);
    if (!flight_join(cache, &name, &get->reader))
        flight_start(todo_flight_new(cache, get->id, is_direct), &get->reader);
}

static void get_direct(struct cache_get *get)
{
    get_board(get, true);
}

/* Redis has nothing that will do. */
static void get_miss(struct cache_get *get, bool is_direct)
{
    struct cache_answer answer = {.status = STATUS_MISMATCH, .trace = {.source = CACHE_MISS, .ttl_ms = -1}};
    if (get->demand.only_if_cached)
        get->done(get->ctx, &answer);
    else
        get_board(get, is_direct);
}

static void get_found(struct cache_get *get, const struct entry *entry)
{
    struct cache_answer answer = {.status = entry->negative ? STATUS_NOT_FOUND : STATUS_OK};
    answer.todo = entry->negative ? NULL : &entry->todo;
    answer.trace.source = CACHE_HIT;
    trace_date(&answer.trace, entry->at_ms, todo_ttl_ms(get->reader.cache, entry->negative, get->id, entry->at_ms));
    if (!demand_fits(&get->demand, &answer.trace, entry->negative ? 0 : entry->todo.v)) {
        get_miss(get, true);
        return;
    }
    trace_time(&answer.trace, &get->reader, -1);
    get_answer(get, &answer);
}

/* Sent before the acquire that follows, so that it finds no entry. */
static void entry_discard(struct cache *cache, const char *id)
{
    struct key key;
    key_of_entry(&key, cache->epoch, id);
    log_warn(NULL, "entry_broken", "id=%s action=deleted", id);
    redis_call(cache->redis, (struct slice[]){SLICE("DEL"), key_slice(&key)}, 2, on_released, NULL);
}

static void on_entry(void *ctx, const struct redis_reply *reply)
{
    struct cache_get *get = ctx;
    struct entry entry;
    if (reply && get->reader.cache->trusted) {
        enum entry_found found = entry_parse(&entry, get->id, reply);
        if (found == ENTRY_FOUND) {
            get_found(get, &entry);
            return;
        }
        if (found == ENTRY_BROKEN && (redis_reply_ok(reply) || redis_reply_is_error(reply, "WRONGTYPE")))
            entry_discard(get->reader.cache, get->id);
    }
    get_miss(get, false);
}

void cache_get(struct cache *cache, struct cache_get *get)
{
    reader_init(&get->reader, cache);
    bool may_ask_store = !get->demand.only_if_cached;
    if (may_ask_store && (get->demand.from_store || !cache->trusted)) {
        get_board(get, get->demand.from_store);
        return;
    }
    struct key key;
    key_of_entry(&key, cache->epoch, get->id);
    redis_call(cache->redis, (struct slice[]){SLICE("HGETALL"), key_slice(&key)}, 2, on_entry, get);
}
