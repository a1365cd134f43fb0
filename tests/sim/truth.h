/* SPDX-License-Identifier: MIT */
/*
 * What the store has held and when, and what clients were told: the promises of doc/consistency.md are checked here.
 *
 * Each state of a todo (or its absence) has a number, in the order in which the store showed them. An answer binds
 * those that begin after it: from then on no read may answer with a state of a smaller number. After some faults the
 * promise allows a time; then what was answered longer ago than that binds. The time is counted by a clock that stands
 * still while the store is out of order or a worker frozen, for no promise runs then.
 *
 * If nothing happens but that slots move, a write that left a record binds when that is gone; and reads of a state that
 * was made right after a slot had moved bind no other reads, for its fence may be where nobody looks any more.
 *
 * A worker without Redis leaves a write's invalidation in the outbox. Then that time is allowed for this write alone
 * (row 19), if the world has seen a reason for it.
 */
#ifndef TESTS_SIM_TRUTH_H
#define TESTS_SIM_TRUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "store/store.h"

enum { TRUTH_IDS_MAX = 64, TRUTH_NONE = -1, TRUTH_NOTICED_US = 2500000 /* 2 s, and some slack */ };

struct truth_state {
    int64_t from_us; /* the world's time */
    bool exists;
    int64_t v, life, created_at_ms, updated_at_ms;
    int by;            /* the number of the process that made it; TRUTH_NONE: none of ours, or one that gave it up */
    bool by_record;    /* its invalidation is, or was, in the outbox */
    bool is_overtaken; /* slots may have got another owner since its write began */
    char name[16];
};

/* By the world's clock, which counts where nothing may ever be stale, and by the promise's. */
struct truth_time {
    int64_t world_us, promise_us;
};

struct truth_todo {
    char id[TODO_ID_MAX + 1];
    struct truth_state *states; /* owned */
    size_t count;
    struct truth_floor {
        struct truth_bound {
            struct truth_time at;
            size_t number;
        } * bounds;
        size_t count;
    } written, read;                 /* by the answers to writes, and to reads */
    struct truth_time unrecorded_at; /* from then on all machines have heard of what the outbox had of it */
};

struct truth_rules {
    int64_t stale_us;      /* the bound that the faults allow; -1: nothing binds */
    bool reads_bind;       /* after a read's answer no older state is answered */
    bool knows_beat;       /* nobody takes the store for one that has gone back */
    bool breaks_deadlines; /* a process may go on after its own, or have a clock that others don't share */
    bool only_moves;       /* nothing happens but that slots of a cluster move (row K1) */
    int64_t told_us;       /* after so long other machines have heard of a record that is gone */
    bool records_wait; /* there is a reason to write past Redis: what was, binds after the time that is noticed in */
};

struct truth {
    struct truth_rules rules;
    struct truth_todo todos[TRUTH_IDS_MAX];
    size_t todo_count;
    unsigned halts; /* reasons for which the promise's clock stands */
    int64_t halted_at_us, halted_us;
    int64_t moved_us;       /* when slots got another owner in the store's record; 0: never */
    int64_t loose_until_us; /* slots came back: until then some workers have not heard of it */
};

extern struct truth truth;

void truth_begin(void);
void truth_end(void);

struct truth_time truth_now(void);
void truth_halt(void);
void truth_go_on(void);

/*
 * The store may hold something new under id, made by that process; true: it does, and which states those were (before
 * NULL: none known).
 */
bool truth_look(struct store *store, const char *id, int by, const struct truth_state **before,
                const struct truth_state **after);

/* That process leaves what it has made under id to the outbox after all. */
void truth_recorded(const char *id, int by);

/* A record of that todo is gone from the outbox. */
void truth_unrecorded(const char *id);

/* The store's record gives slots to another owner; and to one that had them before. */
void truth_moved(void);
void truth_came_back(void);

/* That process is killed. If its deadlines were over for others too early, nobody takes up what it leaves (row 30). */
void truth_killed(int by);

struct truth_todo *truth_todo_of(const char *id);

/* What the store holds now. */
const struct truth_state *truth_latest(const struct truth_todo *todo);

/* Whether that state may be missed for a while after it was answered. */
bool truth_binds_late(const struct truth_todo *todo, size_t number);

/* A read that began then was told this; by_list: of a page, which reads don't bind. */
void truth_told(struct truth_todo *todo, struct truth_time began, bool exists, int64_t v, int64_t life, bool by_list);

/*
 * A write that was sent then is answered: it made this state (absent: it deleted that state). Returns its number,
 * TRUTH_NONE: unknown.
 */
int truth_wrote(struct truth_todo *todo, bool exists, int64_t v, int64_t life, int64_t sent_us);

/* A client was told that the state of this number is there. */
void truth_bind(struct truth_todo *todo, size_t number);

/* The number of the last state like that; TRUTH_NONE: the store never held it. */
int truth_number(const struct truth_todo *todo, bool exists, int64_t v, int64_t life);

#endif
