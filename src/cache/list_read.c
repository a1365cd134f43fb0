/* SPDX-License-Identifier: MIT */
/*
 * Reading one page of a list. A hit is one round trip: the list's generation and the page, pipelined; they must agree.
 *
 *   cache_list -> GET generation, HGETALL page --agree--> answer (hit)
 *                        |--else--> join or start a flight: generation, store, fill
 *                        \--not what the reader asks for--> a direct flight: store
 *
 * Any write may change any page, so no page is invalidated by name. Each write removes the generation, a random token,
 * before and after it touches the store (write.c), and pages that were read under another token are dead. A page is
 * filled only if two things hold: the token is still the one from before the store was read, and no writer is in
 * flight. So a list that is asked for after a write's answer shows that write. A generation that is evicted or expires
 * costs misses, nothing else.
 *
 * Readers of one page share Redis' answer, because pages are large. A reader that comes while the page is on its way
 * asks for the generation alone. The page may have left Redis before this reader began; but if it belongs to the
 * generation that Redis has now, no write began since. The page is copied for such readers only.
 *
 * Several workers may fill the same page at once. Pages have no lease, because writes end their lives soon anyway. In
 * one process the flight is shared like a todo's. A page that is too large is not filled, and of the others Redis keeps
 * a number (scripts/list_fill.lua): queries differ without end, and pages must not drive todos out.
 */
#include "cache/list_read.h"

#include <stdlib.h>
#include <utlist.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/container.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/mem.h"
#include "cache/cache_state.h"
#include "cache/doubt.h"
#include "cache/flight.h"
#include "cache/lifetime.h"
#include "cache/scripts.h"
#include "cache/watermark.h"

struct list_flight {
    struct flight flight;
    struct store_query query;
    struct list_keys keys;
    char generation[TOKEN_LEN + 1];
    struct arena arena; /* the value, when it was found; the store's rows */
    struct rendered_page rendered;
    struct cached_page value;
};

static int64_t page_ttl_ms(const struct cache *cache, struct slice etag, int64_t at_ms)
{
    return lifetime_jittered_ms(cache->options.settings->list_ttl_s * 1000, etag, at_ms);
}

static void list_answer(struct cache_list *list, const struct cache_page_answer *answer)
{
    static const enum stat_counter stats[] = {[CACHE_HIT] = STAT_LIST_HIT,
                                              [CACHE_MISS] = STAT_LIST_MISS,
                                              [CACHE_REQUEST] = STAT_LIST_REQUEST,
                                              [CACHE_BYPASS] = STAT_LIST_BYPASS};
    cache_count(list->reader.cache, stats[answer->trace.source]);
    if (answer->trace.unseen)
        cache_count(list->reader.cache, STAT_HIT_UNSEEN);
    list->done(list->ctx, answer);
}

static bool generation_take(char generation[TOKEN_LEN + 1], struct slice text)
{
    bool is_token = text.data && text.len == TOKEN_LEN;
    memcpy(generation, is_token ? text.data : "", is_token ? TOKEN_LEN : 0);
    generation[is_token ? TOKEN_LEN : 0] = '\0';
    return is_token;
}

/* ---- The kind of flight ---- */

static const struct flight_kind list_kind;

static struct flight *list_flight_new(struct cache *cache, const struct store_query *query)
{
    struct list_flight *self = mem_zalloc(sizeof(*self));
    self->flight.kind = &list_kind;
    self->flight.cache = cache;
    self->flight.home = home_of_list(cache);
    self->query = *query;
    list_keys_init(&self->keys, self->flight.home.epoch, query);
    self->flight.name = self->keys.page;
    self->flight.token = token_new();
    arena_init(&self->arena);
    buf_init(&self->rendered.body);
    return &self->flight;
}

static struct flight *list_create(const struct flight *last)
{
    struct flight *flight = list_flight_new(last->cache, &((const struct list_flight *)last)->query);
    return last->is_direct ? flight_make_direct(flight) : flight;
}

static struct home list_home(const struct flight *flight)
{
    return home_of_list(flight->cache);
}

