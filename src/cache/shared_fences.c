/* SPDX-License-Identifier: MIT */
/*
 * Writes that fence in the same turn of the loop share one call of fence.lua; likewise of unfence.lua.
 *
 * Under load many clients' writes come to their fences together, and a group that was committed as one (store/pool.c)
 * comes to its unfences together. Redis then enters the script once, and touches the list's keys once, for all of them
 * (doc/performance.md). With one client nothing is won or lost.
 *
 * Each write keeps its own token, its own marks and its own outcome. The call is one step for Redis, as its parts would
 * be one after the other; who lost its mark stands in the answer. If Redis refuses the call, it is refused to all, and
 * each goes on by its record (write.c): that is slower, and right.
 *
 * A call is sent when the turn is over, before the loop waits again: nobody waits for a timer. It is sent at once when
 * a write comes that does not fit into it, or can't share it. Fences of a turn go before its unfences; no write has
 * both in one turn, and others' may come in any order.
 *
 * Clusters, many ids at once and publish.lua have calls of their own: fence.c.
 */
#include "cache/shared_fences.h"

#include <stdlib.h>

#include "base/mem.h"
#include "cache/keys.h"
#include "cache/mutant.h"

enum { WRITES_MAX = 64, LINES = 2 };

struct waiter {
    shared_fence_cb done;
    void *ctx;
};

/* Writes whose call has not been sent. */
struct line {
    enum script script;
    struct redis *redis; /* these three: of all of them */
    int64_t epoch, window_ms;
    size_t count;
    struct todo_keys keys[WRITES_MAX];
    struct token tokens[WRITES_MAX];
    struct waiter waiters[WRITES_MAX];
};

struct shared_fences {
    const struct events *events;
    struct timer *timer; /* due at the end of the turn */
    struct line lines[LINES];
};

/* A call that has been sent. */
struct sent {
    size_t count;
    struct waiter waiters[WRITES_MAX];
};

/* Places of lost marks come in ascending order. */
static void on_reply(void *ctx, const struct redis_reply *reply)
{
    struct sent *sent = ctx;
    bool has_places = reply && redis_reply_ok(reply) && redis_reply_type(reply) == REDIS_TYPE_ARRAY;
    size_t lost_count = has_places ? redis_reply_count(reply) : 0, next = 0;
    for (size_t i = 0; i < sent->count; i++) {
        bool is_lost = next < lost_count && redis_reply_integer(redis_reply_item(reply, next)) == (int64_t)i + 1;
        next += is_lost;
        sent->waiters[i].done(sent->waiters[i].ctx, reply, is_lost);
    }
    free(sent);
}

static void line_send(struct line *line)
{
    char window_ms[INT64_TEXT_MAX + 1];
    struct slice keys[TODO_KEY_COUNT * WRITES_MAX + LIST_KEY_COUNT], args[WRITES_MAX + 1];
    size_t list_at = TODO_KEY_COUNT * line->count, arg_count = 0;
    struct list_keys list;
    if (line->count == 0)
        return;
    if (line->script == SCRIPT_FENCE)
        args[arg_count++] = slice_of_int64(window_ms, line->window_ms);
    for (size_t i = 0; i < line->count; i++) {
        todo_keys_put(keys + TODO_KEY_COUNT * i, &line->keys[i]);
        args[arg_count++] = slice_of(line->tokens[i].text);
    }
    list_keys_init(&list, line->epoch, NULL);
    list_keys_put(keys + list_at, &list);
    struct sent *sent = mem_alloc(sizeof(*sent));
    sent->count = line->count;
    memcpy(sent->waiters, line->waiters, line->count * sizeof(line->waiters[0]));
    line->count = 0;
    script_run(line->redis, line->script, keys, list_at + LIST_KEY_COUNT, args, arg_count, on_reply, sent);
    if (line->script == SCRIPT_FENCE)
        mutant_unmeet(line->redis, keys, sent->count);
}

static void on_turn_over(void *ctx)
{
    struct shared_fences *shared = ctx;
    for (size_t i = 0; i < LINES; i++)
        line_send(&shared->lines[i]);
}

void shared_fences_add(struct shared_fences *shared, enum script script, const struct home *home, const char *id,
                       const struct token *token, int64_t window_ms, shared_fence_cb done, void *ctx)
{
    struct line *line = &shared->lines[script == SCRIPT_UNFENCE];
    if (line->count == WRITES_MAX ||
        (line->count > 0 && (line->redis != home->redis || line->epoch != home->epoch || line->window_ms != window_ms)))
        line_send(line);
    if (line->count == 0) {
        line->script = script;
        line->redis = home->redis;
        line->epoch = home->epoch;
        line->window_ms = window_ms;
        shared->events->timer_start(shared->timer, 0);
    }
    todo_keys_init(&line->keys[line->count], home->epoch, id);
    line->tokens[line->count] = *token;
    line->waiters[line->count++] = (struct waiter){.done = done, .ctx = ctx};
}

struct shared_fences *shared_fences_new(const struct events *events)
{
    struct shared_fences *shared = mem_zalloc(sizeof(*shared));
    shared->events = events;
    shared->timer = events->timer_new(events->loop, on_turn_over, shared);
    return shared;
}

void shared_fences_free(struct shared_fences *shared)
{
    if (!shared)
        return;
    for (size_t i = 0; i < LINES; i++)
        for (size_t at = 0; at < shared->lines[i].count; at++)
            shared->lines[i].waiters[at].done(shared->lines[i].waiters[at].ctx, NULL, false);
    shared->events->timer_free(shared->timer);
    free(shared);
}
