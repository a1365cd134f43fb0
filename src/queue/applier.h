/* SPDX-License-Identifier: MIT */
/*
 * The applier of one shard: takes the shard if no other worker has it, and applies its queued writes, in order, once.
 * context  loop only
 */
#ifndef QUEUE_APPLIER_H
#define QUEUE_APPLIER_H

#include "queue/board.h"
#include "queue/journal.h"
#include "queue/options.h"
#include "queue/turns.h"

struct applier;

struct applier_options {
    const struct queue_options *queue; /* all borrowed for the applier's life */
    struct journal *journal;
    struct queue_board *board;
    struct turns *turns;
    unsigned shard;
};

struct applier *applier_new(const struct applier_options *options);

/* Begins, and again takes no effect. */
void applier_start(struct applier *applier);

/* Once a second: keeps the shard. */
void applier_tend(struct applier *applier);

/* This process has put a write into the shard: it is looked for at once, if this applier has the shard. */
void applier_poke(struct applier *applier);

/* The batch under way ends and is settled, then the shard is given back. */
void applier_stop(struct applier *applier);

/* Whether it has no shard and asks for none: after applier_stop() it stays so. */
bool applier_is_idle(const struct applier *applier);

/* When it is idle, after the journal. */
void applier_free(struct applier *applier);

#endif
