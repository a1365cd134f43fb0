/* SPDX-License-Identifier: MIT */
/*
 * The queue of commands under way.
 *
 * Redis answers in the order of the commands, so the next answer is always for the oldest command. The queue is a ring,
 * because that is two writes per command on the hit path. It doubles when it is full and keeps its size. The requests
 * that a worker accepts at once bound it.
 *
 * Does not: send anything, or call the callbacks that it holds.
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
    queue->ring = ring;
    queue->size = size;
    queue->head = 0;
}

void pending_push(struct pending_queue *queue, struct pending pending)
{
    if (queue->count == queue->size)
        pending_grow(queue);
    queue->ring[(queue->head + queue->count++) % queue->size] = pending;
    queue->unsent_count++;
}

struct pending pending_pop(struct pending_queue *queue)
{
    struct pending pending = *pending_oldest(queue);
    queue->head = (queue->head + 1) % queue->size;
    if (queue->unsent_count == queue->count--)
        queue->unsent_count--;
    return pending;
}

const struct pending *pending_oldest(const struct pending_queue *queue)
{
    bug_unless(queue->count > 0, "Redis answered a command that was not sent");
    return &queue->ring[queue->head];
}

void pending_sent(struct pending_queue *queue, int64_t now_us)
{
    for (; queue->unsent_count > 0; queue->unsent_count--)
        queue->ring[(queue->head + queue->count - queue->unsent_count) % queue->size].sent_at_us = now_us;
}

void pending_fini(struct pending_queue *queue)
{
    free(queue->ring);
    *queue = (struct pending_queue){0};
}
