/* SPDX-License-Identifier: MIT */
/*
 * The turns in which the processes of one machine write to an SQLite file. Private to sqlite.c and sqlite_file.c.
 *
 * context  pool thread; a turn is given by the thread that took it
 */
#ifndef STORE_SQLITE_TURN_H
#define STORE_SQLITE_TURN_H

#include <stdbool.h>
#include <stdint.h>

struct turn_page;

struct sqlite_turn {
    int fd;                 /* of the file behind the page, and a shared lock on it; -1: no turns are taken */
    struct turn_page *page; /* shared by all processes */
    bool is_held;           /* by this process */
    unsigned stuck_count;   /* turns that were taken when it was last waited for; no more since: not waited for */
};

void sqlite_turn_init(struct sqlite_turn *turn);

/* Joins the others, or makes the file; path is the database's. If neither works, there are no turns. */
void sqlite_turn_open(struct sqlite_turn *turn, const char *path);
void sqlite_turn_close(struct sqlite_turn *turn);

/*
 * Waits for the turn, but not beyond the monotonic time until_ms, nor while nobody takes it; then the caller goes on
 * without it. look is called now and then meanwhile.
 */
void sqlite_turn_take(struct sqlite_turn *turn, int64_t until_ms, void (*look)(void *ctx), void *ctx);

/* Does nothing without a turn. */
void sqlite_turn_give(struct sqlite_turn *turn);

#endif
