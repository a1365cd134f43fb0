/* SPDX-License-Identifier: MIT */
/*
 * The L1 of one machine (src/l1/table.c) while Redis answers: one todo, its generation, and one place for a kept value. Redis' keys and
 * scripts are those of scripts.pml; what Redis promises by itself is in cache.pml.
 *
 * Modelled: WRITERS writes, each by a worker of its own, and READERS readers in workers of their own; each reads again and again. The
 * store is the number of writes that it has applied, and that is also the version that a write makes.
 *
 * What can go wrong, at any moment: a worker is killed between any two steps of a write; the store applies a write long after its worker
 * gave it up, or never; a reader is killed; it sleeps between any two steps, above all before it keeps what it has read, and
 * keeps it much later; the entry, the lease, the kept value (evicted, or torn by two that wrote it) are lost; marks run out; with
 * LOST_MARKS, the writers' set is evicted while its write is in flight.
 *
 * Promised (asserted): a read returns no version below what a write or read that ended before it began has shown, whether it was
 * answered by the L1, by Redis or by the store. With LOST_MARKS what reads have shown doesn't bind, as in cache.pml.
 *
 * Why few steps do:
 *   - A hit is one step: it begins, looks at the generation, compares and ends. One that ends later has less to fulfil.
 *   - A read past the cache (a writer's mark is there, or the client asked for it) is one step as well: it shows what the store has.
 *   - A keep compares nothing: the one of src/l1/table.c does, but only to save a useless copy.
 *   - All ids that share a generation are one id here; a raise for another one only makes misses.
 * Marks that stay are cleared as in cache.pml. The L1 needs no raise then: while a mark stands, Redis has no entry, so nothing is kept.
 * Writes past Redis (outbox.pml) raise the same generations at the same two places, and once more when their record is drained.
 */
#include "scripts.pml"

#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef READERS
#define READERS 2
#endif

mtype:write = {NOT_BEGUN, FENCED, SENT, STORED, UNFENCED, UNKNOWN, OVER};
mtype:reader = {AWAY, ASKED, MISSED, FETCHING, FETCHED, READ};

byte store;      /* writes applied */
byte begun;      /* writes that have begun */
byte shown;      /* the newest version that somebody has been answered */
byte generation;
byte kept = NONE, kept_under; /* the L1's value, and the generation that its reader had noted */

mtype:write write[WRITES_MAX] = NOT_BEGUN;
byte written[WRITES_MAX]; /* the version that a write made; 0: none */

mtype:reader reader[READERS] = AWAY;
byte least[READERS]; /* the version that this read may not fall below */
byte noted[READERS], value[READERS];

#define AN_OUTCOME_IS_UNKNOWN (write[0] == UNKNOWN || write[1] == UNKNOWN || write[2] == UNKNOWN)
#define IS_IN_FLIGHT(w) (write[w] != NOT_BEGUN && write[w] != OVER)
#define A_WRITE_IS_IN_FLIGHT (IS_IN_FLIGHT(0) || IS_IN_FLIGHT(1) || IS_IN_FLIGHT(2))

#ifdef LOST_MARKS
#define MAY_LOSE_MARKS (!AN_OUTCOME_IS_UNKNOWN)
#define MAY_BE_LEFT(w) (mark[w] != ABSENT)
#define READS_BIND false
#else
#define MAY_LOSE_MARKS (!A_WRITE_IS_IN_FLIGHT)
#define MAY_BE_LEFT(w) true
#define READS_BIND true
#endif

#ifdef MUTANT_COMPARES_NOTHING
#define IS_HIT (kept != NONE)
#else
#define IS_HIT (kept != NONE && kept_under == generation)
#endif

inline note_shown(version)
{
    shown = (version > shown -> version : shown)
}

inline check_history(version, bound)
{
    assert(version >= bound && version <= begun);
    if
    :: READS_BIND -> note_shown(version)
    :: else
    fi
}

/* ---- A write ---- */

active [WRITERS] proctype writer()
{
    byte w = _pid;
end:
    do
    :: d_step {
        write[w] == NOT_BEGUN && (w == 0 || write[w - 1] != NOT_BEGUN) ->
        printf("W%d fences\n", w);
        begun++;
        fence(w);
        write[w] = FENCED
    }
    :: d_step {
        write[w] == FENCED ->
        printf("W%d raises the generation, and asks the store\n", w);
#ifndef MUTANT_RAISES_LATE
        generation++;
#endif
        write[w] = SENT
    }
    :: d_step {
        write[w] == SENT ->
        store++;
        written[w] = store;
        printf("W%d commits %d\n", w, store);
        write[w] = STORED
    }
    :: d_step {
        write[w] == SENT ->
        printf("W%d is refused by the store\n", w);
        write[w] = STORED
    }
    :: d_step {
        write[w] == STORED ->
        printf("W%d unfences\n", w);
        unfence(w);
        write[w] = UNFENCED
    }
    :: d_step {
        write[w] == STORED && written[w] > 0 ->
        publish(w, written[w]);
        printf("W%d publishes %d (stays: %d)\n", w, written[w], entry != NONE);
        write[w] = UNFENCED
    }
    :: d_step {
        write[w] == UNFENCED ->
        printf("W%d raises the generation once more, and answers\n", w);
#ifndef MUTANT_RAISES_ONCE
        generation++;
#endif
        note_shown(written[w]);
        written[w] = 0;
        write[w] = OVER
    }
    :: d_step {
        write[w] == SENT && MAY_BE_LEFT(w) ->
        printf("W%d dies, or gives up: the outcome is unknown\n", w);
        write[w] = UNKNOWN
    }
    :: d_step {
        ((write[w] == FENCED || write[w] == STORED) && MAY_BE_LEFT(w)) || write[w] == UNFENCED ->
        printf("W%d dies\n", w);
        written[w] = 0;
        write[w] = OVER
    }
    :: d_step {
        write[w] == UNKNOWN ->
        store++;
        printf("W%d's write is applied after all: %d\n", w, store);
        write[w] = OVER
    }
    :: d_step {
        write[w] == UNKNOWN ->
        printf("W%d's write will never be applied\n", w);
        write[w] = OVER
    }
    :: d_step {
        mark[w] == LIVE && (write[w] == STORED || write[w] == UNKNOWN || write[w] == OVER) ->
        printf("W%d's mark runs out\n", w);
        mark[w] = RUN_OUT
    }
    od
}

