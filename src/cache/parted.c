/* SPDX-License-Identifier: MIT */
/*
 * One command after the other, each to the slot's owner, which sends it after its key if that has gone (ASK).
 *
 *   fence    TIME -> mark -> lease -> entry        unfence    lease -> entry -> mark
 *
 * Why this is enough. No reader gets a lease in such a slot, and no fill is taken: both need several keys, of which the
 * entry is missing. What a single command deletes is thus gone, wherever it was. The mark comes first, for the move may
 * be given up at any moment, and then readers get leases again. If the slot has moved for good, the owner says so
 * (MOVED), and nothing of it matters any more: its keys have another epoch from then on.
 *
 * A mark comes with '!' (fence.lua), because single commands can't tell whether another write is under way: so nothing
 * is published that overlaps. If no other write of the todo removes it, it stands until its window is over, and is then
 * taken away as a mark in doubt is (doubt.c). Until then reads of that todo pass Redis by.
 *
 * It does not publish: an unfence leaves no entry. A publish that the server had let in is torn when it makes the entry
 * anew that it has deleted (publish.lua): then the unfence goes on here, and a mark that is gone counts as lost.
 */
#include "cache/parted.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/failpoint.h"
#include "base/mem.h"
#include "redis/cluster.h"
#include "redis/redis_encode.h"
#include "redis/slot_map.h"

enum { DOOMED_MAX = 2, STEPS_MAX = 2 + DOOMED_MAX };

/* Of one key, so it is let in. No set is left without an end, wherever the connection is lost. */
static const char MARK[] = "for i = 2, #ARGV do redis.call('ZADD', KEYS[1], ARGV[1], ARGV[i]) end "
                           "return redis.call('PEXPIRE', KEYS[1], '86400000')";

struct marked {
    struct key writers, doomed[DOOMED_MAX];
    size_t doomed_count;
};

struct parted {
    struct home home;
    enum parted_kind kind;
    struct token token;
    int64_t window_ms, lost_count;
    struct marked *items;
    size_t item_count;
    struct buf commands;
    size_t *ends; /* of each command in commands */
    size_t step_count, steps_done;
    parted_cb done;
    void *ctx;
};

/* ---- The commands ---- */

static void step_add(struct parted *parted, const struct slice *args, size_t count)
{
    redis_encode_count(&parted->commands, count);
    for (size_t i = 0; i < count; i++)
        redis_encode(&parted->commands, args[i]);
    parted->ends[parted->step_count++] = parted->commands.len;
}

static void mark_add(struct parted *parted, const struct marked *item, int64_t deadline_ms)
{
    char digits[INT64_TEXT_MAX + 1];
    const struct slice overlap = SLICE("!"), token = slice_of(parted->token.text);
    const struct slice mark[] = {SLICE("EVAL"),
                                 slice_of(MARK),
                                 SLICE("1"),
                                 key_slice(&item->writers),
                                 slice_of_int64(digits, deadline_ms),
                                 parted->kind == PARTED_INVALIDATE ? overlap : token,
                                 overlap};
    bool is_todos = item->doomed_count > 1; /* nothing is published into the list */
    step_add(parted, mark, parted->kind == PARTED_FENCE && is_todos ? 7 : 6);
}

static void steps_make(struct parted *parted, int64_t now_ms)
{
    parted->ends = mem_alloc(parted->item_count * STEPS_MAX * sizeof(*parted->ends));
    for (const struct marked *item = parted->items; item < parted->items + parted->item_count; item++) {
        if (parted->kind != PARTED_UNFENCE)
            mark_add(parted, item, now_ms + parted->window_ms);
        for (size_t i = 0; i < item->doomed_count; i++)
            step_add(parted, (struct slice[]){SLICE("DEL"), key_slice(&item->doomed[i])}, 2);
        if (parted->kind == PARTED_UNFENCE)
            step_add(parted, (struct slice[]){SLICE("ZREM"), key_slice(&item->writers), slice_of(parted->token.text)},
                     3);
    }
}

/* ---- One after the other ---- */