static void list_destroy(struct flight *flight)
{
    struct list_flight *self = (struct list_flight *)flight;
    arena_fini(&self->arena);
    buf_fini(&self->rendered.body);
    free(self);
}

static void list_acquire(struct flight *flight, redis_reply_cb on_reply)
{
    struct list_flight *self = (struct list_flight *)flight;
    struct key watermark;
    struct store_watermark known;
    const struct home home = list_home(flight);
    key_of_watermark(&watermark, home.epoch, home.slot);
    store_watermark(flight->cache->options.store, &known);
    const struct slice keys[] = {key_slice(&self->keys.generation), key_slice(&self->keys.writers),
                                 key_slice(&watermark)};
    char generation_ms[INT64_TEXT_MAX + 1];
    const struct slice args[] = {slice_of(flight->token.text),
                                 slice_of_int64(generation_ms, lifetime_generation_ms(flight->cache->options.settings)),
                                 slice_of(known.text)};
    script_run(home.redis, SCRIPT_LIST_ACQUIRE, keys, 3, args, 3, on_reply, flight);
}

static enum flight_grant list_granted(struct flight *flight, const struct redis_reply *reply)
{
    struct list_flight *self = (struct list_flight *)flight;
    int64_t doubted_at_ms;
    if (redis_reply_type(reply) != REDIS_TYPE_TEXT)
        return GRANT_BYPASS;
    struct slice word = watermark_take(flight->cache->options.store, redis_reply_text(reply));
    if (doubt_parse(word, &doubted_at_ms))
        doubt_note_list(flight->cache->doubt, &flight->home, doubted_at_ms);
    return generation_take(self->generation, word) ? GRANT_FILL : GRANT_BYPASS;
}

static enum status list_fetch(struct flight *flight, struct store *store, struct error *error)
{
    struct list_flight *self = (struct list_flight *)flight;
    struct store_page rows;
    enum status status = store_list(store, &self->query, &self->arena, &rows, error);
    if (status != STATUS_OK)
        return status;
    page_render(&self->rendered, &self->query, &rows);
    self->value.page = (struct cache_page){.body = buf_slice(&self->rendered.body),
                                           .etag = slice_of(self->rendered.etag),
                                           .next = slice_of(self->rendered.next)};
    return STATUS_OK;
}

static int64_t list_flight_ttl_ms(const struct flight *flight)
{
    const struct list_flight *self = (const struct list_flight *)flight;
    return page_ttl_ms(flight->cache, self->value.page.etag, flight->at_ms);
}

static bool list_fits(const struct flight *flight)
{
    bool fits = ((const struct list_flight *)flight)->rendered.body.len <= PAGE_MAX_BYTES;
    if (!fits)
        cache_count(flight->cache, STAT_FILL_TOO_LARGE);
    return fits;
}

static void list_fill(struct flight *flight, redis_reply_cb on_reply)
{
    struct list_flight *self = (struct list_flight *)flight;
    char query[QUERY_TEXT_MAX + 1], numbers[2][INT64_TEXT_MAX + 1];
    char ttl_ms[INT64_TEXT_MAX + 1], pages_max[INT64_TEXT_MAX + 1];
    self->value.query = query_text(query, &self->query);
    self->value.generation = slice_of(self->generation);
    self->value.at_ms = flight->at_ms;
    self->value.cost_ms = flight->cost_us / 1000;
    struct slice args[3 + PAGE_ARGS] = {slice_of(self->generation), slice_of_int64(ttl_ms, list_flight_ttl_ms(flight)),
                                        slice_of_int64(pages_max, PAGES_MAX)};
    page_print(args + 3, numbers, &self->value);
    const struct slice keys[] = {key_slice(&self->keys.page), key_slice(&self->keys.generation),
                                 key_slice(&self->keys.writers), key_slice(&self->keys.pages)};
    script_run(list_home(flight).redis, SCRIPT_LIST_FILL, keys, 4, args, 3 + PAGE_ARGS, on_reply, flight);
}

