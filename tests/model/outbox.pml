/* SPDX-License-Identifier: MIT */
/*
 * One todo while workers lose Redis and find it again: the writes of src/cache/write.c that go to the store's outbox, the drains of
 * src/cache/drain.c, the trust of trust.c, and flights that lose their connection on the way (flight.c). Redis itself stays the
 * same one here; another one, or another epoch, is in epoch.pml.
 *
 * Modelled: two workers, each with a link to Redis, a drain and a write; with FLIGHTS=1 worker 0 has a flight and a reader
 * that begins it, joins it early or late. Flights elsewhere take the lease, read, and fill at any time. WRITERS, FLIGHTS
 * and LINKS say how much of this there is; all of it at once is too much to visit.
 *
 * What can go wrong, at any moment: a link is cut, before a script reached Redis, after Redis ran it and before the answer, or
 * so that the script arrives late, when its worker has long given it up; a worker is killed at any point of a write; the store
 * applies a write late or never (STATUS_UNKNOWN), or refuses the record that settles; a removal from the outbox fails; a mark
 * is removed when its write can't be applied any more, as store_barrier() shows (cache.pml has that in steps).
 *
 * Deadlines: a record counts as closed, and a mark runs out, once the write can't be applied any more; or when its worker is
 * frozen beyond the deadline just before the store call (`overdue`). Such a worker goes on later: it commits, unfences or settles,
 * and answers. Left out is an overdue write whose worker is killed then, or whose outcome is unknown: doc/consistency.md has it.
 *
 * GROUPED: a store that commits what waits together (SQLite). The write and its records are one transaction, so there is no open
 * record, and the closed one is there with the write, or neither is.
 *
 * Promised (asserted):
 *   history  a read of a worker that trusts Redis, and the answer of a flight, show no version below what was answered before it
 *            began: by a write that fenced, to everybody (`shown`); by one that went through the outbox, to readers of its own worker
 *            (`shown_here`) at once, and to everybody when its record is removed. Until then others may be late: that is the
 *            bound of doc/consistency.md, a second and the time of a drain.
 *   quiet    when no write is in flight, no mark is left and no record waits, an entry equals the store: no invalidation is lost
 *
 * Why few steps do: a worker that trusts Redis and one whose commands reach it are the same here; what is owed (outbox_owe) is a
 * record that is never made, for the fence before it has done its work; a worker that is killed is a write that ends without an
 * answer, beside one that goes on. The rest is as in cache.pml.
 */
#include "scripts.pml"

#define WORKERS 2

#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef FLIGHTS
#define FLIGHTS 0
#endif
#ifndef LINKS
#define LINKS 1 /* that may be cut: worker 0's, or both */
#endif
#define MAY_BE_CUT(p) (p < LINKS)

/* A lease whose holder's flight is over, but whose fill of version 0 to 2 is still on its way. */
#define LATE_FILL(version) (4 + (version))
#define IS_LATE(token) (4 <= (token) && (token) <= 6)

#if defined(GROUPED) || defined(MUTANT_RECORD_AFTER_WRITE)
#define RECORD_BEHIND /* there is no open record before the write */
#endif

mtype:write = {AWAITING, SENT, STORED, SETTLED, UNSETTLED, UNKNOWN, OVER};
mtype:record = {NO_RECORD, OPEN, DONE, LATE, TAKEN, TAKEN_LATE}; /* the last three in listings only */
mtype:late = {NOTHING, LATE_FENCE, LATE_PUBLISH};
mtype:drain = {IDLE, LISTED};
mtype:flight = {GROUNDED, ACQUIRING, FETCHING, FETCHED, FILLED};
mtype:reader = {AWAY, OWNER, JOINER};

byte store;                                 /* writes applied: the version */
mtype:record outbox[WORKERS] = NO_RECORD;   /* of write w */

bool trusted[WORKERS] = true;

