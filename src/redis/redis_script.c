/* SPDX-License-Identifier: MIT */
/*
 * Calling scripts.
 *
 * A call is encoded once: what follows the script's name is the same for EVALSHA and EVAL, so it is kept until the
 * answer is there, and a NOSCRIPT sends that one call again with the script's text. After a WRONGTYPE the script that
 * discards foreign keys gets the same keys, and then the call is made once more. So a script may run twice, the first
 * time in part; those that write may be repeated.
 *
 * Scripts are classic ones, without a "#!lua" line. When its memory is full, Redis refuses scripts with such a line as
 * a whole, even if they would only delete; and deleting must never be refused.
 */
#include "redis/redis_script.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/slot.h"
#include "redis/redis_encode.h"

enum { HEAD_BYTES = 64 }; /* enough for a count */

struct script_call {
    struct redis *redis;      /* NULL: in a cluster */
    struct cluster *cluster;  /* NULL: at one Redis */
    const struct redis *node; /* of the cluster; NULL: whoever has the slot */
    unsigned slot;            /* in the cluster */
    const struct redis_script *script;
    const struct redis_script *discard; /* NULL: there is none, or it has run */
    redis_reply_cb done;
    void *ctx;
    size_t part_count; /* of the whole command */
    struct buf tail;   /* the encoded number of keys, keys and args */
};

static void on_reply(void *ctx, const struct redis_reply *reply);

static void call_send(struct script_call *call, struct slice verb, struct slice name, redis_reply_cb on_sent)
{
    const struct slice head[] = {verb, name};
    struct buf command;
    buf_init(&command);
    buf_reserve(&command, HEAD_BYTES + redis_encoded_bytes_max(head, 2) + call->tail.len);
    redis_encode_count(&command, call->part_count);
    redis_encode(&command, verb);
    redis_encode(&command, name);
    buf_append_slice(&command, buf_slice(&call->tail));
    if (call->node)
        cluster_send_at(call->cluster, call->node, call->slot, buf_slice(&command), on_sent, call);
    else if (call->cluster)
        cluster_send(call->cluster, call->slot, buf_slice(&command), on_sent, call);
    else
        redis_send(call->redis, buf_slice(&command), on_sent, call);
    buf_fini(&command);
}

static void on_discarded(void *ctx, const struct redis_reply *reply)
{
    struct script_call *call = ctx;
    char key[160];
    for (size_t i = 0; redis_reply_ok(reply) && i < redis_reply_count(reply); i++)
        log_warn(NULL, "key_foreign", "key=\"%s\" action=deleted",
                 log_value(key, sizeof(key), redis_reply_text(redis_reply_item(reply, i))));
    call_send(call, SLICE("EVAL"), call->script->text, on_reply);
}

static void on_reply(void *ctx, const struct redis_reply *reply)
{
    struct script_call *call = ctx;
    const struct redis_script *discard = call->discard;
    if (redis_reply_is_error(reply, "NOSCRIPT")) {
        call_send(call, SLICE("EVAL"), call->script->text, on_reply);
    } else if (discard && redis_reply_is_error(reply, "WRONGTYPE")) {
        call->discard = NULL;
        call_send(call, SLICE("EVAL"), discard->text, on_discarded);
    } else {
        call->done(call->ctx, reply);
        buf_fini(&call->tail);
        free(call);
    }
}

static struct script_call *call_new(struct redis *redis, const struct redis_script *script, const struct slice *keys,
                                    size_t key_count, const struct slice *args, size_t arg_count, redis_reply_cb done,
                                    void *ctx)
{
    struct script_call *call = mem_alloc(sizeof(*call));
    *call =
        (struct script_call){.redis = redis, .script = script, .discard = script->discard, .done = done, .ctx = ctx};
    call->part_count = 3 + key_count + arg_count;
    buf_init(&call->tail);
    buf_reserve(&call->tail,
                HEAD_BYTES + redis_encoded_bytes_max(keys, key_count) + redis_encoded_bytes_max(args, arg_count));
    char number[INT64_TEXT_MAX + 1];
    redis_encode(&call->tail, slice_of_int64(number, (int64_t)key_count));
    for (size_t i = 0; i < key_count; i++)
        redis_encode(&call->tail, keys[i]);
    for (size_t i = 0; i < arg_count; i++)
        redis_encode(&call->tail, args[i]);
    return call;
}

void redis_script_run(struct redis *redis, const struct redis_script *script, const struct slice *keys,
                      size_t key_count, const struct slice *args, size_t arg_count, redis_reply_cb done, void *ctx)
{
    struct script_call *call = call_new(redis, script, keys, key_count, args, arg_count, done, ctx);
    call_send(call, SLICE("EVALSHA"), script->sha, on_reply);
}

void redis_script_run_in(struct cluster *cluster, const struct redis_script *script, const struct slice *keys,
                         size_t key_count, const struct slice *args, size_t arg_count, redis_reply_cb done, void *ctx)
{
    struct script_call *call = call_new(NULL, script, keys, key_count, args, arg_count, done, ctx);
    call->cluster = cluster;
    call->slot = slot_of_key(keys[0]);
    call_send(call, SLICE("EVALSHA"), script->sha, on_reply);
}

static struct script_call *call_new_at(struct cluster *cluster, const struct redis *node,
                                       const struct redis_script *script, const struct slice *keys, size_t key_count,
                                       const struct slice *args, size_t arg_count, redis_reply_cb done, void *ctx)
{
    struct script_call *call = call_new(NULL, script, keys, key_count, args, arg_count, done, ctx);
    call->cluster = cluster;
    call->node = node;
    call->slot = slot_of_key(keys[0]);
    return call;
}

void redis_script_run_at(struct cluster *cluster, const struct redis *node, const struct redis_script *script,
                         const struct slice *keys, size_t key_count, const struct slice *args, size_t arg_count,
                         redis_reply_cb done, void *ctx)
{
    struct script_call *call = call_new_at(cluster, node, script, keys, key_count, args, arg_count, done, ctx);
    call_send(call, SLICE("EVALSHA"), script->sha, on_reply);
}

void redis_script_run_text_at(struct cluster *cluster, const struct redis *node, const struct redis_script *script,
                              const struct slice *keys, size_t key_count, const struct slice *args, size_t arg_count,
                              redis_reply_cb done, void *ctx)
{
    struct script_call *call = call_new_at(cluster, node, script, keys, key_count, args, arg_count, done, ctx);
    call_send(call, SLICE("EVAL"), script->text, on_reply);
}

void redis_script_run_text(struct redis *redis, const struct redis_script *script, const struct slice *keys,
                           size_t key_count, const struct slice *args, size_t arg_count, redis_reply_cb done, void *ctx)
{
    struct script_call *call = call_new(redis, script, keys, key_count, args, arg_count, done, ctx);
    call_send(call, SLICE("EVAL"), script->text, on_reply);
}
