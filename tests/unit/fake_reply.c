/* SPDX-License-Identifier: MIT */
/* A reply that is cut or no RESP2 is the fake's own mistake. */
#include "fake_reply.h"

#include <hiredis/hiredis.h>

#include "base/mem.h"
#include "redis/redis_encode.h"

void fake_replies_begin(struct fake_replies *replies)
{
    replies->reader = redisReaderCreate();
    replies->awaited = 1;
    replies->room.awaited = &replies->awaited;
    arena_init(&replies->room.arena);
    reply_room_serve(&replies->room, replies->reader);
}

void fake_replies_end(struct fake_replies *replies)
{
    redisReaderFree(replies->reader);
    arena_fini(&replies->room.arena);
}

const struct redis_reply *fake_replies_read(struct fake_replies *replies, struct slice bytes)
{
    void *reply = NULL;
    bool is_read = redisReaderFeed(replies->reader, bytes.data, bytes.len) == REDIS_OK &&
                   redisReaderGetReply(replies->reader, &reply) == REDIS_OK;
    bug_unless(is_read && reply, "hiredis finds no reply in these bytes");
    return reply;
}

/* An array of texts looks the same both ways. */
const struct redis_reply *fake_replies_hash(struct fake_replies *replies, const struct slice *args, size_t count)
{
    struct buf bytes;
    buf_init(&bytes);
    redis_encode_all(&bytes, args, count);
    const struct redis_reply *reply = fake_replies_read(replies, buf_slice(&bytes));
    buf_fini(&bytes);
    return reply;
}
