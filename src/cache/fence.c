/* SPDX-License-Identifier: MIT */
/*
 * Sending fences and unfences: one script call for all todos of a write, one for the list.
 *
 * The two are separate calls because a todo's keys and the list's lie in different slots. They are pipelined, so both
 * together cost one round trip; the caller gets one outcome, the worse of the two. The window is a duration, not a
 * time: Redis adds it to its own clock, so workers whose clocks differ agree about when a mark is past its deadline.
 *
 * What fencing promises is said in scripts/fence.lua, unfence.lua, publish.lua, list_fence.lua and list_unfence.lua.
 * Before an unfence Redis is told how far the store has come (watermark.c).
 *
 * When a fence is sent: write.c (a write's own) and outbox.c (fences that Redis could not take in time).
 *
 * Writes of others are known only once they are made, too late for a fence: follow.c invalidates their entries.
 */
#include "cache/fence.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/failpoint.h"
#include "base/mem.h"
#include "cache/keys.h"
#include "cache/lifetime.h"
#include "cache/mutant.h"
#include "cache/scripts.h"

/* ---- Two replies, one outcome ---- */

struct fence_pair {
    fence_done_cb done;
    void *ctx;
    unsigned replies_left; /* one more if there is a watermark to tell */
    enum fence_outcome outcome;
    int64_t count;
};

static struct fence_pair *pair_new(fence_done_cb done, void *ctx)
{
    struct fence_pair *pair = mem_alloc(sizeof(*pair));
    *pair = (struct fence_pair){.done = done, .ctx = ctx, .replies_left = 2, .outcome = FENCE_TAKEN};
    return pair;
}

static void on_list_reply(void *ctx, const struct redis_reply *reply)
{
    struct fence_pair *pair = ctx;
    if (!reply)
        pair->outcome = FENCE_UNANSWERED;
    else if (!redis_reply_ok(reply) && pair->outcome == FENCE_TAKEN)
        pair->outcome = FENCE_REFUSED;
    if (--pair->replies_left > 0)
        return;
    pair->done(pair->ctx, pair->outcome, pair->count);
    free(pair);
}

static void on_todos_reply(void *ctx, const struct redis_reply *reply)
{
    struct fence_pair *pair = ctx;
    if (redis_reply_ok(reply))
        pair->count = redis_reply_integer(reply);
    on_list_reply(pair, reply);
}

bool watermark_send(const struct fence_call *call, redis_reply_cb on_reply, void *ctx)
{
    struct store_watermark mark;
    struct key key;
    char ttl_ms[INT64_TEXT_MAX + 1];
    store_watermark(call->store, &mark);
    if (!mark.text[0] || failpoint_is_on(FAILPOINT_WATERMARK_UNTOLD))
        return false;
    key_of_watermark(&key, call->epoch);
    const struct slice args[] = {slice_of(mark.text), slice_of_int64(ttl_ms, lifetime_generation_ms(call->settings))};
    const struct slice keys[] = {key_slice(&key)};
    script_run_text(call->redis, SCRIPT_WATERMARK, keys, 1, args, 2, on_reply, ctx);
    return true;
}

/* For unfences: a reader that gets a lease after them must be told how far the store has come, so this goes first. */
static struct fence_pair *pair_new_told(const struct fence_call *call, fence_done_cb done, void *ctx)
{
    struct fence_pair *pair = pair_new(done, ctx);
    if (watermark_send(call, on_list_reply, pair))
        pair->replies_left++;
    return pair;
}

/* ---- A write's scripts ---- */

struct fence_keys {
    struct todo_keys *todos;
    struct list_keys list;
    struct slice *keys; /* entry, lease, writers of each todo */
    size_t key_count;
};

static void fence_keys_init(struct fence_keys *all, int64_t epoch, const char *const *ids, size_t id_count)
{
    all->todos = mem_alloc(id_count * sizeof(*all->todos));
    all->keys = mem_alloc(3 * id_count * sizeof(*all->keys));
    all->key_count = 3 * id_count;
    for (size_t i = 0; i < id_count; i++) {
        struct todo_keys *keys = &all->todos[i];
        todo_keys_init(keys, epoch, ids[i]);
        all->keys[3 * i] = key_slice(&keys->entry);
        all->keys[3 * i + 1] = key_slice(&keys->lease);
        all->keys[3 * i + 2] = key_slice(&keys->writers);
    }
    list_keys_init(&all->list, epoch, NULL);
}

static void fence_keys_fini(struct fence_keys *all)
{
    free(all->todos);
    free(all->keys);
}

void fence_send(const struct fence_call *call, fence_done_cb done, void *ctx)
{
    struct fence_pair *pair = pair_new(done, ctx);
    struct fence_keys all;
    fence_keys_init(&all, call->epoch, call->ids, call->id_count);
    struct token generation = token_new();
    char window_ms[INT64_TEXT_MAX + 1], generation_ms[INT64_TEXT_MAX + 1];
    const struct slice args[] = {slice_of(call->token->text), slice_of_int64(window_ms, call->window_ms),
                                 slice_of(generation.text),
                                 slice_of_int64(generation_ms, lifetime_generation_ms(call->settings))};
    const struct slice list[] = {key_slice(&all.list.generation), key_slice(&all.list.writers)};
    script_run(call->redis, SCRIPT_FENCE, all.keys, all.key_count, args, 2, on_todos_reply, pair);
    script_run(call->redis, SCRIPT_LIST_FENCE, list, 2, args, 4, on_list_reply, pair);
    fence_keys_fini(&all);
}

