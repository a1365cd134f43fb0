/* SPDX-License-Identifier: MIT */
/*
 * What a write queue works with; its parts take it from here.
 */
#ifndef QUEUE_OPTIONS_H
#define QUEUE_OPTIONS_H

#include "cache/cache.h"
#include "queue/board.h"

struct queue_options {
    const struct events *events; /* all borrowed for the queue's life */
    const struct settings *settings;
    struct cache *cache; /* writes batches as fenced writes */
    struct store *store;
    struct pool *pool;
    size_t turn_count; /* appliers that call the store at once; 1 or more */
    struct stats *stats;
    void *loop;                /* the uv_loop_t */
    struct queue_board *board; /* of the machine; NULL: the queue has its own */
    /* Told at most once, while the journal has never been ready: it is not durable, so the setting is wrong. */
    void (*on_wrong)(void *ctx, const struct error *error);
    void *ctx;
};

#endif
