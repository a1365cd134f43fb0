/* SPDX-License-Identifier: MIT */
/*
 * The store, as far away as a real one: a call travels, is applied, and its answer travels back. Each part takes its
 * time and may go wrong.
 *
 * What the store does is tests/unit/fake_store.c's; its functions are wrapped by the linker.
 */
#ifndef TESTS_SIM_STORE_TRIP_H
#define TESTS_SIM_STORE_TRIP_H

#include <stdbool.h>
#include <stdint.h>

#include "process.h"
#include "store/store.h"

enum trip_kind {
    TRIP_WRITE = 1,
    TRIP_READ = 2,     /* any primary answers it with what it knows to be on a majority */
    TRIP_MAJORITY = 4, /* neither, and needs the majority's answer */
};

struct store_world {
    struct store *store;
    int64_t most_us;                    /* of a usual way */
    int64_t timeout_ms;                 /* after which a call is given up */
    unsigned away;                      /* trips of these kinds are refused: bits of enum trip_kind */
    bool is_frozen;                     /* does nothing until it goes on */
    bool is_away_for[PROCESSES_MAX];    /* for these processes alone */
    unsigned lost_in;                   /* one answer in so many is lost; 0: none */
    unsigned slow_in;                   /* one call in so many takes nearly as long as it may, or longer; 0: none */
    bool applies_late;                  /* a write whose answer is lost may be applied much later */
    bool tells_time;                    /* it has watermarks */
    bool has_groups;                    /* it commits what waits together, as SQLite does */
    bool is_lagging_for[PROCESSES_MAX]; /* these reach a primary that has lost its set: it shows what was then */
    bool has_lagged;                    /* any of them, ever */
    struct store *behind;               /* what it shows: the store as it was at that time */
    uint64_t lagging_at;                /* which was then */
    uint64_t time;                      /* grows with each write that is applied */
    uint64_t marks[PROCESSES_MAX];      /* the watermark that each process knows, and in which of its lives */
    uint64_t marked_life[PROCESSES_MAX];
    bool is_followed;       /* changes are told to followers */
    const char *refused_id; /* batches with a write of this todo are refused for good; NULL: none */
    uint64_t unknown_count; /* writes that were told to have an unknown outcome */
};

extern struct store_world store_world;

void store_world_begin(int64_t most_us, int64_t timeout_ms);
void store_world_end(void);

/* The store may hold something new under id. */
void store_look(const char *id);

/* From now on the process reaches a primary that has lost its set. */
void store_lag(unsigned process);

/* Reads without a call. */
bool store_peek(struct store *store, const char *id, struct arena *arena, struct todo *todo, struct error *error);

/* Another program changes a todo (and makes it if there is none), or deletes it. */
void store_write_foreign(const char *id, const char *name);
void store_delete_foreign(const char *id);

/* A backup of all, and its return. */
void store_back_up(void);
bool store_has_backup(void);
void store_bring_back(void);
void store_bring_back_todos(void); /* and nothing else */
void store_empty(void);

#endif
