/* SPDX-License-Identifier: MIT */
/*
 * A lane: purges on their way to one cache in front, one round of calls at a time.
 *
 *   waiting --round--> under way --acknowledged--> [wait: the write's answer] -> again -> waiting -> done
 *      ^                  v not
 *      '---- pause -------'
 *
 * Batching: what comes within one turn of the loop, or while a round is under way, goes out together, as much as one call
 * holds. So there is never more than one round per cache under way, however many writes there are, and a write waits for two.
 *
 * Away: a cache that doesn't acknowledge is asked again with growing pauses; the writes' answers say that it is pending and
 * don't wait. Memory holds a bounded part of what waits; the rest is in its records.
 *
 * It doesn't tell a cache that is back from one that was there: what it had kept before it went, it is told of all the same. It
 * knows nothing of records: who owns it is told of each item that is done with (on_last).
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "cache/purge_state.h"

enum { CALL_TIMEOUT_MS = 3000, PAUSE_FIRST_MS = 100, PAUSE_MAX_MS = 5000 };

/* One write's wait for all of its items. */
struct purge_wait {
    const struct events *events;
    size_t items_left;
    struct timer *timer;
    purge_done_cb done; /* NULL: was told */
    void *ctx;
};

static const struct events *events_of(const struct purge *purge)
{
    return purge->cache->options.events;
}

static int64_t now_ms(const struct purge *purge)
{
    return events_of(purge)->now_ms(events_of(purge)->loop);
}

/* ---- Lists ---- */

void purge_list_push(struct purge_list *list, struct purge_item *item)
{
    item->next = NULL;
    if (list->tail)
        list->tail->next = item;
    else
        list->head = item;
    list->tail = item;
    list->count++;
}

struct purge_item *purge_list_pop(struct purge_list *list)
{
    struct purge_item *item = list->head;
    if (!item)
        return NULL;
    list->head = item->next;
    if (!list->head)
        list->tail = NULL;
    list->count--;
    return item;
}

/* Puts front before what is there; front is empty then. */
static void list_prepend(struct purge_list *list, struct purge_list *front)
{
    if (!front->head)
        return;
    front->tail->next = list->head;
    list->head = front->head;
    if (!list->tail)
        list->tail = front->tail;
    list->count += front->count;
    *front = (struct purge_list){0};
}

/* ---- Waiting ---- */

static void wait_tell(struct purge_wait *wait, bool acknowledged)
{
    purge_done_cb done = wait->done;
    if (!done)
        return;
    wait->done = NULL;
    wait->events->timer_free(wait->timer);
    done(wait->ctx, acknowledged);
}

/* The item is acknowledged, or will not be while somebody waits. */
static void wait_leave(struct purge_item *item, bool acknowledged)
{
    struct purge_wait *wait = item->wait;
    if (!wait)
        return;
    item->wait = NULL;
    bool is_last = --wait->items_left == 0;
    if (!acknowledged || is_last)
        wait_tell(wait, acknowledged);
    if (is_last)
        free(wait);
}

static void on_wait_over(void *ctx)
{
    wait_tell(ctx, false);
}

struct purge_wait *purge_wait_new(struct purge *purge, purge_done_cb done, void *ctx)
{
    const struct events *events = events_of(purge);
    struct purge_wait *wait = mem_zalloc(sizeof(*wait));
    *wait = (struct purge_wait){.events = events, .done = done, .ctx = ctx};
    wait->timer = events->timer_new(events->loop, on_wait_over, wait);
    events->timer_start(wait->timer, (uint32_t)purge->cache->options.settings->purge_wait_ms);
    return wait;
}

void purge_list_clear(struct purge_list *list)
{
    for (struct purge_item *item = purge_list_pop(list); item; item = purge_list_pop(list)) {
        wait_leave(item, false);
        free(item);
    }
}

/* ---- A lane's rounds ---- */

static void lane_schedule(struct purge_lane *lane)
{
    if (lane->scheduled || lane->calls_left > 0 || !lane->waiting.head)
        return;
    lane->scheduled = true;
    events_of(lane->purge)->timer_start(lane->timer, lane->pause_ms);
}

static void item_acknowledged(struct purge_lane *lane, struct purge_item *item)
{
    const struct purge *purge = lane->purge;
    int64_t again_ms = purge->cache->options.settings->purge_again_ms;
    wait_leave(item, true);
    if (item->stage == PURGE_LAST) {
        lane->on_last(lane, item);
    } else if (item->stage == PURGE_FIRST && lane->again.count < PURGE_WAITING_MAX) {
        item->stage = PURGE_LAST;
        item->again_at_ms = now_ms(purge) + again_ms;
        purge_list_push(&lane->again, item);
    } else {
        free(item);
    }
}

static void round_succeeded(struct purge_lane *lane)
{
    struct purge_list sent = lane->under_way;
    lane->under_way = (struct purge_list){0};
    if (lane->pause_ms > 0)
        log_info(NULL, "purge_back", "url=%s waiting=%zu", lane->target.name, lane->waiting.count);
    lane->pause_ms = 0;
    for (struct purge_item *item = purge_list_pop(&sent); item; item = purge_list_pop(&sent))
        item_acknowledged(lane, item);
}

