/* SPDX-License-Identifier: MIT */
/*
 * How each rule of the protocol is left out.
 *
 * A checker that never went red proves nothing, so tests/faults/ runs it against these as well: design by design the
 * smallest change that opens one hole, made from outside the scripts, so that the scripts which people run are the ones tested.
 * A hole made by a second command, pipelined behind the script's, is open a little later than one in the script would be; that
 * costs the test some time and nothing else.
 *
 * JOINERS_TAKE_REFUSED and EPOCH_UNLOOKED are conditions in flight.c and write.c and need no function.
 *
 * This file is compiled with configure --enable-failpoints only.
 */
#include "cache/mutant.h"

#include "cache/cache_state.h"

static void on_nothing(void *ctx, const struct redis_reply *reply)
{
    (void)ctx, (void)reply;
}

void mutant_steal_lease(struct cache *cache, const struct todo_keys *keys, const struct token *token)
{
    if (!failpoint_is_on(FAILPOINT_FILL_WITHOUT_LEASE))
        return;
    const struct slice set[] = {SLICE("SET"), key_slice(&keys->lease), slice_of(token->text)};
    redis_call(cache->redis, set, 3, on_nothing, NULL);
}

/* An entry that isn't there says "no writers" as well; that is when leases are given. */
const struct key *mutant_writers(const struct todo_keys *keys)
{
    return failpoint_is_on(FAILPOINT_ACQUIRE_IGNORE_WRITERS) ? &keys->entry : &keys->writers;
}

void mutant_publish_anyway(struct cache *cache, const struct fence_call *call, const struct entry_args *fields)
{
    if (!failpoint_is_on(FAILPOINT_PUBLISH_IGNORE_OVERLAP))
        return;
    struct key key;
    key_of_entry(&key, call->epoch, call->ids[0]);
    struct slice args[2 + ENTRY_ARGS_MAX] = {SLICE("HSET"), key_slice(&key)};
    memcpy(args + 2, fields->args, fields->count * sizeof(*args));
    redis_call(cache->redis, args, 2 + fields->count, on_nothing, NULL);
}

void mutant_unmark(struct cache *cache, int64_t epoch, const char *id)
{
    if (!failpoint_is_on(FAILPOINT_LOST_MARK_UNTOLD))
        return;
    struct todo_keys keys;
    todo_keys_init(&keys, epoch, id);
    redis_call(cache->redis, (struct slice[]){SLICE("ZREM"), key_slice(&keys.writers), SLICE("!")}, 3, on_nothing,
               NULL);
}
