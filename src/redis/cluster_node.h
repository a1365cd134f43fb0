/* SPDX-License-Identifier: MIT */
/* The primaries of a Redis Cluster, as its owner is told of them. */
#ifndef REDIS_CLUSTER_NODE_H
#define REDIS_CLUSTER_NODE_H

#include "redis/redis.h"

/* A primary with slots of its own. Replicas are none, nor is a primary before it has its first slot. */
struct cluster_node {
    struct redis *redis; /* its own connection */
    void *ctx;           /* the owner's own; NULL at first */
};

/*
 * Told later, never from inside a call. A node is told up, claims, down any number of times, and gone at last, unless
 * the cluster is freed before.
 */
struct cluster_events {
    /* It is connected, and has claimed slots on this connection; on_claims comes next. */
    void (*on_up)(void *ctx, struct cluster_node *node);
    /* What it claims has changed: it has told so, or it lost a slot (MOVED). It may be nothing any more. */
    void (*on_claims)(void *ctx, struct cluster_node *node);
    /* Commands under way have failed, and it claims nothing. */
    void (*on_down)(void *ctx, struct cluster_node *node);
    /*
     * It has had no slots for a while (1 to 10 s), nothing is under way there, and it is freed after this call. If it
     * was up, on_down has come before.
     */
    void (*on_gone)(void *ctx, struct cluster_node *node);
    void *ctx;
};

#endif
