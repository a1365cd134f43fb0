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
    int64_t made_at_ms; /* the loop's time */
    int64_t sent_at_us; /* monotonic; 0: not yet */
};

/* A ring that grows; all zero is an empty one. */
struct pending_queue {
    struct pending *ring; /* owned */
    size_t size, head, count;
    size_t unsent_count; /* of them, the newest */
};

void pending_push(struct pending_queue *queue, struct pending pending);

/* The queue must not be empty. */
struct pending pending_pop(struct pending_queue *queue);
const struct pending *pending_oldest(const struct pending_queue *queue);

/* All of them have been sent; those that had not before, now. */
void pending_sent(struct pending_queue *queue, int64_t now_us);

void pending_fini(struct pending_queue *queue);

#endif