/* ---- A read through Redis ---- */

#ifdef MUTANT_NOTES_LATE
#define NOTED(r) generation
#else
#define NOTED(r) noted[r]
#endif

inline note(r)
{
    noted[r] = generation
}

inline answer(r)
{
    printf("R%d answers %d\n", r, value[r]);
    check_history(value[r], least[r]);
    least[r] = 0
}

inline forget(r)
{
    reader[r] = AWAY;
    least[r] = 0;
    noted[r] = 0;
    value[r] = 0
}

active [READERS] proctype reading()
{
    byte r = _pid - WRITERS;
end:
    do
    :: d_step {
        reader[r] == AWAY ->
        printf("R%d begins under generation %d\n", r, generation);
        least[r] = shown;
        note(r);
        reader[r] = ASKED
    }
    :: d_step {
        reader[r] == ASKED && entry != NONE ->
        value[r] = entry;
        answer(r);
        reader[r] = READ
    }
    :: d_step {
        reader[r] == ASKED && entry == NONE ->
        note(r);
        reader[r] = MISSED
    }
    :: d_step {
        reader[r] == MISSED && entry != NONE ->
        value[r] = entry;
        answer(r);
        reader[r] = READ
    }
    :: d_step {
        reader[r] == MISSED && LEASE_IS_FREE ->
        printf("R%d has the lease\n", r);
        acquire(r);
        reader[r] = FETCHING
    }
    :: d_step {
        reader[r] == MISSED && entry == NONE ->
        printf("R%d reads past the cache: %d\n", r, store);
        value[r] = store;
        answer(r);
        forget(r)
    }
    :: d_step {
        reader[r] == FETCHING ->
        printf("R%d reads %d\n", r, store);
        value[r] = store;
        reader[r] = FETCHED
    }
    :: d_step {
        reader[r] == FETCHED && LEASE_IS_HELD(r) ->
        printf("R%d fills %d\n", r, value[r]);
        fill(r, value[r]);
        answer(r);
        reader[r] = READ
    }
    :: d_step {
        reader[r] == FETCHED && !LEASE_IS_HELD(r) ->
        printf("R%d's fill is refused\n", r);
        answer(r);
        forget(r)
    }
    :: d_step {
        reader[r] == READ ->
        printf("R%d keeps %d under generation %d\n", r, value[r], NOTED(r));
        kept = value[r];
        kept_under = NOTED(r);
        forget(r)
    }
    :: d_step {
        reader[r] != AWAY ->
        printf("R%d is killed\n", r);
        lease = (lease == r -> STRANGER : lease);
        forget(r)
    }
    od
}

/* ---- Hits, and what happens to memory ---- */

active proctype world()
{
end:
    do
    :: d_step {
        IS_HIT ->
        printf("somebody hits %d in the L1\n", kept);
        check_history(kept, shown)
    }
    :: d_step {
        kept != NONE ->
        printf("the kept value is lost\n");
        kept = NONE;
        kept_under = 0
    }
    :: d_step {
        entry != NONE ->
        printf("the entry is evicted\n");
        entry = NONE
    }
    :: d_step {
        lease != NOBODY ->
        printf("the lease expires\n");
        lease = NOBODY
    }
    :: d_step {
        overlap == LIVE && !A_MARK_IS_LIVE ->
        printf("the overlap's mark runs out\n");
        overlap = RUN_OUT
    }
    :: d_step {
        CARD > 0 && !WRITERS_ARE_LIVE && !AN_OUTCOME_IS_UNKNOWN ->
        printf("the writers' set expires\n");
        lose_marks()
    }
    :: d_step {
        CARD > 0 && A_MARK_HAS_RUN_OUT && !AN_OUTCOME_IS_UNKNOWN ->
        printf("the store has shown where it stands: marks past their deadline go\n");
        clear()
    }
    :: d_step {
        CARD > 0 && MAY_LOSE_MARKS ->
        printf("the writers' set is lost\n");
        lose_marks()
    }
    od
}
