/* SPDX-License-Identifier: MIT */
/*
 * A Redis Cluster: a connection to each primary (redis.h), and each command to the one that has its slot.
 *
 * What the servers redirect goes where they say, a bounded number of times. A command is sent again only if a server
 * has answered that it did not run it. If its connection ends first, its caller is told (NULL), for it may have run.
 *
 * context  loop only; callbacks come once, later, never from inside the call that asked for them
 */
#ifndef REDIS_CLUSTER_H
#define REDIS_CLUSTER_H

#include "base/slot.h"
#include "redis/cluster_node.h"
#include "redis/redis.h"

struct cluster;

/*
 * Whether the node itself says, on this connection, that the slot is its own and that it serves its slots. It is asked
 * once a second. When it answers MOVED for a slot, to whatever command, it has lost that slot at once.
 */
bool cluster_claims(const struct cluster_node *node, unsigned slot);

/* All of these; borrowed until the next turn of the loop. */
const struct slot_set *cluster_claimed(const struct cluster_node *node);

/*
 * Whether lately (10 to 20 s) a server has answered for this slot that its keys are on their way: ASK to whatever
 * command, TRYAGAIN to one of cluster_send() (it does not name its slot).
 */
bool cluster_is_moving(const struct cluster *cluster, unsigned slot);

/* Owners are asked for within 100 ms, not at the next second. */
void cluster_learn(struct cluster *cluster);

/*
 * Begins to connect. options: of each connection, whose address is cluster://...; its callbacks are not used. events:
 * copied. STATUS_INVALID: the address.
 */
enum status cluster_new(struct cluster **cluster, const struct redis_options *options,
                        const struct cluster_events *events, struct error *error) STATUS_MUST_CHECK;

/* Commands under way fail from inside this call, the one exception to "later"; no event comes. NULL is fine. */
void cluster_free(struct cluster *cluster);

/*
 * Sends a command (redis_encode.h) whose keys are in this slot to whoever has it; it is copied. NULL to on_reply: no
 * owner is known or up, or it was lost. Redirections that came too often, and CLUSTERDOWN, are on_reply's, as errors.
 */
void cluster_send(struct cluster *cluster, unsigned slot, struct slice command, redis_reply_cb on_reply, void *ctx);

/*
 * The same, but to the node that has this connection, for a key that is good for that node alone. ASK and TRYAGAIN are
 * followed, for the slot is the node's until it has moved for good: then MOVED is on_reply's. NULL: the node is gone,
 * too.
 */
void cluster_send_at(struct cluster *cluster, const struct redis *node, unsigned slot, struct slice command,
                     redis_reply_cb on_reply, void *ctx);

/* Why no owners are known. STATUS_INVALID: a server answers, but not as one of a cluster; STATUS_UNAVAILABLE: else. */
enum status cluster_lack(const struct cluster *cluster, struct error *error);

/* The connection to the slot's owner; borrowed until the next turn of the loop. NULL: none is known. */
struct redis *cluster_redis(struct cluster *cluster, unsigned slot);

#endif