static void step_send(struct parted *parted);

/* Of an unfence the last step of each item is the mark's. */
static bool is_mark_step(const struct parted *parted)
{
    size_t per_item = parted->step_count / parted->item_count;
    return parted->kind == PARTED_UNFENCE && parted->steps_done % per_item == per_item - 1;
}

static void on_step(void *ctx, const struct redis_reply *reply)
{
    struct parted *parted = ctx;
    if (redis_reply_ok(reply) && is_mark_step(parted) && redis_reply_integer(reply) == 0)
        parted->lost_count++;
    parted->steps_done++;
    if (redis_reply_ok(reply) && parted->steps_done < parted->step_count)
        step_send(parted);
    else
        parted->done(parted->ctx, reply, parted->lost_count);
}

static void step_send(struct parted *parted)
{
    size_t begin = parted->steps_done > 0 ? parted->ends[parted->steps_done - 1] : 0;
    const struct slice command = {parted->commands.data + begin, parted->ends[parted->steps_done] - begin};
    cluster_send_at(parted->home.cluster, parted->home.redis, (unsigned)parted->home.slot, command, on_step, parted);
}

/* Marks have Redis' time, so that workers whose clocks differ agree about their deadlines. */
static void on_time(void *ctx, const struct redis_reply *reply)
{
    struct parted *parted = ctx;
    int64_t second, us;
    if (!redis_reply_ok(reply) || redis_reply_count(reply) != 2 ||
        !slice_to_int64(redis_reply_text(redis_reply_item(reply, 0)), &second) ||
        !slice_to_int64(redis_reply_text(redis_reply_item(reply, 1)), &us)) {
        parted->done(parted->ctx, redis_reply_ok(reply) ? NULL : reply, 0);
        return;
    }
    steps_make(parted, second * 1000 + us / 1000);
    if (failpoint_is_on(FAILPOINT_SLOT_KEYS_LEFT))
        parted->done(parted->ctx, reply, 0);
    else
        step_send(parted);
}

/* ---- Public ---- */

bool parted_is_needed(const struct parted *parted, const struct redis_reply *reply)
{
    const struct redis_peer nowhere = {0};
    if (!parted || !reply || redis_reply_type(reply) != REDIS_TYPE_ERROR || parted->done)
        return false;
    enum redirect_kind kind = redirect_of(redis_reply_text(reply), &nowhere).kind;
    return kind == REDIRECT_ASK || kind == REDIRECT_AGAIN || kind == REDIRECT_TORN;
}

void parted_run(struct parted *parted, parted_cb done, void *ctx)
{
    struct buf command;
    parted->done = done;
    parted->ctx = ctx;
    buf_init(&command);
    redis_encode_all(&command, (struct slice[]){SLICE("TIME")}, 1);
    cluster_send_at(parted->home.cluster, parted->home.redis, (unsigned)parted->home.slot, buf_slice(&command), on_time,
                    parted);
    buf_fini(&command);
}

struct parted *parted_new(const struct home *home, enum parted_kind kind, const struct token *token, int64_t window_ms)
{
    struct parted *parted = mem_zalloc(sizeof(*parted));
    parted->home = *home;
    parted->kind = kind;
    if (token)
        parted->token = *token;
    parted->window_ms = window_ms;
    buf_init(&parted->commands);
    return parted;
}

void parted_add(struct parted *parted, const struct key *writers, const struct key *const *doomed, size_t count)
{
    bug_unless(count > 0 && count <= DOOMED_MAX, "a mark stands for one or two keys");
    parted->items = mem_resize(parted->items, (parted->item_count + 1) * sizeof(*parted->items));
    struct marked *item = &parted->items[parted->item_count++];
    *item = (struct marked){.writers = *writers, .doomed_count = count};
    for (size_t i = 0; i < count; i++)
        item->doomed[i] = *doomed[i];
}

void parted_free(struct parted *parted)
{
    if (!parted)
        return;
    buf_fini(&parted->commands);
    free(parted->items);
    free(parted->ends);
    free(parted);
}
