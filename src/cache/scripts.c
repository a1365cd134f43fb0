/* SPDX-License-Identifier: MIT */
/*
 * The protocol's scripts, embedded in the program at build time.
 *
 * The steps that must be one step for Redis are Lua scripts: compare a lease and store, delete and leave a mark. Their
 * texts are the .lua files of scripts/, so that people and tests read the very text that Redis runs. redis/embed.sh
 * makes rows of them.
 *
 * Both lists, enum script and the embedded rows, are in the alphabetical order of the files; the build fails if one has
 * a script that the other lacks. How a script is called, and loaded again if Redis has forgotten it:
 * redis/redis_script.c.
 */
#include "cache/scripts.h"

#include "cache/scripts_embedded.h"

#define SCRIPT_ROW(name, sha, text) [SCRIPT_##name] = {SLICE(sha), SLICE(text), &scripts[SCRIPT_DISCARD]},
#define SCRIPT_ONE(name, sha, text) +1
static const struct redis_script scripts[SCRIPT_COUNT] = {SCRIPTS(SCRIPT_ROW)};
_Static_assert(SCRIPTS(SCRIPT_ONE) == SCRIPT_COUNT, "a script is missing in enum script");

void script_run(struct redis *redis, enum script script, const struct slice *keys, size_t key_count,
                const struct slice *args, size_t arg_count, redis_reply_cb on_reply, void *ctx)
{
    redis_script_run(redis, &scripts[script], keys, key_count, args, arg_count, on_reply, ctx);
}

const struct redis_script *script_discard(void)
{
    return &scripts[SCRIPT_DISCARD];
}

void script_run_text(struct cluster *cluster, struct redis *redis, enum script script, const struct slice *keys,
                     size_t key_count, const struct slice *args, size_t arg_count, redis_reply_cb on_reply, void *ctx)
{
    const struct redis_script *text = &scripts[script];
    if (cluster)
        redis_script_run_text_at(cluster, redis, text, keys, key_count, args, arg_count, on_reply, ctx);
    else
        redis_script_run_text(redis, text, keys, key_count, args, arg_count, on_reply, ctx);
}
