/* SPDX-License-Identifier: MIT */
/*
 * Appliers call the store in the lane of clients' writes (store/pool.h), whose jobs start in the order in which they
 * came. Eight appliers would have all threads of a small lane for themselves, and a client's write would wait for all
 * of them. So only as many call it at once as there are turns; the others wait, first come, first served.
 *
 * Does not: bound how long a turn is. The time limits of the store do.
 */
#include "queue/turns.h"

#include <utlist.h>

void turn_take(struct turns *turns, struct turn *turn)
{
    if (turns->free_count == 0) {
        DL_APPEND(turns->waiting, turn);
        return;
    }
    turns->free_count--;
    turn->go(turn);
}

void turn_give(struct turns *turns)
{
    struct turn *turn = turns->waiting;
    if (!turn) {
        turns->free_count++;
        return;
    }
    DL_DELETE(turns->waiting, turn);
    turn->go(turn);
}