mtype:write write[WORKERS] = AWAITING;
bool fenced[WORKERS];      /* in Redis */
bool overdue[WORKERS];     /* its worker was frozen beyond the deadline before it asked the store */
bool unanswered[WORKERS];  /* a fence of this write may come late */
byte written[WORKERS];     /* the version that it made; 0: none */
bool answered[WORKERS];    /* through the outbox, and its record is still there */
mtype:late late[WORKERS] = NOTHING;

mtype:drain drain[WORKERS] = IDLE;
bool spoiled[WORKERS];     /* the link was cut since the listing */
bool news[WORKERS];        /* a write of this worker has ended since, so a drain before trust looks again */
/* Worker p's listing: the record of write w. LATE: open, and past its deadline. TAKEN, TAKEN_LATE: Redis has had it. */
mtype:record listed[WORKERS * WORKERS] = NO_RECORD;
#define LIST(p, w) listed[(p) * WORKERS + (w)]

mtype:flight flight[WORKERS] = GROUNDED;
bool granted[WORKERS];     /* it has had a lease */
bool tainted[WORKERS];     /* the link was cut since it took off */
byte value[WORKERS];
mtype:reader reader[WORKERS] = AWAY;
byte least[WORKERS];       /* the version that this read may not fall below */

byte shown;                /* the newest version that binds everybody */
byte shown_here[WORKERS];  /* and that binds readers of worker w, where it is newer */

#define MAY_BE_APPLIED(w) (write[w] == SENT && !overdue[w] || write[w] == UNKNOWN)
#define IS_IN_FLIGHT(w) (write[w] != AWAITING && write[w] != OVER)
#define BOUND(p) (shown_here[p] > shown -> shown_here[p] : shown)

#ifdef MUTANT_PUBLISH_THOUGH_A_FENCE_IS_LATE
#define MAY_PUBLISH(w) (written[w] > 0)
#else
#define MAY_PUBLISH(w) (written[w] > 0 && !unanswered[w])
#endif

/* A record that is past its deadline may be gone, so its writer goes on until it is closed. */
#ifdef MUTANT_UNSETTLED_AND_OVERDUE
#define MAY_STAY_OPEN(w) true
#else
#define MAY_STAY_OPEN(w) (!overdue[w])
#endif

/* ---- What is promised ---- */

inline note_shown(version)
{
    shown = (version > shown -> version : shown);
    shown_here[0] = (shown_here[0] > shown -> shown_here[0] : 0);
    shown_here[1] = (shown_here[1] > shown -> shown_here[1] : 0)
}

inline check_entry()
{
    assert(entry == NONE || entry == store || IS_IN_FLIGHT(0) || IS_IN_FLIGHT(1) || WRITERS_ARE_LIVE ||
           outbox[0] != NO_RECORD || outbox[1] != NO_RECORD)
}

/* ---- Links ---- */

inline cut(p)
{
    trusted[p] = false;
    spoiled[p] = (drain[p] != IDLE);
    news[p] = false;
    tainted[p] = (flight[p] != GROUNDED)
}

/* ---- A write ---- */

/* outbox_note_closed() */
inline note_closed(w)
{
    news[w] = (drain[w] != IDLE && !trusted[w] && !spoiled[w])
}

/* Of a group: the closed record is in the write's own transaction. */
inline commit_record(w)
{
#if defined(GROUPED) && !defined(MUTANT_RECORD_AFTER_WRITE)
    outbox[w] = (fenced[w] -> outbox[w] : DONE);
    write[w] = (fenced[w] -> write[w] : SETTLED)
#else
    skip
#endif
}

/* What it wrote doesn't matter any more, unless its publish is late. */
inline end_write(w)
{
    write[w] = OVER;
    fenced[w] = false;
    overdue[w] = false;
    unanswered[w] = false;
    written[w] = (late[w] == LATE_PUBLISH -> written[w] : 0)
}

/* The fence of an overdue write has run out, so it counts no more than a record does. */
inline answer_write(w)
{
    if
    :: (fenced[w] && !overdue[w]) || outbox[w] == NO_RECORD ->
        note_shown(written[w]);
        end_write(w)
    :: else ->
        shown_here[w] = (written[w] > BOUND(w) -> written[w] : shown_here[w]);
        answered[w] = (written[w] > 0);
        write[w] = OVER
    fi
}

