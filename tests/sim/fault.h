/* SPDX-License-Identifier: MIT */
/*
 * What goes wrong in the world. A schedule enables some kinds of faults (swarm testing); they begin at random moments
 * and end after a while. What they have in common with doc/consistency.md are their traits: these decide what is still
 * promised.
 */
#ifndef TESTS_SIM_FAULT_H
#define TESTS_SIM_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/settings.h"
#include "truth.h"

/* What other programs leave in Redis. */
#define FAULT_FOREIGN_TEXT "another program's"

enum fault_trait {
    FAULT_OUTAGE = 1,            /* Redis is away for a worker or for all: staleness of 2 s at most */
    FAULT_MOVES_EPOCH = 2,       /* the same, and some workers learn late of a new epoch */
    FAULT_LOSES_MARKS = 4,       /* reads bind no reads */
    FAULT_KILLS = 8,             /* a worker dies in the middle of something */
    FAULT_UNKNOWN = 16,          /* the outcome of a write is not known */
    FAULT_HALTS = 32,            /* while it lasts, no bound runs */
    FAULT_SPLITS = 64,           /* the store is away for some workers */
    FAULT_FOREIGN = 128,         /* another program writes to the store */
    FAULT_RESTORES = 256,        /* the store goes back in time */
    FAULT_MILD = 512,            /* may be enabled beside any: in schedules that keep the strictest promise, too */
    FAULT_LAGS = 2048,           /* a worker reaches a primary that has lost its set */
    FAULT_FORGETS = 4096,        /* Redis forgets the store's beat: mild, but for a store that goes back (row 42) */
    FAULT_CUTS = 8192,           /* a writer loses Redis: mild, but for readers behind a primary that lags (E3) */
    FAULT_FREEZES = 1024,        /* a worker goes on after its deadline */
    FAULT_PEERS = 32768,         /* only where machines have licences */
    FAULT_LOSES_HOLDERS = 65536, /* Redis forgets who has a licence: staleness of 300 ms at most (row 55) */
    FAULT_PAUSES = 131072,       /* processes stand still, but for less than a deadline: nothing is stale (row 51) */
    FAULT_QUEUE = 262144,        /* only where there is a queue, and nothing is stale: mild */
    FAULT_UNTELLS =
        16384, /* Redis forgets how far the store has come: mild, but for readers behind a primary that lags */
};

/* Numbers of rows; the order is fault.c's. */
size_t fault_count(void);
const char *fault_name(size_t number);
unsigned fault_traits(size_t number);
unsigned fault_weight(size_t number); /* that the schedule has drawn */

/* Bits of the enabled ones' numbers. */
void faults_begin(uint64_t enabled, const struct settings *settings, uint64_t seed);

/* The end of the schedule. */
void faults_free(void);

/* What is promised under them. */
struct truth_rules fault_rules(uint64_t enabled, const struct settings *settings);

/* One of them begins, or does its thing. */
void faults_strike(void);

/* Another program changes a todo, if such may strike. */
void faults_write_foreign(void);

/* All that last end now. */
void faults_end(void);

uint64_t faults_struck(void);

#endif
