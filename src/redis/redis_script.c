/* SPDX-License-Identifier: MIT */
/*
 * Calling scripts.
 *
 * A call is encoded once: what follows the script's name is the same for EVALSHA and EVAL, so it is kept until the
 * answer is there, and a NOSCRIPT sends that one call again with the script's text.
 *
 * Scripts are classic ones, without a "#!lua" line. When its memory is full, Redis refuses scripts with such a line as
 * a whole, even if they would only delete; and deleting must never be refused.
 */
#include "redis/redis_script.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "redis/redis_encode.h"

struct script_call {
    struct redis *redis;
    const struct redis_script *script;
    redis_reply_cb on_reply;
    void *ctx;
    size_t part_count; /* of the whole command */
    struct buf tail;   /* the encoded number of keys, keys and args */
};

static void call_send(struct script_call *call, struct slice verb, struct slice name, redis_reply_cb on_reply)
{
    struct buf command;
    buf_init(&command);
    redis_encode_count(&command, call->part_count);
    redis_encode(&command, verb);
    redis_encode(&command, name);
    buf_append_slice(&command, buf_slice(&call->tail));
    redis_send(call->redis, buf_slice(&command), on_reply, call);
    buf_fini(&command);
}

static void call_end(struct script_call *call, const struct redis_reply *reply)
{
    call->on_reply(call->ctx, reply);
    buf_fini(&call->tail);
    free(call);
}

static void on_eval_reply(void *ctx, const struct redis_reply *reply)
{
    call_end(ctx, reply);
}

static void on_evalsha_reply(void *ctx, const struct redis_reply *reply)
{
    struct script_call *call = ctx;
    if (redis_reply_is_error(reply, "NOSCRIPT"))
        call_send(call, SLICE("EVAL"), call->script->text, on_eval_reply);
    else
        call_end(call, reply);
}

void redis_script_run(struct redis *redis, const struct redis_script *script, const struct slice *keys,
                      size_t key_count, const struct slice *args, size_t arg_count, redis_reply_cb on_reply, void *ctx)
{
    struct script_call *call = mem_alloc(sizeof(*call));
    *call = (struct script_call){.redis = redis, .script = script, .on_reply = on_reply, .ctx = ctx};
    call->part_count = 3 + key_count + arg_count;
    buf_init(&call->tail);
    struct buf number;
    buf_init(&number);
    buf_append_int(&number, (int64_t)key_count);
    redis_encode(&call->tail, buf_slice(&number));
    buf_fini(&number);
    for (size_t i = 0; i < key_count; i++)
        redis_encode(&call->tail, keys[i]);
    for (size_t i = 0; i < arg_count; i++)
        redis_encode(&call->tail, args[i]);
    call_send(call, SLICE("EVALSHA"), script->sha, on_evalsha_reply);
}
