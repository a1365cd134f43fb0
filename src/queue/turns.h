/* SPDX-License-Identifier: MIT */
/*
 * Turns of a process's appliers at the store. All zero has none.
 * context  loop only
 */
#ifndef QUEUE_TURNS_H
#define QUEUE_TURNS_H

#include <stddef.h>

struct turn {
    void (*go)(struct turn *turn); /* it has a turn: called by turn_take(), or later by another one's turn_give() */
    struct turn *prev, *next;
};

struct turns {
    size_t free_count;
    struct turn *waiting; /* in the order in which they came */
};

void turn_take(struct turns *turns, struct turn *turn);
void turn_give(struct turns *turns);

#endif
