/* SPDX-License-Identifier: MIT */
/*
 * How each rule of the protocol is left out.
 *
 * A checker that never went red proves nothing, so tests/faults/ runs the history checker against these as well. Each
 * mutant is the smallest change that opens one hole. It is made from outside the scripts, so the tested scripts are
 * those that people run.
 *
 * A hole that a second command makes, pipelined behind the script's, opens a little later than one inside the script
 * would. That costs the test some time and nothing else.
 *
 * JOINERS_TAKE_REFUSED and EPOCH_UNLOOKED are conditions in flight.c and write.c and need no function.
 *
 * This file is compiled with configure --enable-failpoints only.
 */
#include "cache/mutant.h"

#include "base/mem.h"
#include "cache/keys.h"

enum { FIELDS_MAX = 32 };

static void on_nothing(void *ctx, const struct redis_reply *reply)
{
    (void)ctx, (void)reply;
}

void mutant_steal_lease(struct redis *redis, struct slice lease_key, struct slice token)
{
    if (failpoint_is_on(FAILPOINT_FILL_WITHOUT_LEASE))
        redis_call(redis, (struct slice[]){SLICE("SET"), lease_key, token}, 3, on_nothing, NULL);
}

/* An absent entry says "no writers" as well, and leases are granted only while there is no entry. */
struct slice mutant_writers(struct slice entry_key, struct slice writers_key)
{
    return failpoint_is_on(FAILPOINT_ACQUIRE_IGNORE_WRITERS) ? entry_key : writers_key;
}

void mutant_publish_anyway(struct redis *redis, struct slice entry_key, const struct slice *fields, size_t count)
{
    if (!failpoint_is_on(FAILPOINT_PUBLISH_IGNORE_OVERLAP))
        return;
    struct slice args[2 + FIELDS_MAX] = {SLICE("HSET"), entry_key};
    bug_unless(count <= FIELDS_MAX, "an entry has more fields than FIELDS_MAX allows");
    memcpy(args + 2, fields, count * sizeof(*fields));
    redis_call(redis, args, 2 + count, on_nothing, NULL);
}

static void overlap_forget(struct redis *redis, struct slice writers_key)
{
    redis_call(redis, (struct slice[]){SLICE("ZREM"), writers_key, SLICE("!")}, 3, on_nothing, NULL);
}

void mutant_unmark(struct redis *redis, struct slice writers_key)
{
    if (failpoint_is_on(FAILPOINT_LOST_MARK_UNTOLD))
        overlap_forget(redis, writers_key);
}

void mutant_unmeet(struct redis *redis, const struct slice *keys, size_t count)
{
    enum { WRITERS = 2 };
    if (!failpoint_is_on(FAILPOINT_FENCE_UNMET))
        return;
    for (size_t i = WRITERS; i < TODO_KEY_COUNT * count; i += TODO_KEY_COUNT)
        for (size_t before = WRITERS; before < i; before += TODO_KEY_COUNT)
            if (slice_equal(keys[i], keys[before]))
                overlap_forget(redis, keys[i]);
}
