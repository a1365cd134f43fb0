/* SPDX-License-Identifier: MIT */
/*
 * redis/redis.h without sockets: connections to a fake_server.h, linked in place of redis.c.
 *
 * A command goes three ways, each when the test says so: it is sent (waits here), executed (the server has carried it out, its
 * answer is on the way), delivered (the callback has run). So every interleaving of several connections can be driven step by
 * step. fake_redis_step() takes whichever step is possible; a held connection takes none by itself.
 */
#ifndef TESTS_UNIT_FAKE_REDIS_H
#define TESTS_UNIT_FAKE_REDIS_H

#include <stdbool.h>
#include <stddef.h>

#include "redis/redis.h"

struct fake_server;

enum { FAKE_RECONNECT_MS = 10 };

/* fake_redis_step() does nothing for this connection while it is held; the two calls below still do. */
void fake_redis_hold(struct redis *redis, bool held);

/* The oldest command that was sent is carried out; false if there is none, or the server is frozen. */
bool fake_redis_execute(struct redis *redis);

/* The oldest answer reaches its callback; false if there is none. */
bool fake_redis_deliver(struct redis *redis);

/* A command that was made while the connection was down is answered NULL; false if there is none. */
bool fake_redis_refuse(struct redis *redis);

bool fake_redis_step(struct redis *redis);

/* The connection breaks: what was sent, executed or not, is answered NULL; a new attempt follows FAKE_RECONNECT_MS later. */
void fake_redis_cut(struct redis *redis);
void fake_redis_cut_all(struct fake_server *server);

/* The connection breaks when the n-th command from now (1: the next one to be carried out) has been, before its answer. */
void fake_redis_lose_reply(struct redis *redis, unsigned n);

/* While it is down: whether there is hope that it will be up in a moment; none at first. */
void fake_redis_set_coming(struct redis *redis, bool coming);

/* NULL: it is down. */
struct fake_server *fake_redis_server(const struct redis *redis);

size_t fake_redis_sent_count(const struct redis *redis);

#endif
