/* SPDX-License-Identifier: MIT */
/*
 * The queue of commands under way.
 *
 * Redis answers in the order of the commands, so the oldest is always the one that the next answer is for, and its age is the
 * age of the whole connection's silence. A ring, because this is two writes per command on the hit path; it doubles when it
 * is full and keeps its size, which is bounded by the requests that a worker lets in at once.
 */
#include "redis/pending.h"

#include <stdlib.h>

#include "base/mem.h"

enum { PENDING_MIN = 256 };

static void pending_grow(struct pending_queue *queue)
{
    size_t size = queue->size ? 2 * queue->size : PENDING_MIN;
    struct pending *ring = mem_alloc(size * sizeof(*ring));
    for (size_t i = 0; i < queue->count; i++)
        ring[i] = queue->ring[(queue->head + i) % queue->size];
    free(queue->ring);
    *queue = (struct pending_queue){.ring = ring, .size = size, .count = queue->count};
}

void pending_push(struct pending_queue *queue, struct pending pending)
{
    if (queue->count == queue->size)
        pending_grow(queue);
    queue->ring[(queue->head + queue->count++) % queue->size] = pending;
}

struct pending pending_pop(struct pending_queue *queue)
{
    struct pending pending = *pending_oldest(queue);
    queue->head = (queue->head + 1) % queue->size;
    queue->count--;
    return pending;
}

const struct pending *pending_oldest(const struct pending_queue *queue)
{
    bug_unless(queue->count > 0, "Redis answered a command that was not sent");
    return &queue->ring[queue->head];
}

void pending_fini(struct pending_queue *queue)
{
    free(queue->ring);
    *queue = (struct pending_queue){0};
}
