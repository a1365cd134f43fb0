/* SPDX-License-Identifier: MIT */
/* Replies as bytes, read as redis_wire.c reads them, without a connection. */
#ifndef TESTS_UNIT_FAKE_REPLY_H
#define TESTS_UNIT_FAKE_REPLY_H

#include "redis/redis_reply.h"

/* The arena has the bytes, too: a text that is used when the replies are gone is an error that sanitizers see. */
struct fake_replies {
    struct arena arena;
};

void fake_replies_begin(struct fake_replies *replies);
void fake_replies_end(struct fake_replies *replies);

/* Takes a reply off the front of bytes, which must hold one; it lives until the arena is reset. */
const struct redis_reply *fake_replies_read(struct fake_replies *replies, struct slice *bytes);

/* What Redis answers to HGETALL of a hash with these fields and values in turn. */
const struct redis_reply *fake_replies_hash(struct fake_replies *replies, const struct slice *args, size_t count);

#endif
