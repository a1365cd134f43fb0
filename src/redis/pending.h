/* SPDX-License-Identifier: MIT */
/*
 * Commands that wait for their answer, in the order in which they were made.
 * context  any (pure)
 */
#ifndef REDIS_PENDING_H
#define REDIS_PENDING_H

#include <stddef.h>
#include <stdint.h>

#include "redis/redis_reply.h"

struct pending {
    redis_reply_cb on_reply;
    void *ctx;
    int64_t sent_at_us; /* monotonic */
};

/* A ring that grows; all zero is an empty one. */
struct pending_queue {
    struct pending *ring; /* owned */
    size_t size, head, count;
};

void pending_push(struct pending_queue *queue, struct pending pending);

/* The queue must not be empty. */
struct pending pending_pop(struct pending_queue *queue);
const struct pending *pending_oldest(const struct pending_queue *queue);

void pending_fini(struct pending_queue *queue);

#endif
