/* SPDX-License-Identifier: MIT */
/*
 * What the queue has accepted, what the store made of it, and what clients were told: rows Q1 to Q8 of
 * doc/consistency.md are checked here.
 *
 * A write is known from the moment at which a client is told its ticket, or the store has applied it. The store says what
 * became of it; the journal's word must be the same, and never come first.
 */
#ifndef TESTS_SIM_TRUTH_QUEUE_H
#define TESTS_SIM_TRUTH_QUEUE_H

#include "queue/journal.h"
#include "store/apply.h"
#include "truth.h"

struct truth_queued {
    struct ticket ticket;
    char id[TODO_ID_MAX + 1]; /* of the todo; "": not known yet */
    char name[16];            /* that it gave to it, if it was done */
    bool is_acknowledged;
    bool is_done, is_dead; /* by the store */
    int64_t told_at_us;    /* the world's time: what became of it; 0: not yet */
    struct store_applied applied;
    size_t number; /* is_done: of the state that its batch left */
};

void truth_queue_begin(void);

/* A client was told this ticket; id "": it was not told whose. */
void truth_queue_accepted(struct ticket ticket, const char *id);

/* The store has committed a batch, and the truth has looked at its todos. */
void truth_queue_applied(const struct store_batch *batch, const struct store_applied *results);

/*
 * A client was told what became of a write: "pending", "applied" with a version, "failed", "settled" (the outcome is not
 * kept any more), or, state "", that there never was such a ticket. It had asked at that time.
 */
void truth_queue_told(struct ticket ticket, struct slice state, struct store_version version, int64_t sent_us);

/* A read that showed this ticket was answered with a state of that number (TRUTH_NONE: not known which). */
void truth_queue_shown(struct ticket ticket, const char *id, int number, bool may_be_old);

/* Whether such a write made this todo, under this name. Others of its batch may have changed it before anybody saw it. */
bool truth_queue_made(const char *id, const char *name);

/* Every acknowledged write was applied, or is a dead letter. */
void truth_queue_judge(void);

#endif
