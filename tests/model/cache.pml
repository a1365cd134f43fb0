/* SPDX-License-Identifier: MIT */
/*
 * The cache protocol of one todo while Redis answers: src/cache/scripts/ (scripts.pml), the writes of src/cache/write.c, the reads and
 * shared flights of src/cache/todo_read.c and flight.c. What happens while Redis is away is in outbox.pml, when the epoch moves on in
 * epoch.pml, pages of lists are in list.pml. spin visits every state that the steps below can reach, in every order in which
 * they can come.
 *
 * Modelled: WRITERS writes, each by a worker of its own; two processes with a flight each; reader 0 and reader 2 in process 0, so that
 * one can join the flight that the other began, reader 1 in process 1; each reads again and again. The store is the number of
 * writes that it has applied, and that number is also the version that a write makes (v).
 *
 * What can go wrong, at any moment: a worker is killed at any point of a write; the store refuses a write, applies it long after its
 * worker gave it up (STATUS_UNKNOWN, or killed), or never; a read from the store fails; a process with its flight and readers is killed;
 * entry or lease expire or are evicted; the writers' set is evicted when no write is in flight, and with LOST_MARKS at any
 * moment; a mark runs out when its worker no longer asks the store, though the write may become visible later; Redis is full when a fill comes.
 *
 * Promised (asserted):
 *   history  a read returns no version below what a write or read that ended before it began has shown (`shown`; a reader
 *            takes it as `least` when it begins), nor above the number of writes begun
 *   quiet    when no write is in flight and no mark is left, an entry equals the store
 *   entry    an entry that exists equals the store, always: more than users see, and the reason for both
 * With LOST_MARKS, the loss of a writers' set while its write is in flight, less is promised: what a write has shown binds reads,
 * what reads have shown doesn't; and there is no "entry". Nothing is promised if such a write's worker also dies, or gives it up, for
 * then only the TTL ends it; those steps are left out there. PROMISE_ALL asks for all of it nevertheless, and must fail: the
 * weakness is there, and is no excess of caution.
 *
 * Why few steps do, and none is missed:
 *   - A hit is one step: it begins, reads the entry and ends at once. One that takes longer has less to fulfil, for it began
 *     earlier, and binds others later.
 *   - A reader that joins a flight begins at that moment, whether there is an entry or not. Its HGETALL came before, and it may have
 *     had any reason not to take the entry (absent, over, broken). Beginning earlier would bind it less.
 *   - A script and its reply are one step. Between them the process does nothing that needs the reply, but for one thing:
 *     readers may join. They can't join a flight whose script Redis has run, but whose reply the process hasn't seen, if
 *     they began after that: their own HGETALL is behind that script on the same connection, and its reply is behind that reply. Those
 *     who began before are here readers that joined before. (Without trust there is no HGETALL: see outbox.pml.)
 *   - An unfence and the answer are one step: an answer that comes later binds readers later.
 *   - A flight that waits for another's lease asks again; when its patience is over, or Redis has given it an error, it reads without
 *     a lease. Here it may do that at once.
 *   - A refresh may begin at any moment, not only after a hit on an entry that grows old.
 *   - Writes begin in the order of their numbers: they don't differ in anything else.
 * A worker that sleeps between has_time_left and the store's call until its mark has run out is not modelled as such: it is a
 * mark lost in flight, and has LOST_MARKS' promise. Foreign writers, which fence nothing, have no promise but TTLs.
 */
#include "scripts.pml"

#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef PROCESSES
#define PROCESSES 2
#endif
#ifndef READERS
#define READERS 3
#endif

#define PROCESS_OF(r) ((r) % PROCESSES)

mtype:write = {NOT_BEGUN, FENCED, SENT, STORED, UNKNOWN, OVER};
mtype:flight = {GROUNDED, ACQUIRING, FETCHING, FETCHED};
mtype:reader = {AWAY, OWNER, JOINER};

byte store;      /* writes applied */
byte begun;      /* writes that have begun */
byte shown;      /* the newest version that somebody has been answered */

mtype:write write[WRITES_MAX] = NOT_BEGUN;
byte written[WRITES_MAX]; /* the version that a STORED write made; 0: none, it was refused */

mtype:flight flight[PROCESSES] = GROUNDED;
bool granted[PROCESSES]; /* it has had a lease */
byte value[PROCESSES];   /* what it read from the store */

mtype:reader reader[READERS] = AWAY;
byte least[READERS]; /* the version that this read may not fall below */

/* ---- What is promised ---- */

#define IS_IN_FLIGHT(w) (write[w] != NOT_BEGUN && write[w] != OVER)
#define A_WRITE_IS_IN_FLIGHT (IS_IN_FLIGHT(0) || IS_IN_FLIGHT(1) || IS_IN_FLIGHT(2))
#define AN_OUTCOME_IS_UNKNOWN (write[0] == UNKNOWN || write[1] == UNKNOWN || write[2] == UNKNOWN)