static void list_unfence_send(const struct fence_call *call, struct fence_pair *pair)
{
    struct list_keys keys;
    list_keys_init(&keys, call->epoch, NULL);
    struct token generation = token_new();
    char generation_ms[INT64_TEXT_MAX + 1];
    const struct slice args[] = {slice_of(call->token->text), slice_of(generation.text),
                                 slice_of_int64(generation_ms, lifetime_generation_ms(call->settings))};
    const struct slice list[] = {key_slice(&keys.generation), key_slice(&keys.writers)};
    script_run(call->redis, SCRIPT_LIST_UNFENCE, list, 2, args, 3, on_list_reply, pair);
}

void unfence_send(const struct fence_call *call, fence_done_cb done, void *ctx)
{
    struct fence_pair *pair = pair_new_told(call, done, ctx);
    struct fence_keys all;
    fence_keys_init(&all, call->epoch, call->ids, call->id_count);
    const struct slice token = slice_of(call->token->text);
    script_run(call->redis, SCRIPT_UNFENCE, all.keys, all.key_count, &token, 1, on_todos_reply, pair);
    fence_keys_fini(&all);
    list_unfence_send(call, pair);
}

void publish_send(const struct fence_call *call, const struct entry *entry, int64_t ttl_ms, fence_done_cb done,
                  void *ctx)
{
    struct fence_pair *pair = pair_new_told(call, done, ctx);
    struct fence_keys all;
    struct entry_args fields;
    char ttl_text[INT64_TEXT_MAX + 1];
    bug_unless(call->id_count == 1, "one entry is published at a time");
    fence_keys_init(&all, call->epoch, call->ids, call->id_count);
    entry_print(&fields, entry);
    struct slice args[2 + ENTRY_ARGS_MAX] = {slice_of(call->token->text), slice_of_int64(ttl_text, ttl_ms)};
    memcpy(args + 2, fields.args, fields.count * sizeof(*args));
    script_run(call->redis, SCRIPT_PUBLISH, all.keys, all.key_count, args, 2 + fields.count, on_todos_reply, pair);
    mutant_publish_anyway(call->redis, all.keys[0], fields.args, fields.count);
    fence_keys_fini(&all);
    list_unfence_send(call, pair);
}

/* ---- Others' writes ---- */

enum { LEFT_TEXT_MAX = 3 * INT64_TEXT_MAX + 3 };

/* What invalidate.lua compares an entry with. */
static struct slice left_text(char text[LEFT_TEXT_MAX], const struct change_event *event)
{
    if (event->deleted)
        return SLICE("none");
    if (event->v == 0)
        return SLICE("");
    int len = snprintf(text, LEFT_TEXT_MAX, "%lld %lld", (long long)event->v, (long long)event->updated_at_ms);
    if (event->life > 0)
        len += snprintf(text + len, LEFT_TEXT_MAX - (size_t)len, " %lld", (long long)event->life);
    return (struct slice){.data = text, .len = (size_t)len};
}

void invalidate_send(const struct fence_call *call, const struct change_event *events, size_t event_count,
                     fence_done_cb done, void *ctx)
{
    struct fence_pair *pair = pair_new_told(call, done, ctx);
    struct fence_keys all;
    const char **ids = mem_alloc(event_count * sizeof(*ids));
    struct slice *args = mem_alloc(event_count * sizeof(*args));
    char(*texts)[LEFT_TEXT_MAX] = mem_alloc(event_count * sizeof(*texts));
    for (size_t i = 0; i < event_count; i++) {
        ids[i] = events[i].id;
        args[i] = left_text(texts[i], &events[i]);
    }
    fence_keys_init(&all, call->epoch, ids, event_count);
    script_run(call->redis, SCRIPT_INVALIDATE, all.keys, all.key_count, args, event_count, on_todos_reply, pair);
    fence_keys_fini(&all);
    free(texts);
    free(args);
    free(ids);
    /* Under a token that no writer has, the list's pages go out of reach and no writer's mark is removed. */
    const struct token unused = token_new();
    struct fence_call list = *call;
    list.token = &unused;
    list_unfence_send(&list, pair);
}

/* ---- Other machines ---- */

struct telling {
    fence_done_cb done;
    void *ctx;
};

static void on_told(void *ctx, enum peers_outcome told)
{
    static const enum fence_outcome outcomes[] = {
        [PEERS_TOLD] = FENCE_TAKEN, [PEERS_REFUSED] = FENCE_REFUSED, [PEERS_UNANSWERED] = FENCE_UNANSWERED};
    struct telling telling = *(struct telling *)ctx;
    free(ctx);
    telling.done(telling.ctx, outcomes[told], 0);
}

void fence_tell(struct peers *peers, const struct fence_call *call, bool waits, fence_done_cb done, void *ctx)
{
    if (!peers) {
        done(ctx, FENCE_TAKEN, 0);
        return;
    }
    struct telling *telling = mem_alloc(sizeof(*telling));
    *telling = (struct telling){.done = done, .ctx = ctx};
    peers_tell(peers, call->epoch, call->ids, call->id_count, waits, on_told, telling);
}