active [WRITERS] proctype writer()
{
    byte w = _pid;
end:
    do
    :: d_step {
        write[w] == AWAITING && trusted[w] ->
        printf("W%d fences\n", w);
        fence(w);
        fenced[w] = true;
        write[w] = SENT
    }
    :: d_step {
        write[w] == AWAITING && trusted[w] && MAY_BE_CUT(w) ->
        printf("W%d fences, but is cut off\n", w);
        fence(w);
        unanswered[w] = true;
        cut(w)
    }
    :: d_step {
        write[w] == AWAITING && trusted[w] && MAY_BE_CUT(w) && late[w] == NOTHING ->
        printf("W%d fences, but is cut off, and the fence is late\n", w);
        late[w] = LATE_FENCE;
        unanswered[w] = true;
        cut(w)
    }
    :: d_step {
        write[w] == AWAITING && !trusted[w] ->
        printf("W%d records\n", w);
#ifndef RECORD_BEHIND
        outbox[w] = OPEN;
#endif
        write[w] = SENT
    }
    :: d_step {
        write[w] == SENT ->
        printf("W%d writes nothing\n", w);
        write[w] = STORED;
        commit_record(w)
    }
    :: d_step {
        write[w] == SENT ->
        store++;
        written[w] = store;
        write[w] = STORED;
        commit_record(w);
        printf("W%d commits %d\n", w, store);
        check_entry()
    }
    :: d_step {
        write[w] == SENT && !overdue[w] ->
        printf("W%d's worker is frozen beyond the deadline\n", w);
        overdue[w] = true
    }
    :: d_step {
        write[w] == SENT && !overdue[w] ->
        printf("W%d dies or gives up\n", w);
        write[w] = UNKNOWN
    }
    :: d_step {
        write[w] == UNKNOWN ->
        printf("W%d is applied after all\n", w);
        store++;
        commit_record(w);
        end_write(w);
        check_entry()
    }
    :: d_step {
        write[w] == UNKNOWN ->
        printf("W%d is never applied\n", w);
        end_write(w);
        check_entry()
    }
    :: d_step {
        (write[w] == STORED || write[w] == SETTLED || write[w] == UNSETTLED) && !overdue[w] ->
        printf("W%d dies\n", w);
        end_write(w);
        check_entry()
    }
    /* fenced: unfence or publish, and if that has no answer a closed record */
    :: d_step {
        write[w] == STORED && fenced[w] && trusted[w] ->
        printf("W%d unfences and answers\n", w);
        unfence(w);
        answer_write(w)
    }
    :: d_step {
        write[w] == STORED && fenced[w] && trusted[w] && MAY_PUBLISH(w) ->
        printf("W%d publishes and answers\n", w);
        publish(w, written[w]);
        answer_write(w);
        check_entry()
    }
    :: d_step {
        write[w] == STORED && fenced[w] && trusted[w] && MAY_BE_CUT(w) ->
        printf("W%d unfences, but is cut off\n", w);
        unfence(w);
        cut(w);
        write[w] = UNSETTLED
    }
    :: d_step {
        write[w] == STORED && fenced[w] && trusted[w] && MAY_BE_CUT(w) && MAY_PUBLISH(w) ->
        printf("W%d publishes, but is cut off\n", w);
        publish(w, written[w]);
        cut(w);
        write[w] = UNSETTLED;
        check_entry()
    }
    :: d_step {
        write[w] == STORED && fenced[w] && trusted[w] && MAY_BE_CUT(w) && MAY_PUBLISH(w) && late[w] == NOTHING ->
        printf("W%d's publish is late\n", w);
        late[w] = LATE_PUBLISH;
        cut(w);
        write[w] = UNSETTLED
    }
    :: d_step {
        write[w] == STORED && fenced[w] && !trusted[w] ->
        write[w] = UNSETTLED
    }
#if !defined(GROUPED) || defined(MUTANT_RECORD_AFTER_WRITE)
    /* not fenced: the record is closed, and if Redis is trusted by now, what it has goes before the answer */
    :: d_step {
        write[w] == STORED && !fenced[w] ->
        printf("W%d settles\n", w);
        outbox[w] = DONE;
        write[w] = SETTLED
    }
    :: d_step {
        write[w] == STORED && !fenced[w] && MAY_STAY_OPEN(w) ->
        printf("W%d can't settle\n", w);
        write[w] = SETTLED
    }
#endif
    :: d_step {
        write[w] == SETTLED && (!trusted[w] || written[w] == 0) ->
        printf("W%d answers\n", w);
        note_closed(w);
        answer_write(w)
    }
    :: d_step {
        write[w] == SETTLED && trusted[w] && written[w] > 0 ->
        printf("W%d catches up and answers\n", w);
        note_closed(w);
        unfence(w);
        note_shown(written[w]);
        end_write(w)
    }
    :: d_step {
        write[w] == SETTLED && trusted[w] && written[w] > 0 && MAY_BE_CUT(w) ->
        printf("W%d catches up, but is cut off\n", w);
        note_closed(w);
        cut(w);
        write[w] = UNSETTLED
    }
    /* a closed record, and if the store refuses, outbox_owe; an overdue write's is made in the end, and is made here */
    :: d_step {
        write[w] == UNSETTLED && overdue[w] ->
        printf("W%d records it as closed\n", w);
        outbox[w] = DONE;
        write[w] = SETTLED
    }
    :: d_step {
        write[w] == UNSETTLED && !overdue[w] ->
        printf("W%d records it as closed and answers\n", w);
        outbox[w] = DONE;
        note_closed(w);
        answer_write(w)
    }
    :: d_step {
        write[w] == UNSETTLED && !overdue[w] ->
        printf("W%d owes it and answers\n", w);
        answer_write(w);
        check_entry()
    }
    /* what is late, and marks */
    :: d_step {
        late[w] == LATE_FENCE ->
        printf("W%d's late fence\n", w);
        fence(w);
        late[w] = NOTHING
    }
    :: d_step {
        late[w] == LATE_PUBLISH ->
        printf("W%d's late publish\n", w);
        publish(w, written[w]);
        late[w] = NOTHING;
        written[w] = (write[w] == OVER -> 0 : written[w]);
        check_entry()
    }
    :: d_step {
        mark[w] == LIVE && !MAY_BE_APPLIED(w) ->
        printf("W%d's mark runs out\n", w);
        mark[w] = ABSENT;
        check_entry()
    }
    od
}

