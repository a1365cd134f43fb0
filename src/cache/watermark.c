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
 * It is one key, and no key per todo: a watermark stands for all that came before it.
 */
#include "cache/watermark.h"

#include "cache/keys.h"

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

bool watermark_ask(struct redis *redis, const struct store *store, int64_t epoch, redis_reply_cb on_reply, void *ctx)
{
    struct store_watermark mark;
    struct key key;
    store_watermark(store, &mark);
    if (!mark.text[0])
        return false;
    key_of_watermark(&key, epoch);
    redis_call(redis, (struct slice[]){SLICE("GET"), key_slice(&key)}, 2, on_reply, ctx);
    return true;
}

void watermark_heed(struct store *store, const struct redis_reply *reply)
{
    if (redis_reply_ok(reply) && redis_reply_text(reply).data)
        store_raise(store, redis_reply_text(reply));
}
