/* SPDX-License-Identifier: MIT */
/*
 * What the workers of a machine know together of the write queue: figures of the journal, and which batch is under way.
 *
 * The second is how a write is found out whose application ends its worker: a batch that was begun and never ended is
 * still here when the next worker begins with the same number. It lies in memory that the machine's workers share
 * (server/stats_file.c), so it costs no write to the journal or the store; each machine counts for itself.
 *
 * All zero is empty. context  any thread
 */
#ifndef QUEUE_BOARD_H
#define QUEUE_BOARD_H

#include <stdatomic.h>
#include <stdint.h>

#include "queue/ticket.h"

struct queue_board {
    _Atomic int64_t looked_at_s; /* Unix time */
    _Atomic uint64_t depth, dead_count;
    _Atomic int64_t oldest_at_ms; /* 0: nothing waits */
    struct {
        _Atomic int64_t number; /* the batch's first; 0: none is under way */
        _Atomic uint32_t begun; /* how often it was */
        _Atomic uint32_t count; /* of writes, the last time */
    } under_way[QUEUE_SHARDS];
};

/* How often a batch with this first number was begun and not ended; alone: the last time it was the only one. */
static inline uint32_t board_deaths(const struct queue_board *board, unsigned shard, int64_t number, bool *alone)
{
    bool is_same = atomic_load(&board->under_way[shard].number) == number;
    *alone = is_same && atomic_load(&board->under_way[shard].count) == 1;
    return is_same ? atomic_load(&board->under_way[shard].begun) : 0;
}

static inline void board_begin(struct queue_board *board, unsigned shard, int64_t number, size_t count)
{
    bool alone;
    atomic_store(&board->under_way[shard].begun, board_deaths(board, shard, number, &alone) + 1);
    atomic_store(&board->under_way[shard].count, (uint32_t)count);
    atomic_store(&board->under_way[shard].number, number);
}

static inline void board_end(struct queue_board *board, unsigned shard)
{
    atomic_store(&board->under_way[shard].number, 0);
}

#endif