/* ---- A drain ---- */

/* is_late: the deadlines of open records are over by the clock of this worker, and store_barrier() has shown where the store stands. */
inline list_records(p, is_late)
{
    LIST(p, 0) = (outbox[0] == OPEN && is_late && !MAY_BE_APPLIED(0) -> LATE : outbox[0]);
    LIST(p, 1) = (outbox[1] == OPEN && is_late && !MAY_BE_APPLIED(1) -> LATE : outbox[1])
}

#define IS_TO_UNFENCE(p, w) (LIST(p, w) == DONE || LIST(p, w) == LATE)
#define IS_DEALT_WITH(p, w) (!IS_TO_UNFENCE(p, w) && LIST(p, w) != OPEN)
#define NOTHING_LEFT(p) (IS_DEALT_WITH(p, 0) && IS_DEALT_WITH(p, 1))

#ifdef MUTANT_REMOVES_WHAT_CHANGED
#define IS_AS_LISTED(p, w) (LIST(p, w) == TAKEN || LIST(p, w) == TAKEN_LATE)
#else
#define IS_AS_LISTED(p, w) (LIST(p, w) == TAKEN && outbox[w] == DONE || LIST(p, w) == TAKEN_LATE && outbox[w] == OPEN)
#endif

/* The record is removed: from here on what its write answered binds everybody. Unless it has changed since it was listed. */
inline take(p, w)
{
    spoiled[p] = spoiled[p] || (LIST(p, w) == TAKEN_LATE && outbox[w] == DONE);
    if
    :: IS_AS_LISTED(p, w) ->
        outbox[w] = NO_RECORD;
        if
        :: answered[w] ->
            note_shown(written[w]);
            answered[w] = false;
            end_write(w)
        :: else
        fi
    :: else
    fi;
    LIST(p, w) = NO_RECORD
}

