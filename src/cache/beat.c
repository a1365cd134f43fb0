/* SPDX-License-Identifier: MIT */
/*
 * Has the store gone back in time? A backup may be restored, a copy put in the store's place.
 *
 *   write -> (within a second) beat in the store -> the same beat in Redis
 *   look:    the store's beat is earlier than the one in Redis, or than one seen before -> the epoch moves on
 *
 * The danger: Redis holds entries of todos as they were after the backup. The restored store has the epoch of these
 * entries again. So the store's record has a beat beside the epoch. Each worker that has written moves it on at its
 * next look, once a second, and when it stops. An idle service writes nothing. Redis keeps the latest beat under the
 * epoch, and each worker keeps the latest that it has seen. A store with an earlier beat is not the one that the
 * entries were filled from. A new epoch makes them unreachable before anything is trusted.
 *
 * The store needs no other identity: an epoch is made with its record and never comes twice (epoch.c). So two stores
 * with the same epoch are copies of each other, and only their beats can tell them apart.
 *
 * An epoch that was left (a purge, another Redis) may come back with a restored store too, and no beat may have
 * followed the last writes in it. So each worker that leaves an epoch tells Redis a beat for it that is later than all.
 *
 * In a cluster each shard has a beat of its own, under the oldest of its epochs, for entries of that one have the most
 * to lose. A slot that was claimed anew has no beat under its epoch yet, and no entries either.
 *
 * Races. A beat moves on only from the beat that Redis has been compared with, in one operation of the store; so no
 * beat hides that the store went back. In Redis an earlier beat never replaces a later one. A later beat in Redis may
 * also be news from a faster worker: so the store is read once more before it counts as gone back (record.c). If a
 * worker dies between store and Redis, the next look of any worker tells Redis.
 *
 * What remains: writes that no beat has followed, because all their workers were killed within a second. And a store
 * that went back while Redis had lost the key (evicted, flushed) and no worker lived that had seen the later beat. The
 * key outlives the entries, and each look makes its life anew.
 */
#include "cache/beat.h"

#include <string.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/random.h"
#include "cache/keys.h"
#include "cache/scripts.h"

enum { MARGIN_MS = 60000 };

/* Longer than any entry or page lives. */
static int64_t beat_ttl_ms(const struct settings *settings)
{
    int64_t ttl_s = settings->todo_ttl_s > settings->negative_ttl_s ? settings->todo_ttl_s : settings->negative_ttl_s;
    if (settings->list_ttl_s > ttl_s)
        ttl_s = settings->list_ttl_s;
    return (ttl_s + settings->stale_if_error_s) * 1000 + MARGIN_MS;
}

bool beat_is_lost(const struct beat *known, const struct store_meta *meta)
{
    return meta->epoch < known->epoch || (meta->epoch == known->epoch && meta->beat < known->number);
}

void beat_tell(const struct home *home, const struct settings *settings, int64_t number, redis_reply_cb on_reply,
               void *ctx)
{
    struct key key;
    char text[INT64_TEXT_MAX + 1], ttl_ms[INT64_TEXT_MAX + 1];
    key_of_beat(&key, home->epoch, home->slot);
    const struct slice args[] = {slice_of_int64(text, number), slice_of_int64(ttl_ms, beat_ttl_ms(settings))};
    const struct slice keys[] = {key_slice(&key)};
    script_run(home->redis, SCRIPT_BEAT, keys, 1, args, 2, on_reply, ctx);
}

static void on_left(void *ctx, const struct redis_reply *reply)
{
    (void)ctx, (void)reply; /* another worker tells it as well, or nothing is known of that epoch */
}

void beat_leave(const struct home *home, const struct settings *settings)
{
    beat_tell(home, settings, INT64_MAX, on_left, NULL);
}

/* A number too large for a beat is no worker's: later than all, so the epoch moves on to a key of its own. */
bool beat_take(const struct redis_reply *reply, int64_t *latest)
{
    if (!redis_reply_ok(reply) || !redis_reply_text(reply).data)
        return false;
    if (!slice_to_int64(redis_reply_text(reply), latest))
        *latest = INT64_MAX;
    if (failpoint_is_on(FAILPOINT_BEAT_UNLOOKED))
        *latest = 0;
    return true;
}

enum status beat_move(struct store *store, struct beat *known, const char *run_id, struct error *error)
{
    bool moved;
    const struct store_meta expected = {.epoch = known->epoch, .beat = known->number};
    struct store_meta next = {.epoch = known->epoch, .beat = serial_next(known->number, clock_wall_ms())};
    memcpy(next.cache_run_id, run_id, strlen(run_id) + 1);
    enum status status = store_meta_swap(store, &expected, &next, &moved, error);
    if (status == STATUS_OK && !moved)
        return error_set(error, STATUS_BUSY, "another worker moved the epoch or the beat on");
    if (status == STATUS_OK)
        known->number = next.beat;
    return status;
}