static void pause_grow(struct purge_lane *lane)
{
    uint32_t pause_ms = lane->pause_ms ? 2 * lane->pause_ms : PAUSE_FIRST_MS;
    if (pause_ms > PAUSE_MAX_MS)
        pause_ms = PAUSE_MAX_MS;
    lane->pause_ms = pause_ms - (uint32_t)random_below(pause_ms / 8); /* so that workers don't come in step */
}

/* Nobody waits for a cache that is away: the answers go, and say so. */
static void round_failed(struct purge_lane *lane)
{
    list_prepend(&lane->waiting, &lane->under_way);
    pause_grow(lane);
    for (struct purge_item *item = lane->waiting.head; item; item = item->next)
        wait_leave(item, false);
}

static void on_called(void *ctx, int http_status, const char *why)
{
    struct purge_lane *lane = ctx;
    struct cache *cache = lane->purge->cache;
    bool acknowledged = purge_is_acknowledged(&lane->target, http_status);
    char text[256];
    cache_count(cache, acknowledged ? STAT_PURGE_ACKNOWLEDGED : STAT_PURGE_FAILED);
    if (!acknowledged && !lane->round_failed && lane->pause_ms == 0)
        log_warn(NULL, "purge_away", "url=%s http_status=%d error=\"%s\"", lane->target.name, http_status,
                 log_value(text, sizeof(text), slice_of(http_status ? "it doesn't acknowledge" : why)));
    lane->round_failed |= !acknowledged;
    if (--lane->calls_left > 0)
        return;
    if (lane->round_failed)
        round_failed(lane);
    else
        round_succeeded(lane);
    lane_schedule(lane);
}

static void start_call(void *ctx, const struct http_call *call)
{
    struct purge_lane *lane = ctx;
    const struct http *http = lane->purge->cache->options.http;
    cache_count(lane->purge->cache, STAT_PURGE_SENT);
    http->start(http->client, call, on_called, lane);
}

static void on_round(void *ctx)
{
    struct purge_lane *lane = ctx;
    const struct purge *purge = lane->purge;
    lane->scheduled = false;
    lane->round_failed = false;
    purge_keys_reset(&lane->keys);
    while (lane->waiting.head && purge_keys_add(&lane->keys, &lane->target, slice_of(lane->waiting.head->keys)))
        purge_list_push(&lane->under_way, purge_list_pop(&lane->waiting));
    bug_unless(lane->under_way.head, "a record holds more than a round takes");
    lane->calls_left = purge_round_size(&lane->target, &lane->keys);
    struct purge_round round = {.target = &lane->target,
                                .keys = buf_slice(&lane->keys.text),
                                .extra = purge->extra_lines,
                                .extra_count = purge->extra_count,
                                .timeout_ms = CALL_TIMEOUT_MS};
    purge_round_calls(&round, start_call, lane);
}

struct purge_item *purge_item_new(const struct token *token, uint32_t sequence, struct slice keys)
{
    struct purge_item *item = mem_alloc(sizeof(*item) + keys.len + 1);
    *item = (struct purge_item){.token = *token, .sequence = sequence, .stage = PURGE_LAST};
    memcpy(item->keys, keys.data, keys.len);
    item->keys[keys.len] = '\0';
    return item;
}

void purge_item_wait(struct purge_item *item, struct purge_wait *wait)
{
    item->wait = wait;
    if (wait)
        wait->items_left++;
}

void purge_lane_add(struct purge_lane *lane, struct purge_item *item)
{
    purge_list_push(&lane->waiting, item);
    lane_schedule(lane);
}

/* ---- Life ---- */

void purge_lane_tend(struct purge_lane *lane)
{
    while (lane->again.head && lane->again.head->again_at_ms <= now_ms(lane->purge))
        purge_list_push(&lane->waiting, purge_list_pop(&lane->again));
    lane_schedule(lane);
}

void purge_lane_init(struct purge_lane *lane, struct purge *purge, const struct purge_target *target,
                     purge_last_fn on_last)
{
    const struct events *events = events_of(purge);
    lane->purge = purge;
    lane->on_last = on_last;
    lane->target = *target;
    lane->target.url = lane->target.name + (target->url - target->name);
    lane->timer = events->timer_new(events->loop, on_round, lane);
    lane->listed = mem_alloc(PURGE_DRAIN_MAX * sizeof(*lane->listed));
    arena_init(&lane->arena);
}

void purge_lane_fini(struct purge_lane *lane)
{
    bug_unless(!lane->lists && lane->calls_left == 0, "the purger is freed while calls of its are under way");
    events_of(lane->purge)->timer_free(lane->timer);
    purge_list_clear(&lane->waiting);
    purge_list_clear(&lane->under_way);
    purge_list_clear(&lane->again);
    purge_keys_fini(&lane->keys);
    arena_fini(&lane->arena);
    free(lane->listed);
}