static void list_deliver(struct flight *flight, struct cache_reader *reader, const struct cache_trace *trace)
{
    struct list_flight *self = (struct list_flight *)flight;
    struct cache_page_answer answer = {.status = flight->status, .error = &flight->error, .trace = *trace};
    if (flight->status == STATUS_OK)
        answer.page = &self->value.page;
    list_answer(container_of(reader, struct cache_list, reader), &answer);
}

static const struct flight_kind list_kind = {
    .create = list_create,
    .home = list_home,
    .acquire = list_acquire,
    .granted = list_granted,
    .fetch = list_fetch,
    .fits = list_fits,
    .fill = list_fill,
    .release = NULL, /* a generation is not held, only remembered */
    .deliver = list_deliver,
    .destroy = list_destroy,
    .ttl_ms = list_flight_ttl_ms,
    .ok = STAT_STORE_LIST_OK,
    .absent = STAT_STORE_LIST_OK, /* a list may be empty, never absent */
    .failed = STAT_STORE_LIST_FAILED,
    .refused = STAT_PAGE_REFUSED,
    .absent_refused = STAT_PAGE_REFUSED,
};

/* ---- The hit path ---- */

static void list_join(struct cache_list *list, bool is_direct)
{
    struct cache *cache = list->reader.cache;
    struct list_keys keys;
    list_keys_init(&keys, home_of_list(cache).epoch, &list->query);
    if (is_direct)
        key_mark_direct(&keys.page);
    if (flight_join(cache, &keys.page, &list->reader))
        return;
    struct flight *flight = list_flight_new(cache, &list->query);
    flight_start(is_direct ? flight_make_direct(flight) : flight, &list->reader);
}

/* Redis has nothing that will do. */
static void list_miss(struct cache_list *list, bool is_direct)
{
    struct cache_page_answer answer = {.status = STATUS_MISMATCH, .trace = {.source = CACHE_MISS, .ttl_ms = -1}};
    if (list->demand.only_if_cached || demand_is_refused(&list->demand))
        list->done(list->ctx, &answer);
    else
        list_join(list, is_direct);
}

static void on_deleted(void *ctx, const struct redis_reply *reply)
{
    (void)ctx, (void)reply; /* if it failed, the next reader finds the same again */
}

enum list_part { LIST_GENERATION, LIST_PAGE };

/* What this service didn't make, and no fill replaces, is deleted. */
static void list_discard_foreign(struct cache_list *list, enum list_part part)
{
    const struct home home = home_of_list(list->reader.cache);
    struct list_keys keys;
    list_keys_init(&keys, home.epoch, &list->query);
    const struct key *key = part == LIST_PAGE ? &keys.page : &keys.generation;
    log_warn(NULL, "key_foreign", "key=%s action=deleted", key->text);
    redis_call(home.redis, (struct slice[]){SLICE("DEL"), key_slice(key)}, 2, on_deleted, NULL);
}

static void on_generation(void *ctx, const struct redis_reply *reply)
{
    struct cache_list *list = ctx;
    struct slice text = redis_reply_ok(reply) ? redis_reply_text(reply) : (struct slice){0};
    bool is_token = generation_take(list->generation, text);
    if (redis_reply_is_error(reply, "WRONGTYPE") || (text.data && !is_token))
        list_discard_foreign(list, LIST_GENERATION);
}

static void list_found(struct cache_list *list, const struct cached_page *cached)
{
    struct cache_page_answer answer = {.status = STATUS_OK, .page = &cached->page};
    answer.trace.source = CACHE_HIT;
    answer.trace.unseen = trust_is_unseen(list->reader.home.trust);
    trace_date(&answer.trace, cached->at_ms, page_ttl_ms(list->reader.cache, cached->page.etag, cached->at_ms));
    if (!demand_fits(&list->demand, &answer.trace, NULL)) {
        list_miss(list, true);
        return;
    }
    trace_time(&answer.trace, &list->reader, -1);
    list_answer(list, &answer);
}

