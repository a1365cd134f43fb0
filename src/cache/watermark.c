/* SPDX-License-Identifier: MIT */
/*
 * No read falls behind a write that was answered, whichever member of the store answers it.
 *
 *   write -> the store's answer -> watermark to Redis -> unfence -> "200"
 *   miss  -> lease, and the watermark from Redis -> the store's read, at least there -> fill
 *
 * The danger: a read of MongoDB shows what the primary knows to be on a majority. A primary that was just elected, or
 * one that is cut off from its set and doesn't know it yet, may know less than an acknowledged write. The reader would
 * fill the old todo, for its lifetime.
 *
 * So every answer of the store tells how far it has come, and each process keeps the latest (store_watermark()). A
 * writer tells Redis before it unfences, by the script's text, because a script that Redis has forgotten would be sent
 * again behind the unfence; so a reader that gets a lease afterwards is told, and its read waits until the
 * member is there, or fails and fills nothing. The epoch's key is told again at each look, once a second.
 *
 * If Redis loses the key (evicted, flushed), acquire.lua grants nothing until a worker has told it again. That worker
 * may not know the writes of others in the last second; an entry can be filled old only if the store's primary changes
 * in just that second. Without Redis a worker knows what it has seen itself: its reads may then miss a write of another
 * one while a new primary is behind. These values are answered, never stored.
 *
 * It is one key, and no key per todo: a watermark stands for all that came before it. A cluster has one for each slot,
 * beside the entries of that slot. Looks don't tell these; an unfence does, and a reader whose acquire finds none tells
 * its own, then acquires once more.
 */
#include "cache/watermark.h"

#include "base/failpoint.h"
#include "cache/keys.h"
#include "cache/lifetime.h"
#include "cache/scripts.h"

struct slice watermark_take(struct store *store, struct slice answer)
{
    size_t len = answer.len;
    while (len > 0 && answer.data[len - 1] != ' ')
        len--;
    if (len == 0)
        return answer;
    store_raise(store, (struct slice){.data = answer.data + len, .len = answer.len - len});
    return (struct slice){.data = answer.data, .len = len - 1};
}

bool watermark_tell(const struct home *home, const struct settings *settings, const struct store *store,
                    redis_reply_cb on_reply, void *ctx)
{
    struct store_watermark mark;
    struct key key;
    char ttl_ms[INT64_TEXT_MAX + 1];
    store_watermark(store, &mark);
    if (!mark.text[0] || failpoint_is_on(FAILPOINT_WATERMARK_UNTOLD))
        return false;
    key_of_watermark(&key, home->epoch, home->slot);
    const struct slice args[] = {slice_of(mark.text), slice_of_int64(ttl_ms, lifetime_generation_ms(settings))};
    const struct slice keys[] = {key_slice(&key)};
    script_run_text(home->cluster, home->redis, SCRIPT_WATERMARK, keys, 1, args, 2, on_reply, ctx);
    return true;
}

bool watermark_ask(const struct home *home, const struct store *store, redis_reply_cb on_reply, void *ctx)
{
    struct store_watermark mark;
    struct key key;
    store_watermark(store, &mark);
    if (!mark.text[0])
        return false;
    key_of_watermark(&key, home->epoch, home->slot);
    redis_call(home->redis, (struct slice[]){SLICE("GET"), key_slice(&key)}, 2, on_reply, ctx);
    return true;
}

bool watermark_is_lost(const struct redis_reply *acquired)
{
    return redis_reply_ok(acquired) && slice_equal(redis_reply_text(acquired), SLICE("BYPASS "));
}

void watermark_heed(struct store *store, const struct redis_reply *reply)
{
    if (redis_reply_ok(reply) && redis_reply_text(reply).data)
        store_raise(store, redis_reply_text(reply));
}