#ifdef LOST_MARKS
#define MAY_LOSE_MARKS (!AN_OUTCOME_IS_UNKNOWN)
#define MAY_BE_LEFT(w) (mark[w] != ABSENT)
#else
#define MAY_LOSE_MARKS (!A_WRITE_IS_IN_FLIGHT)
#define MAY_BE_LEFT(w) true
#endif

/* A mutant is asked for one promise alone, so that the others don't find it first. */
#if defined(LOST_MARKS) && !defined(PROMISE_ALL)
#define PROMISES_READS false
#define PROMISES_ENTRY false
#else
#define PROMISES_READS true
#define PROMISES_ENTRY true
#endif

inline note_shown(version)
{
    shown = (version > shown -> version : shown)
}

inline check_history(version, bound)
{
#ifndef ONLY_QUIET
    assert(version >= bound && version <= begun);
#endif
    if
    :: PROMISES_READS -> note_shown(version)
    :: else
    fi
}

inline check_entry()
{
#ifndef ONLY_HISTORY
    assert(entry == NONE || entry == store || A_WRITE_IS_IN_FLIGHT || WRITERS_ARE_LIVE);
#ifndef ONLY_QUIET
    assert(entry == NONE || entry == store || !PROMISES_ENTRY);
#endif
#endif
    skip
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
        printf("W%d asks the store\n", w);
        write[w] = SENT
    }
    :: d_step {
        write[w] == FENCED && mark[w] == LIVE ->
        printf("W%d waited until its mark ran out: it may not write any more\n", w);
        mark[w] = RUN_OUT;
        write[w] = STORED
    }
    :: d_step {
        write[w] == SENT ->
        store++;
        written[w] = store;
        printf("W%d commits %d\n", w, store);
        write[w] = STORED;
        check_entry()
    }
    :: d_step {
        write[w] == SENT ->
        printf("W%d is refused by the store\n", w);
        write[w] = STORED
    }
    :: d_step {
        write[w] == STORED ->
        printf("W%d unfences and answers\n", w);
        unfence(w);
        note_shown(written[w]);
        written[w] = 0;
        write[w] = OVER
    }
    :: d_step {
        write[w] == STORED && written[w] > 0 ->
        publish(w, written[w]);
        printf("W%d publishes %d (stays: %d) and answers\n", w, written[w], entry != NONE);
        note_shown(written[w]);
        written[w] = 0;
        write[w] = OVER;
        check_entry()
    }
    :: d_step {
        write[w] == SENT && MAY_BE_LEFT(w) ->
        printf("W%d dies, or gives up: the outcome is unknown\n", w);
#ifdef MUTANT_UNKNOWN_IS_UNFENCED
        unfence(w);
#endif
        write[w] = UNKNOWN
    }
    :: d_step {
        (write[w] == FENCED || write[w] == STORED) && MAY_BE_LEFT(w) ->
        printf("W%d dies\n", w);
        written[w] = 0;
        write[w] = OVER;
        check_entry()
    }
    :: d_step {
        write[w] == UNKNOWN ->
        store++;
        printf("W%d's write is applied after all: %d\n", w, store);
        write[w] = OVER;
        check_entry()
    }
    :: d_step {
        write[w] == UNKNOWN ->
        printf("W%d's write will never be applied\n", w);
        write[w] = OVER;
        check_entry()
    }
    :: d_step {
        mark[w] == LIVE && (write[w] == STORED || write[w] == UNKNOWN || write[w] == OVER) ->
        printf("W%d's mark runs out\n", w);
        mark[w] = RUN_OUT;
        check_entry()
    }
    od
}

/* ---- A flight, and its readers' answers ---- */

#define IS_ABOARD(r, p, as) (PROCESS_OF(r) == p && reader[r] == as)
#if READERS == 3
#define HAS_OWNERS(p) (IS_ABOARD(0, p, OWNER) || IS_ABOARD(1, p, OWNER) || IS_ABOARD(2, p, OWNER))
#else
#define HAS_OWNERS(p) (IS_ABOARD(0, p, OWNER))
#endif

inline answer(r, version)
{
    printf("R%d answers %d\n", r, version);
    check_history(version, least[r]);
    reader[r] = AWAY;
    least[r] = 0
}

/* Joiners who may not take the value are the owners of a new flight. */
inline finish(p, version, is_for_all)
{
    flight[p] = GROUNDED;
    granted[p] = false;
    value[p] = 0;
    for (i : 0 .. READERS - 1) {
        if
        :: IS_ABOARD(i, p, OWNER) -> answer(i, version)
        :: IS_ABOARD(i, p, JOINER) ->
            if
#ifdef MUTANT_JOINERS_TAKE_REFUSED
            :: true -> answer(i, version)
#else
            :: is_for_all -> answer(i, version)
            :: else ->
                printf("R%d flies again\n", i);
                reader[i] = OWNER;
                flight[p] = ACQUIRING
#endif
            fi
        :: else
        fi
    }
    i = 0;
    version = 0
}

