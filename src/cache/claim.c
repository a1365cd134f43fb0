/* SPDX-License-Identifier: MIT */
/*
 * Claims: a slot that has moved gets another owner in the store's record, and with it another epoch.
 *
 *   read -> is each claimed slot its own? --yes--> done
 *                     \--no--> these slots, under the epoch that the record gets now, in one swap --overtaken--> read
 *
 * Who claims: a worker whose connection to the primary is up, for the slots that this primary itself names. The old
 * owner need not be asked: nobody finds the slot's keys under the old epoch any more, for it stands in their names. Of
 * several workers that see the same move one swaps, and the others find the record good.
 *
 * At the end of a planned move both primaries name the slot for a moment. The record must not go to and fro then, for a
 * late worker would fill in between. So a slot is taken from another owner only if its primary has begun to name it
 * since the record was read last; or if it still does after CONTEST_MS, for the other one may be the one that is wrong.
 *
 * The record's epoch moves on with each swap, so it tells whether anything has changed (its serial). Only then the
 * slots are read.
 *
 * A swap leaves the beat as it is (beat.c): a new one would hide from others that the store has gone back. In a cluster
 * beats only grow, whatever the epoch. If the record's is earlier than one that is known, no epoch of its slots may be
 * believed, for the same slots may have had entries of later states under them. Then the swap gives all of them up,
 * and each shard claims its own anew. The same happens if somebody has moved the epoch on without a word of the slots
 * (todoctl purge --all): their text is void then (slots.c).
 *
 * It does not say what may be answered: trust.c does, when the outbox is drained.
 */
#include "cache/claim.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "cache/slots.h"

enum { SWAP_TRIES = 5, CONTEST_MS = 800 };

/* What a try works with. */
struct attempt {
    struct arena arena;
    struct buf text;
    struct slots slots;
};

static bool has_gone_back(const struct store_meta *meta, const struct beat *known)
{
    return meta->epoch < known->epoch || meta->beat < known->number;
}

static bool claims_are_met(const struct claim *claim)
{
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++)
        if (slot_set_has(&claim->claims, slot) != (claim->own.of[slot] != 0))
            return false;
    return true;
}

static void own_take(struct claim *claim, const struct slots *slots, int64_t serial)
{
    struct slot_set own;
    slots_of(slots, claim->run_id, &own);
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        bool is_own = slot_set_has(&own, slot) && slot_set_has(&claim->claims, slot);
        claim->own.of[slot] = is_own ? slots->epochs[slot] : 0;
    }
    claim->serial = serial;
}

/* Of the claims, those that may be taken now. */
static struct slot_set claims_ripe(struct claim *claim, const struct slots *slots)
{
    struct slot_set own, ripe = claim->claims;
    int64_t now_ms = clock_monotonic_us() / 1000;
    slots_of(slots, claim->run_id, &own);
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        int64_t *since_ms = &claim->contested_at_ms[slot];
        bool is_others = slots->epochs[slot] != 0 && !slot_set_has(&own, slot);
        if (!is_others || !slot_set_has(&ripe, slot) || !slot_set_has(&claim->last, slot))
            *since_ms = 0;
        else if (*since_ms == 0)
            *since_ms = now_ms;
        if (*since_ms != 0 && now_ms - *since_ms < CONTEST_MS)
            slot_set_remove(&ripe, slot);
    }
    return ripe;
}

static int64_t later(int64_t one, int64_t other)
{
    return one > other ? one : other;
}

/* The record that takes the place of the one that was read. Its Redis is none: the slots tell which. */
static struct store_meta record_next(const struct store_meta *meta, const struct beat *known, bool is_lost)
{
    int64_t last = later(later(meta->epoch, meta->beat), known->epoch);
    if (known->number != INT64_MAX)
        last = later(last, known->number);
    struct store_meta next = {.epoch = serial_next(last, clock_wall_ms()), .beat = meta->beat};
    if (is_lost || meta->beat == 0)
        next.beat = next.epoch;
    return next;
}

static enum status try_swap(struct claim *claim, struct attempt *attempt, struct store *store, const struct beat *known,
                            struct store_meta *meta, bool *is_settled, struct error *error)
{
    struct slice text;
    struct slots *slots = &attempt->slots;
    arena_reset(&attempt->arena);
    buf_reset(&attempt->text);
    enum status status = store_slots_get(store, &attempt->arena, meta, &text, error);
    if (status != STATUS_OK)
        return status;
    bool is_lost = has_gone_back(meta, known);
    if (is_lost || !slots_parse(slots, text, meta->epoch))
        memset(slots, 0, sizeof(*slots));
    const struct store_meta next = record_next(meta, known, is_lost);
    const struct slot_set ripe = claims_ripe(claim, slots);
    size_t count = slots_claim(slots, &ripe, claim->run_id, next.epoch);
    *is_settled = count == 0 && !is_lost && meta->beat != 0;
    if (!*is_settled) {
        slots_print(slots, next.epoch, &attempt->text);
        status = store_slots_swap(store, meta, &next, buf_slice(&attempt->text), is_settled, error);
        if (status != STATUS_OK || !*is_settled)
            return status;
        *meta = next;
        claim->taken_count = count;
        claim->taken_for = is_lost ? "the store has gone back to an earlier state" : NULL;
    }
    own_take(claim, slots, meta->epoch);
    return STATUS_OK;
}

/* Whether the record is as it was when the slots were read, so that they need not be read again. */
static enum status look(const struct claim *claim, struct store *store, const struct beat *known,
                        struct store_meta *meta, bool *is_same, struct error *error)
{
    enum status status = store_meta_get(store, meta, error);
    *is_same =
        status == STATUS_OK && meta->epoch == claim->serial && !has_gone_back(meta, known) && claims_are_met(claim);
    return status;
}

enum status claim_take(struct claim *claim, struct store *store, const struct beat *known, struct store_meta *meta,
                       struct error *error)
{
    bool is_settled;
    claim->taken_count = 0;
    claim->taken_for = NULL;
    enum status status = look(claim, store, known, meta, &is_settled, error);
    if (status != STATUS_OK || is_settled)
        return status;
    struct attempt *attempt = mem_alloc(sizeof(*attempt));
    arena_init(&attempt->arena);
    buf_init(&attempt->text);
    for (int i = 0; i < SWAP_TRIES && status == STATUS_OK && !is_settled; i++)
        status = try_swap(claim, attempt, store, known, meta, &is_settled, error);
    arena_fini(&attempt->arena);
    buf_fini(&attempt->text);
    free(attempt);
    if (status == STATUS_OK && is_settled)
        claim->last = claim->claims;
    if (status == STATUS_OK && !is_settled)
        return error_set(error, STATUS_BUSY, "the record was changed by others %d times in a row", SWAP_TRIES);
    return status;
}

/* Whether slot comes before other, by age. -1: none, before all. */
static bool is_older(const struct claim *claim, int slot, int other)
{
    if (slot < 0 || other < 0)
        return slot < other;
    int64_t epoch = claim->own.of[slot], other_epoch = claim->own.of[other];
    return epoch != other_epoch ? epoch < other_epoch : slot < other;
}

int claim_next_oldest(const struct claim *claim, int last)
{
    int oldest = -1;
    for (int slot = 0; slot < SLOT_COUNT; slot++)
        if (claim->own.of[slot] != 0 && is_older(claim, last, slot) && (oldest < 0 || is_older(claim, slot, oldest)))
            oldest = slot;
    return oldest;
}
