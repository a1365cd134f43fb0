/* SPDX-License-Identifier: MIT */
/* Replies as bytes, read by hiredis' reader into what redis_reply.c makes of them: redis_wire.c without a connection. */
#ifndef TESTS_UNIT_FAKE_REPLY_H
#define TESTS_UNIT_FAKE_REPLY_H

#include "redis/redis_reply.h"

struct fake_replies {
    struct reply_room room;
    struct redisReader *reader;
    size_t awaited;
};

void fake_replies_begin(struct fake_replies *replies);
void fake_replies_end(struct fake_replies *replies);

/* The next reply out of all bytes so far, which must hold one; it lives until the arena of room is reset. */
const struct redis_reply *fake_replies_read(struct fake_replies *replies, struct slice bytes);

/* What Redis answers to HGETALL of a hash with these fields and values in turn. */
const struct redis_reply *fake_replies_hash(struct fake_replies *replies, const struct slice *args, size_t count);

#endif
