/* SPDX-License-Identifier: MIT */
/* A reply that is cut or no RESP2 is the fake's own mistake. */
#include "fake_reply.h"

#include "base/mem.h"
#include "redis/redis_encode.h"

void fake_replies_begin(struct fake_replies *replies)
{
    arena_init(&replies->arena);
}

void fake_replies_end(struct fake_replies *replies)
{
    arena_fini(&replies->arena);
}

const struct redis_reply *fake_replies_read(struct fake_replies *replies, struct slice *bytes)
{
    struct redis_reply *reply = arena_alloc(&replies->arena, sizeof(*reply));
    struct slice rest = arena_copy(&replies->arena, *bytes);
    enum redis_reading reading = redis_reply_read(reply, &rest, &replies->arena);
    bug_unless(reading == REDIS_READ_WHOLE, "no reply is in these bytes");
    *bytes = (struct slice){bytes->data + bytes->len - rest.len, rest.len};
    return reply;
}

/* An array of texts looks the same both ways. */
const struct redis_reply *fake_replies_hash(struct fake_replies *replies, const struct slice *args, size_t count)
{
    struct buf bytes;
    buf_init(&bytes);
    redis_encode_all(&bytes, args, count);
    struct slice rest = buf_slice(&bytes);
    const struct redis_reply *reply = fake_replies_read(replies, &rest);
    buf_fini(&bytes);
    return reply;
}