inline end_drain(p)
{
    LIST(p, 0) = NO_RECORD;
    LIST(p, 1) = NO_RECORD;
    drain[p] = IDLE;
    trusted[p] = (trusted[p] || (!spoiled[p] && !news[p]));
    spoiled[p] = false;
    news[p] = false
}

active [WORKERS] proctype draining()
{
    byte p = _pid - WRITERS;
    byte w;
end:
    do
    :: d_step {
        drain[p] == IDLE && (!trusted[p] || outbox[0] != NO_RECORD || outbox[1] != NO_RECORD) ->
        printf("D%d lists\n", p);
        news[p] = false;
        list_records(p, false);
        drain[p] = LISTED
    }
#ifndef GROUPED
    :: d_step {
        drain[p] == IDLE && (outbox[0] == OPEN && !MAY_BE_APPLIED(0) || outbox[1] == OPEN && !MAY_BE_APPLIED(1)) ->
        printf("D%d lists, deadlines are over\n", p);
        news[p] = false;
        list_records(p, true);
        drain[p] = LISTED
    }
#endif
    :: d_step {
        drain[p] == LISTED && IS_TO_UNFENCE(p, 0) ->
        printf("D%d unfences W0\n", p);
        unfence(0);
        LIST(p, 0) = (LIST(p, 0) == LATE -> TAKEN_LATE : TAKEN)
    }
    :: d_step {
        drain[p] == LISTED && IS_TO_UNFENCE(p, 1) && !IS_TO_UNFENCE(p, 0) ->
        printf("D%d unfences W1\n", p);
        unfence(1);
        LIST(p, 1) = (LIST(p, 1) == LATE -> TAKEN_LATE : TAKEN)
    }
#ifndef GROUPED
    :: d_step {
        drain[p] == LISTED && LIST(p, 0) == OPEN && !IS_TO_UNFENCE(p, 1) ->
        printf("D%d fences W0\n", p);
        fence(0);
        LIST(p, 0) = NO_RECORD
    }
    :: d_step {
        drain[p] == LISTED && LIST(p, 1) == OPEN && IS_DEALT_WITH(p, 0) ->
        printf("D%d fences W1\n", p);
        fence(1);
        LIST(p, 1) = NO_RECORD
    }
#endif
    :: d_step {
        drain[p] == LISTED && spoiled[p] ->
        printf("D%d is unfinished\n", p);
        end_drain(p)
    }
    :: d_step {
        drain[p] == LISTED && !spoiled[p] && NOTHING_LEFT(p) ->
        printf("D%d removes\n", p);
        take(p, 0);
        take(p, 1);
        end_drain(p);
        check_entry()
    }
    :: d_step {
        drain[p] == LISTED && !spoiled[p] && NOTHING_LEFT(p) ->
        printf("D%d can't remove\n", p);
        end_drain(p)
    }
#ifdef MUTANT_TRUST_BEFORE_DRAIN
    :: d_step {
        drain[p] == IDLE && !trusted[p] ->
        printf("P%d trusts Redis at once\n", p);
        trusted[p] = true
    }
#endif
    :: d_step {
        MAY_BE_CUT(p) && (trusted[p] || (drain[p] != IDLE && !spoiled[p])) ->
        printf("P%d is cut off\n", p);
        cut(p)
    }
    od
}

#if FLIGHTS > 0

/* ---- A flight, and its reader ---- */

inline take_off(p)
{
    flight[p] = (trusted[p] -> ACQUIRING : FETCHING)
}

