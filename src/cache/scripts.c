/* SPDX-License-Identifier: MIT */
/*
 * Calling the scripts.
 *
 * A call is encoded once: what follows the script's name is the same for EVALSHA and EVAL, so it is kept until the answer is
 * there, and a NOSCRIPT re-sends that one call with the script's text. Both lists of scripts, the enum and the embedded
 * rows, are in the alphabetical order of the files; the build fails if they differ.
 *
 * Scripts are classic ones, without a "#!lua" line: those Redis refuses as a whole when its memory is full, even if they
 * would only delete; and deleting is what must never be refused.
 */
#include "cache/scripts.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cache/scripts_embedded.h"
#include "redis/redis_encode.h"

struct script_text {
    struct slice sha;
    struct slice text;
};

#define SCRIPT_ROW(name, sha, text) [SCRIPT_##name] = {SLICE(sha), SLICE(text)},
static const struct script_text scripts[] = {SCRIPTS(SCRIPT_ROW)};
_Static_assert(sizeof(scripts) / sizeof(*scripts) == SCRIPT_COUNT, "a script is missing in enum script");

struct script_call {
    struct redis *redis;
    enum script script;
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
        call_send(call, SLICE("EVAL"), scripts[call->script].text, on_eval_reply);
    else
        call_end(call, reply);
}

void script_run(struct redis *redis, enum script script, const struct slice *keys, size_t key_count,
                const struct slice *args, size_t arg_count, redis_reply_cb on_reply, void *ctx)
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
    call_send(call, SLICE("EVALSHA"), scripts[script].sha, on_evalsha_reply);
}
