/* SPDX-License-Identifier: MIT */
/*
 * Several machines on one Redis, each with an L1: what a write changes is told to the others before the store is asked.
 *
 * A machine answers from its L1 only while it holds a licence, for 285 ms at a time; then it is a holder in Redis. A
 * writer puts its ids into the box of each other holder, and waits until all have applied them, or until their licences
 * are over. doc/consistency.md says what that promises.
 *
 * context  loop only; callbacks come once, later, never from inside the call that asked for them
 */
#ifndef PEERS_PEERS_H
#define PEERS_PEERS_H

#include "peers/options.h"

struct peers;

struct peers *peers_new(const struct peers_options *options);

/* When nothing is under way; NULL is fine. */
void peers_free(struct peers *peers);

/*
 * Tells the holders of an epoch that these ids change, or have changed. Call it after Redis has deleted their entries.
 * redis: which has the list, be it trusted yet or not. waits: until no holder answers what it kept before this call;
 * else until all boxes have the ids: then that is so within 300 ms. ids are copied.
 */
void peers_tell(struct peers *peers, struct redis *redis, int64_t epoch, const char *const *ids, size_t id_count,
                bool waits, peers_told_cb done, void *ctx);

/* Before the end: whether this machine's licence, if this process is its agent, is given back. If false, ask again. */
bool peers_settle(struct peers *peers);

#endif
