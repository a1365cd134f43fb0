/* SPDX-License-Identifier: MIT */
/*
 * A lane: purges on their way to one cache in front, one round of calls at a time.
 *
 *   waiting --round--> under way --acknowledged--> [the write's answer] -> again -> waiting -> acknowledged -> on_last
 *      ^                  | not acknowledged
 *      '---- pause -------'
 *
 * Batching: one round takes what came within a turn of the loop, or while the round before was under way, as far as one
 * call holds it. So at most one round per cache is under way, however many writes there are, and a write waits for two
 * at most.
 *
 * Retries: if a cache does not acknowledge, the round goes back to the front of the queue and is sent again, after a
 * pause that doubles from PAUSE_FIRST_MS to PAUSE_MAX_MS. The writes that wait for it are answered at once; their
 * answers say "pending". Memory holds PURGE_WAITING_MAX items; the rest is found again by its records (purge_record.c).
 *
 * A cache that comes back may still hold what it had before it went away. It is sent everything that waits, as if it
 * had never been away.
 */
#include "cdn/purge_lane.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"

enum { CALL_TIMEOUT_MS = 3000, PAUSE_FIRST_MS = 100, PAUSE_MAX_MS = 5000 };

static void lane_count(const struct purge_lane *lane, enum stat_counter stat)
{
    stats_add(lane->options->stats, stat, 1);
}

/* ---- A lane's rounds ---- */

static void lane_schedule(struct purge_lane *lane)
{
    if (lane->is_scheduled || lane->calls_left > 0 || !lane->waiting.head)
        return;
    lane->is_scheduled = true;
    lane->options->events->timer_start(lane->timer, lane->pause_ms);
}

static void item_acknowledged(struct purge_lane *lane, struct purge_item *item)
{
    purge_item_tell(item, true);
    if (item->stage == PURGE_LAST) {
        lane->on_last(lane->ctx, lane, item);
    } else if (item->stage == PURGE_FIRST && lane->again.count < PURGE_WAITING_MAX) {
        item->stage = PURGE_LAST;
        item->again_at_ms = events_now_ms(lane->options->events) + lane->options->settings->purge_again_ms;
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
    lane->pause_ms = pause_ms - (uint32_t)random_below(pause_ms / 8); /* so that workers do not retry in step */
}

/* No write waits for a cache that is away: its answer goes out and says "pending". */
static void round_failed(struct purge_lane *lane)
{
    purge_list_prepend(&lane->waiting, &lane->under_way);
    pause_grow(lane);
    for (struct purge_item *item = lane->waiting.head; item; item = item->next)
        purge_item_tell(item, false);
}

static void on_called(void *ctx, int http_status, const char *why)
{
    struct purge_lane *lane = ctx;
    bool acknowledged = purge_is_acknowledged(&lane->target, http_status);
    lane_count(lane, acknowledged ? STAT_PURGE_ACKNOWLEDGED : STAT_PURGE_FAILED);
    if (!acknowledged && !lane->round_failed && lane->pause_ms == 0)
        log_warn(NULL, "purge_away", "url=%s http_status=%d error=\"%s\"", lane->target.name, http_status,
                 http_status ? "it does not acknowledge" : why);
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
    const struct http *http = lane->options->http;
    lane_count(lane, STAT_PURGE_SENT);
    http->start(http->client, call, on_called, lane);
}

static void on_round(void *ctx)
{
    struct purge_lane *lane = ctx;
    lane->is_scheduled = false;
    lane->round_failed = false;
    purge_keys_reset(&lane->keys);
    while (lane->waiting.head && purge_keys_add(&lane->keys, &lane->target, slice_of(lane->waiting.head->keys)))
        purge_list_push(&lane->under_way, purge_list_pop(&lane->waiting));
    bug_unless(lane->under_way.head, "a record holds more than a round takes");
    lane->calls_left = purge_round_size(&lane->target, &lane->keys);
    struct purge_round round = {.target = &lane->target,
                                .keys = buf_slice(&lane->keys.text),
                                .extra = lane->extra->lines,
                                .extra_count = lane->extra->count,
                                .timeout_ms = CALL_TIMEOUT_MS};
    purge_round_calls(&round, start_call, lane);
}

void purge_lane_add(struct purge_lane *lane, struct purge_item *item)
{
    purge_list_push(&lane->waiting, item);
    lane_schedule(lane);
}

bool purge_lane_answers(const struct purge_lane *lane)
{
    return lane->pause_ms == 0;
}

bool purge_lane_is_busy(const struct purge_lane *lane)
{
    return purge_lane_answers(lane) && (lane->waiting.head || lane->under_way.head);
}

/* ---- Life ---- */

void purge_lane_tend(struct purge_lane *lane)
{
    int64_t now_ms = events_now_ms(lane->options->events);
    while (lane->again.head && lane->again.head->again_at_ms <= now_ms)
        purge_list_push(&lane->waiting, purge_list_pop(&lane->again));
    lane_schedule(lane);
}

void purge_lane_init(struct purge_lane *lane, const struct purger_options *options, const struct purge_target *target,
                     const struct purge_extra *extra, purge_last_fn on_last, void *ctx)
{
    *lane = (struct purge_lane){.options = options, .extra = extra, .on_last = on_last, .ctx = ctx, .target = *target};
    lane->target.url = lane->target.name + (target->url - target->name);
    lane->timer = options->events->timer_new(options->events->loop, on_round, lane);
}

void purge_lane_fini(struct purge_lane *lane)
{
    bug_unless(lane->calls_left == 0, "the purger is freed while calls of its are under way");
    lane->options->events->timer_free(lane->timer);
    purge_list_clear(&lane->waiting);
    purge_list_clear(&lane->under_way);
    purge_list_clear(&lane->again);
    purge_keys_fini(&lane->keys);
}