/* The store failed, or the process was killed: nobody gets a version. */
inline crash(p)
{
    flight[p] = GROUNDED;
    granted[p] = false;
    value[p] = 0;
    for (i : 0 .. READERS - 1) {
        if
        :: PROCESS_OF(i) == p ->
            reader[i] = AWAY;
            least[i] = 0
        :: else
        fi
    }
    i = 0
}

active [PROCESSES] proctype process()
{
    byte p = _pid - WRITERS;
    byte i, version;
end:
    do
    :: d_step {
        flight[p] == GROUNDED && p == 0 ->
        printf("P%d begins a refresh\n", p);
        flight[p] = ACQUIRING
    }
    :: d_step {
        flight[p] == ACQUIRING && entry != NONE ->
        printf("P%d finds %d\n", p, entry);
        version = entry;
        finish(p, version, true)
    }
    :: d_step {
        flight[p] == ACQUIRING && LEASE_IS_FREE ->
        printf("P%d has the lease\n", p);
        acquire(p);
        granted[p] = true;
        flight[p] = FETCHING
    }
    :: d_step {
        flight[p] == ACQUIRING && HAS_OWNERS(p) ->
        printf("P%d goes on without a lease\n", p);
        flight[p] = FETCHING
    }
    :: d_step {
        flight[p] == ACQUIRING && !HAS_OWNERS(p) ->
        printf("P%d gives its refresh up\n", p);
        flight[p] = GROUNDED
    }
    :: d_step {
        flight[p] == FETCHING ->
        printf("P%d reads %d\n", p, store);
        value[p] = store;
        flight[p] = FETCHED
    }
    :: d_step {
        flight[p] == FETCHING ->
        printf("P%d can't read the store\n", p);
        release(p);
        crash(p)
    }
    :: d_step {
        flight[p] == FETCHED && !granted[p] ->
        version = value[p];
        finish(p, version, false)
    }
    :: d_step {
        flight[p] == FETCHED && granted[p] && LEASE_IS_HELD(p) ->
        printf("P%d fills %d\n", p, value[p]);
        version = value[p];
        fill(p, version);
        check_entry();
        finish(p, version, true)
    }
    :: d_step {
        flight[p] == FETCHED && granted[p] && LEASE_IS_HELD(p) ->
        printf("P%d can't fill, Redis is full\n", p);
        version = value[p];
        fill_when_full(p);
        finish(p, version, false)
    }
    :: d_step {
        flight[p] == FETCHED && granted[p] && !LEASE_IS_HELD(p) ->
        printf("P%d's fill is refused\n", p);
        version = value[p];
        finish(p, version, false)
    }
    :: d_step {
        flight[p] != GROUNDED ->
        printf("P%d is killed\n", p);
        lease = (lease == p -> STRANGER : lease);
        crash(p)
    }
    od
}

active [READERS] proctype joining()
{
    byte r = _pid - WRITERS - PROCESSES;
end:
    do
    :: d_step {
        reader[r] == AWAY && (r < PROCESSES || reader[r - PROCESSES] != AWAY) ->
        least[r] = shown;
        if
        :: flight[PROCESS_OF(r)] == GROUNDED ->
            printf("R%d begins a flight\n", r);
            flight[PROCESS_OF(r)] = ACQUIRING;
            reader[r] = OWNER
        :: flight[PROCESS_OF(r)] == ACQUIRING ->
            printf("R%d joins before the store is asked\n", r);
            reader[r] = OWNER
        :: else ->
            printf("R%d joins late\n", r);
            reader[r] = JOINER
        fi
    }
    od
}

/* ---- Hits, and what happens to Redis' memory ---- */

active proctype redis()
{
end:
    do
    :: d_step {
        entry != NONE ->
        printf("somebody hits %d\n", entry);
        check_history(entry, shown)
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
        overlap = RUN_OUT;
        check_entry()
    }
    :: d_step {
        CARD > 0 && !WRITERS_ARE_LIVE && !AN_OUTCOME_IS_UNKNOWN ->
        printf("the writers' set expires\n");
        lose_marks()
    }
    :: d_step {
        CARD > 0 && A_MARK_HAS_RUN_OUT && !AN_OUTCOME_IS_UNKNOWN ->
        printf("the store has shown where it stands: marks past their deadline go\n");
        clear();
        check_entry()
    }
    :: d_step {
        CARD > 0 && MAY_LOSE_MARKS ->
        printf("the writers' set is lost\n");
        lose_marks();
        check_entry()
    }
    od
}
