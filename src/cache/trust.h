/* SPDX-License-Identifier: MIT */
/*
 * Trust in one Redis, as its owner sees it (shards.c): it begins, is told what the connection does, and looks at the
 * store. What others ask of it is in hold.h.
 * context  loop only
 */
#ifndef CACHE_TRUST_H
#define CACHE_TRUST_H

#include <stdbool.h>

#include "cache/grants.h"
#include "cache/home.h"
#include "cache/options.h"
#include "cache/outbox.h"
#include "redis/redis.h"

/*
 * redis   a connection of the caller's, who tells whether it is up
 * grants  of the cluster that it is a primary of; NULL: one Redis has all slots
 */
struct trust *trust_new(const struct cache_options *options, struct outbox *outbox, struct redis *redis,
                        struct grants *grants);

/* When no job of the pool runs, and no command is under way on its connection. NULL is fine. */
void trust_free(struct trust *trust);

/* As on_up and on_down in redis.h. */
void trust_note_up(struct trust *trust);
void trust_note_down(struct trust *trust);

/* Of a cluster, while it is up: what its primary claims now. The first time after it was down, it is up by that. */
void trust_note_claims(struct trust *trust, const struct slot_set *claims);

/* It is down, and has another connection from now on: of another primary, or one that stays down. */
void trust_move(struct trust *trust, struct redis *redis);

/* Nothing of it is under way in the store or in the pool. */
bool trust_is_idle(const struct trust *trust);

struct redis *trust_redis(const struct trust *trust);

/* Of all that is in this Redis. */
struct home trust_home(struct trust *trust);

/* Of a slot of a cluster. If nobody has it, its trust is one that is never given. */
struct home trust_home_in(const struct grants *grants, unsigned slot);

/* Once a second: has the epoch moved on, are Redis and store still the same? Drains the outbox, too. */
void trust_tend(struct trust *trust);

/* Before the end: whether no beat is due, or can be made. If false, one is under way: ask again. */
bool trust_settle(struct trust *trust);

#endif