/* cached is NULL if Redis had no page for this query. */
static void list_decide(struct cache_list *list, const struct cached_page *cached)
{
    bool is_found =
        cached && reader_may_trust(&list->reader) && !demand_is_refused(&list->demand) && list->generation[0] &&
        (slice_equal(cached->generation, slice_of(list->generation)) || failpoint_is_on(FAILPOINT_GENERATION_UNLOOKED));
    if (is_found)
        list_found(list, cached);
    else
        list_miss(list, false);
}

/* ---- Sharing Redis' answer ---- */

/* The last of the readers that joined frees it. */
struct page_copy {
    struct cached_page cached;
    struct arena arena; /* its texts */
    size_t reader_count;
};

static struct page_copy *page_copy_new(const struct cached_page *cached)
{
    struct page_copy *copy = mem_zalloc(sizeof(*copy));
    arena_init(&copy->arena);
    copy->cached = *cached;
    struct slice *const texts[] = {&copy->cached.page.body, &copy->cached.page.etag, &copy->cached.page.next,
                                   &copy->cached.query, &copy->cached.generation};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        *texts[i] = arena_copy(&copy->arena, *texts[i]);
    return copy;
}

static void page_copy_release(struct page_copy *copy)
{
    if (!copy || --copy->reader_count > 0)
        return;
    arena_fini(&copy->arena);
    free(copy);
}

/* Theirs are decided when they have the generation that Redis has now. */
static void joined_take_copies(struct cache_list *list, const struct cached_page *cached)
{
    struct page_copy *copy = list->joined && cached ? page_copy_new(cached) : NULL;
    for (struct cache_list *joined = list->joined; joined && copy; joined = joined->next) {
        joined->copy = copy;
        copy->reader_count++;
    }
}

static void on_page(void *ctx, const struct redis_reply *reply)
{
    struct cache_list *list = ctx;
    struct cached_page cached;
    char query[QUERY_TEXT_MAX + 1];
    if (redis_reply_is_error(reply, "WRONGTYPE"))
        list_discard_foreign(list, LIST_PAGE);
    bool is_page = redis_reply_ok(reply) && page_parse(&cached, query_text(query, &list->query), reply);
    DL_DELETE(list->reader.cache->asking, list);
    joined_take_copies(list, is_page ? &cached : NULL);
    list_decide(list, is_page ? &cached : NULL);
}

/* Sent behind the page's question, so the page has come before it. */
static void on_joined_generation(void *ctx, const struct redis_reply *reply)
{
    struct cache_list *list = ctx;
    struct page_copy *copy = list->copy; /* the answer may free the list */
    on_generation(list, reply);
    list_decide(list, copy ? &copy->cached : NULL);
    page_copy_release(copy);
}

static struct cache_list *asking_find(const struct cache *cache, const struct key *page)
{
    struct cache_list *list = cache->asking;
    while (list && !slice_equal(key_slice(&list->page), key_slice(page)))
        list = list->next;
    return list;
}

void cache_list(struct cache *cache, struct cache_list *list)
{
    const struct home home = list->reader.home = home_of_list(cache);
    reader_init(&list->reader, cache);
    bool may_ask_store = !list->demand.only_if_cached;
    if (may_ask_store && (list->demand.from_store || !home_holds(&home))) {
        list_join(list, list->demand.from_store);
        return;
    }
    struct list_keys keys;
    list_keys_init(&keys, home.epoch, &list->query);
    list->page = keys.page;
    list->joined = NULL;
    list->copy = NULL;
    const struct slice generation[] = {SLICE("GET"), key_slice(&keys.generation)};
    struct cache_list *first = asking_find(cache, &keys.page);
    if (first) {
        LL_PREPEND(first->joined, list);
        redis_call(home.redis, generation, 2, on_joined_generation, list);
        return;
    }
    DL_APPEND(cache->asking, list);
    redis_call(home.redis, generation, 2, on_generation, list);
    redis_call(home.redis, (struct slice[]){SLICE("HGETALL"), key_slice(&keys.page)}, 2, on_page, list);
}
