/* SPDX-License-Identifier: MIT */
/*
 * The protocol's scripts on Redis; each is a .lua file in scripts/ with its contract at the top.
 * context  loop only; on_reply as in redis.h
 */
#ifndef CACHE_SCRIPTS_H
#define CACHE_SCRIPTS_H

#include <stddef.h>

#include "base/slice.h"
#include "redis/redis.h"
#include "redis/redis_script.h"

enum script {
    SCRIPT_ACQUIRE,
    SCRIPT_BEAT,
    SCRIPT_CLEAR,
    SCRIPT_DISCARD,
    SCRIPT_FENCE,
    SCRIPT_FILL,
    SCRIPT_INVALIDATE,
    SCRIPT_LIST_ACQUIRE,
    SCRIPT_LIST_CLEAR,
    SCRIPT_LIST_FILL,
    SCRIPT_PUBLISH,
    SCRIPT_RELEASE,
    SCRIPT_UNFENCE,
    SCRIPT_WATERMARK,
    SCRIPT_COUNT
};

/* Runs a script (redis_script.h); keys and args are copied. */
void script_run(struct redis *redis, enum script script, const struct slice *keys, size_t key_count,
                const struct slice *args, size_t arg_count, redis_reply_cb on_reply, void *ctx);

/* discard.lua, for scripts of other rooms (redis_script.h). */
const struct redis_script *script_discard(void);

/* By its text (redis_script.h). cluster: redis is a node of it; NULL: there is none. */
void script_run_text(struct cluster *cluster, struct redis *redis, enum script script, const struct slice *keys,
                     size_t key_count, const struct slice *args, size_t arg_count, redis_reply_cb on_reply, void *ctx);

#endif
