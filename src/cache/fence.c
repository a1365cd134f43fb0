/* SPDX-License-Identifier: MIT */
/*
 * Sending fences and unfences: one script call for all todos of a write, one for the list.
 *
 * The two are calls of their own because a todo's keys and the list's lie in different slots, and they are pipelined, so that
 * together they cost one round trip. The window is a duration, not a time: Redis adds it to its own clock, so that workers
 * whose clocks differ agree about when a mark has run out.
 *
 * What fencing promises is said in scripts/fence.lua, unfence.lua, publish.lua, list_fence.lua and list_unfence.lua. Who fences when is in
 * write.c (a write's own) and outbox.c (those that Redis couldn't take in time). Writes of others come too late for a fence:
 * follow.c has their entries invalidated once they are made.
 */
#include "cache/fence.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cache/cache_state.h"
#include "cache/keys.h"
#include "cache/mutant.h"

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

void fence_send(struct cache *cache, const struct fence_call *call, redis_reply_cb on_todos, redis_reply_cb on_list,
                void *ctx)
{
    struct fence_keys all;
    fence_keys_init(&all, call->epoch, call->ids, call->id_count);
    struct token generation = token_new();
    char window_ms[INT64_TEXT_MAX + 1], generation_ms[INT64_TEXT_MAX + 1];
    const struct slice args[] = {slice_of(call->token->text), slice_of_int64(window_ms, call->window_ms),
                                 slice_of(generation.text), slice_of_int64(generation_ms, cache->generation_ms)};
    const struct slice list[] = {key_slice(&all.list.generation), key_slice(&all.list.writers)};
    script_run(cache->redis, SCRIPT_FENCE, all.keys, all.key_count, args, 2, on_todos, ctx);
    script_run(cache->redis, SCRIPT_LIST_FENCE, list, 2, args, 4, on_list, ctx);
    fence_keys_fini(&all);
}

static void list_unfence_send(struct cache *cache, const struct fence_call *call, redis_reply_cb on_list, void *ctx)
{
    struct list_keys keys;
    list_keys_init(&keys, call->epoch, NULL);
    struct token generation = token_new();
    char generation_ms[INT64_TEXT_MAX + 1];
    const struct slice args[] = {slice_of(call->token->text), slice_of(generation.text),
                                 slice_of_int64(generation_ms, cache->generation_ms)};
    const struct slice list[] = {key_slice(&keys.generation), key_slice(&keys.writers)};
    script_run(cache->redis, SCRIPT_LIST_UNFENCE, list, 2, args, 3, on_list, ctx);
}

void unfence_send(struct cache *cache, const struct fence_call *call, redis_reply_cb on_todos, redis_reply_cb on_list,
                  void *ctx)
{
    struct fence_keys all;
    fence_keys_init(&all, call->epoch, call->ids, call->id_count);
    const struct slice token = slice_of(call->token->text);
    script_run(cache->redis, SCRIPT_UNFENCE, all.keys, all.key_count, &token, 1, on_todos, ctx);
    fence_keys_fini(&all);
    list_unfence_send(cache, call, on_list, ctx);
}

void publish_send(struct cache *cache, const struct fence_call *call, const struct entry *entry, int64_t ttl_ms,
                  redis_reply_cb on_todos, redis_reply_cb on_list, void *ctx)
{
    struct fence_keys all;
    struct entry_args fields;
    char ttl_text[INT64_TEXT_MAX + 1];
    bug_unless(call->id_count == 1, "one entry is published at a time");
    fence_keys_init(&all, call->epoch, call->ids, call->id_count);
    entry_print(&fields, entry);
    struct slice args[2 + ENTRY_ARGS_MAX] = {slice_of(call->token->text), slice_of_int64(ttl_text, ttl_ms)};
    memcpy(args + 2, fields.args, fields.count * sizeof(*args));
    script_run(cache->redis, SCRIPT_PUBLISH, all.keys, all.key_count, args, 2 + fields.count, on_todos, ctx);
    mutant_publish_anyway(cache, call, &fields);
    fence_keys_fini(&all);
    list_unfence_send(cache, call, on_list, ctx);
}

/* ---- Others' writes ---- */

enum { LEFT_TEXT_MAX = 2 * INT64_TEXT_MAX + 2 };

/* What invalidate.lua compares an entry with. */
static struct slice left_text(char text[LEFT_TEXT_MAX], const struct change_event *event)
{
    if (event->deleted)
        return SLICE("none");
    if (event->v == 0)
        return SLICE("");
    int len = snprintf(text, LEFT_TEXT_MAX, "%lld %lld", (long long)event->v, (long long)event->updated_at_ms);
    return (struct slice){.data = text, .len = (size_t)len};
}

void invalidate_send(struct cache *cache, int64_t epoch, const struct change_event *events, size_t count,
                     redis_reply_cb on_todos, redis_reply_cb on_list, void *ctx)
{
    struct fence_keys all;
    const char **ids = mem_alloc(count * sizeof(*ids));
    struct slice *args = mem_alloc(count * sizeof(*args));
    char(*texts)[LEFT_TEXT_MAX] = mem_alloc(count * sizeof(*texts));
    for (size_t i = 0; i < count; i++) {
        ids[i] = events[i].id;
        args[i] = left_text(texts[i], &events[i]);
    }
    fence_keys_init(&all, epoch, ids, count);
    script_run(cache->redis, SCRIPT_INVALIDATE, all.keys, all.key_count, args, count, on_todos, ctx);
    fence_keys_fini(&all);
    free(texts);
    free(args);
    free(ids);
    /* Under a token that no writer has: the pages go, and no mark does. */
    const struct token nobody = token_new();
    list_unfence_send(cache, &(struct fence_call){.token = &nobody, .epoch = epoch}, on_list, ctx);
}
