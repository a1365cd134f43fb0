/* SPDX-License-Identifier: MIT */
/*
 * Outcomes of queued writes on their way to the journal.
 * context  loop only
 */
#ifndef QUEUE_SETTLEMENT_H
#define QUEUE_SETTLEMENT_H

#include "queue/journal.h"
#include "queue/options.h"

struct settlement {
    struct journal_outcome outcomes[STORE_APPLY_MAX];
    size_t count;
    char reason[sizeof(((struct error *)0)->text)]; /* why they are dead letters; "": they are none */
};

/* Empties it. */
void settlement_begin(struct settlement *settlement, const char *reason);
void settlement_add(struct settlement *settlement, const struct store_queued *write,
                    const struct store_applied *applied);

/* As the journal's settle. */
void settlement_send(const struct settlement *settlement, struct journal *journal, unsigned shard, journal_done_cb done,
                     void *ctx);

/* A mutant (SETTLE_EARLY): these writes are settled as applied, before the store has said so. */
void settlement_send_early(struct settlement *settlement, struct journal *journal, const struct store_batch *batch);

/* The journal has it: counts, and says which are dead letters. */
void settlement_note(const struct settlement *settlement, const struct queue_options *queue, unsigned shard);

#endif
