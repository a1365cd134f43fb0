/* SPDX-License-Identifier: MIT */
/*
 * Lua scripts on Redis: EVALSHA, and on NOSCRIPT (Redis restarted, SCRIPT FLUSH) EVAL of that one call, which loads it
 * again. If a key is of a wrong type (WRONGTYPE), it is deleted and the call made once more.
 * context  loop only; done as on_reply in redis.h
 */
#ifndef REDIS_REDIS_SCRIPT_H
#define REDIS_REDIS_SCRIPT_H

#include <stddef.h>

#include "base/slice.h"
#include "redis/cluster.h"
#include "redis/redis.h"

/* embed.sh makes rows of these from the .lua files of a room. */
struct redis_script {
    struct slice sha; /* SHA-1 of text, in hex */
    struct slice text;
    const struct redis_script *discard; /* deletes keys of wrong types among its keys, and names them; or NULL */
};

/* Runs a script, which must outlive the call; keys and args are copied. */
void redis_script_run(struct redis *redis, const struct redis_script *script, const struct slice *keys,
                      size_t key_count, const struct slice *args, size_t arg_count, redis_reply_cb done, void *ctx);

/* The same in a cluster, at whoever has the slot of the keys (cluster_send()). */
void redis_script_run_in(struct cluster *cluster, const struct redis_script *script, const struct slice *keys,
                         size_t key_count, const struct slice *args, size_t arg_count, redis_reply_cb done, void *ctx);

/* At this node, or where the key is that is on its way from there (cluster_send_at()); then by its text. */
void redis_script_run_at(struct cluster *cluster, const struct redis *node, const struct redis_script *script,
                         const struct slice *keys, size_t key_count, const struct slice *args, size_t arg_count,
                         redis_reply_cb done, void *ctx);
void redis_script_run_text_at(struct cluster *cluster, const struct redis *node, const struct redis_script *script,
                              const struct slice *keys, size_t key_count, const struct slice *args, size_t arg_count,
                              redis_reply_cb done, void *ctx);

/* The same, by the script's text: it keeps its place among the commands even if Redis has forgotten the scripts. */
void redis_script_run_text(struct redis *redis, const struct redis_script *script, const struct slice *keys,
                           size_t key_count, const struct slice *args, size_t arg_count, redis_reply_cb done,
                           void *ctx);

#endif