inline finish(p, version, is_for_all)
{
    flight[p] = GROUNDED;
    granted[p] = false;
    tainted[p] = false;
    value[p] = 0;
    if
    :: reader[p] == OWNER || (reader[p] == JOINER && (is_for_all)) ->
        printf("R%d answers %d\n", p, version);
        assert(version >= least[p]);
        reader[p] = AWAY;
        least[p] = 0
    :: reader[p] == JOINER && !(is_for_all) ->
        printf("R%d flies again\n", p);
        reader[p] = OWNER;
        take_off(p)
    :: else
    fi;
    version = 0
}

/* FILLED: Redis has taken the fill, but the answer isn't here yet, and may never be. */
active [FLIGHTS] proctype process()
{
    byte p = _pid - WRITERS - WORKERS;
    byte version;
    bool is_for_all;
end:
    do
    :: d_step {
        reader[p] == AWAY && !(trusted[p] && flight[p] == FILLED) ->
        least[p] = BOUND(p);
        if
        :: flight[p] == GROUNDED ->
            printf("R%d begins a flight\n", p);
            take_off(p);
            reader[p] = OWNER
        :: flight[p] == ACQUIRING ->
            printf("R%d joins\n", p);
            reader[p] = OWNER
        :: else ->
            printf("R%d joins late\n", p);
            reader[p] = JOINER
        fi
    }
    :: d_step {
        flight[p] == GROUNDED && trusted[p] ->
        printf("P%d begins a refresh\n", p);
        flight[p] = ACQUIRING
    }
    :: d_step {
        flight[p] == ACQUIRING && entry != NONE && trusted[p] && !tainted[p] ->
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
        flight[p] == ACQUIRING ->
        printf("P%d has no lease\n", p);
        flight[p] = (reader[p] == OWNER -> FETCHING : GROUNDED);
        tainted[p] = (reader[p] == OWNER -> tainted[p] : false)
    }
    :: d_step {
        flight[p] == FETCHING ->
        printf("P%d reads %d\n", p, store);
        value[p] = store;
        flight[p] = FETCHED
    }
    :: d_step {
        flight[p] == FETCHED && granted[p] && LEASE_IS_HELD(p) ->
        printf("P%d fills %d\n", p, value[p]);
        fill(p, value[p]);
        flight[p] = FILLED;
        check_entry()
    }
    :: d_step {
        flight[p] == FETCHED && granted[p] && LEASE_IS_HELD(p) && MAY_BE_CUT(p) ->
        printf("P%d's fill of %d is late\n", p, value[p]);
        lease = LATE_FILL(value[p]);
        version = value[p];
        cut(p);
        finish(p, version, false)
    }
    :: d_step {
        flight[p] == FETCHED && (!granted[p] || !LEASE_IS_HELD(p)) ->
        printf("P%d lands\n", p);
        version = value[p];
        finish(p, version, false)
    }
    :: d_step {
        flight[p] == FILLED ->
        printf("P%d lands after a fill\n", p);
        version = value[p];
#ifdef MUTANT_JOINERS_TAKE_WHAT_WAS_CUT
        is_for_all = true;
#else
        is_for_all = trusted[p] && !tainted[p];
#endif
        finish(p, version, is_for_all);
        is_for_all = false
    }
    od
}

#endif

/* ---- Flights elsewhere, hits of both workers, and what runs out ---- */

active proctype redis()
{
    byte version;
end:
    do
    :: d_step {
        LEASE_IS_FREE ->
        printf("a flight elsewhere has the lease and reads %d\n", store);
        lease = LATE_FILL(store)
    }
    :: d_step {
        IS_LATE(lease) ->
        printf("the late fill of %d\n", lease - 4);
        version = lease - 4;
        entry = version;
        lease = NOBODY;
        version = 0;
        check_entry()
    }
    :: d_step {
        overlap == LIVE && !A_MARK_IS_LIVE ->
        overlap = ABSENT;
        check_entry()
    }
    :: d_step {
        trusted[0] && entry != NONE ->
        printf("hit %d in 0\n", entry);
        assert(entry >= BOUND(0))
    }
    :: d_step {
        trusted[1] && entry != NONE ->
        printf("hit %d in 1\n", entry);
        assert(entry >= BOUND(1))
    }
    od
}
