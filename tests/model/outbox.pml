/* SPDX-License-Identifier: MIT */
#include "scripts.pml"

#define WORKERS 2

/* Leases 4 to 6: the holder's flight is over, but its fill of version 0 to 2 is still on its way. */
#define LATE(version) (4 + (version))
#define IS_LATE(token) (4 <= (token) && (token) <= 6)

#ifdef ONE_LINK
#define CUTS(p) (p == 0)
#else
#define CUTS(p) true
#endif

#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef FLIGHTS
#define FLIGHTS 1
#endif

mtype:write = {AWAITING, SENT, STORED, SETTLED, UNSETTLED, UNKNOWN, OVER};
mtype:record = {NO_RECORD, OPEN, DONE, TAKEN};
mtype:late = {NOTHING, LATE_FENCE, LATE_PUBLISH};
mtype:drain = {IDLE, LISTED};
mtype:flight = {GROUNDED, ACQUIRING, FETCHING, FETCHED, FILLED};
mtype:reader = {AWAY, OWNER, JOINER};

byte store;
mtype:record outbox[WORKERS] = NO_RECORD;

bool trusted[WORKERS] = true;

mtype:write write[WORKERS] = AWAITING;
bool fenced[WORKERS];
bool unanswered[WORKERS];
#ifdef MUTANT_PUBLISH_AFTER_SECOND_FENCE
#define MAY_PUBLISH(w) (written[w] > 0)
#else
#define MAY_PUBLISH(w) (written[w] > 0 && !unanswered[w])
#endif
byte written[WORKERS];
bool answered[WORKERS];
mtype:late late[WORKERS] = NOTHING;

mtype:drain drain[WORKERS] = IDLE;
bool spoiled[WORKERS], news[WORKERS];

mtype:record listed[WORKERS * WORKERS] = NO_RECORD;
#define LIST(p, w) listed[(p) * WORKERS + (w)]

mtype:flight flight[WORKERS] = GROUNDED;
bool granted[WORKERS], tainted[WORKERS];
byte value[WORKERS];
mtype:reader reader[WORKERS] = AWAY;
byte least[WORKERS];

byte shown;
byte shown_here[WORKERS];

#define MAY_BE_APPLIED(w) (write[w] == SENT || write[w] == UNKNOWN)
#define IS_IN_FLIGHT(w) (write[w] != AWAITING && write[w] != OVER)
#define BOUND(p) (shown_here[p] > shown -> shown_here[p] : shown)

inline note_shown(version)
{
    shown = (version > shown -> version : shown);
    shown_here[0] = (shown_here[0] > shown -> shown_here[0] : 0);
    shown_here[1] = (shown_here[1] > shown -> shown_here[1] : 0)
}

inline check_entry()
{
    assert(entry == NONE || entry == store || IS_IN_FLIGHT(0) || IS_IN_FLIGHT(1) || WRITERS_ARE_LIVE || outbox[0] != NO_RECORD || outbox[1] != NO_RECORD)
}

inline cut(p)
{
    trusted[p] = false;
    spoiled[p] = (drain[p] != IDLE);
    news[p] = false;
    tainted[p] = (flight[p] != GROUNDED)
}

inline note_settled(w)
{
    news[w] = (drain[w] != IDLE && !trusted[w] && !spoiled[w])
}

inline answer_write(w)
{
    if
    :: fenced[w] || outbox[w] == NO_RECORD ->
        note_shown(written[w]);
        end_write(w)
    :: else ->
        shown_here[w] = (written[w] > BOUND(w) -> written[w] : shown_here[w]);
        answered[w] = (written[w] > 0);
        write[w] = OVER
    fi
}

/* what it wrote doesn't matter any more, unless its publish is late */
inline end_write(w)
{
    write[w] = OVER;
    fenced[w] = false;
    unanswered[w] = false;
    written[w] = (late[w] == LATE_PUBLISH -> written[w] : 0)
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
        write[w] == AWAITING && trusted[w] && CUTS(w) ->
        printf("W%d fences, but is cut off\n", w);
        fence(w);
        unanswered[w] = true;
        cut(w)
    }
    :: d_step {
        write[w] == AWAITING && trusted[w] && CUTS(w) && late[w] == NOTHING ->
        printf("W%d fences, but is cut off, and the fence is late\n", w);
        late[w] = LATE_FENCE;
        unanswered[w] = true;
        cut(w)
    }
    :: d_step {
        write[w] == AWAITING && !trusted[w] ->
        printf("W%d records\n", w);
        outbox[w] = OPEN;
        write[w] = SENT
    }
    :: d_step {
        write[w] == SENT ->
        printf("W%d writes nothing\n", w);
        write[w] = STORED
    }
    :: d_step {
        write[w] == SENT ->
        store++;
        written[w] = store;
        write[w] = STORED;
        printf("W%d commits %d\n", w, store);
        check_entry()
    }
    :: d_step {
        write[w] == SENT ->
        printf("W%d dies or gives up\n", w);
        write[w] = UNKNOWN
    }
    :: d_step {
        write[w] == UNKNOWN ->
        printf("W%d is applied after all\n", w);
        store++;
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
        write[w] == STORED || write[w] == SETTLED || write[w] == UNSETTLED ->
        printf("W%d dies\n", w);
        end_write(w);
        check_entry()
    }
    /* fenced */
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
        write[w] == STORED && fenced[w] && trusted[w] && CUTS(w) ->
        printf("W%d unfences, but is cut off\n", w);
        unfence(w);
        cut(w);
        write[w] = UNSETTLED
    }
    :: d_step {
        write[w] == STORED && fenced[w] && trusted[w] && CUTS(w) && MAY_PUBLISH(w) ->
        printf("W%d publishes, but is cut off\n", w);
        publish(w, written[w]);
        cut(w);
        write[w] = UNSETTLED;
        check_entry()
    }
    :: d_step {
        write[w] == STORED && fenced[w] && trusted[w] && CUTS(w) && MAY_PUBLISH(w) && late[w] == NOTHING ->
        printf("W%d's publish is late\n", w);
        late[w] = LATE_PUBLISH;
        cut(w);
        write[w] = UNSETTLED
    }
    :: d_step {
        write[w] == STORED && fenced[w] && !trusted[w] ->
        write[w] = UNSETTLED
    }
    /* not fenced */
    :: d_step {
        write[w] == STORED && !fenced[w] ->
        printf("W%d settles\n", w);
        outbox[w] = DONE;
        write[w] = SETTLED
    }
    :: d_step {
        write[w] == STORED && !fenced[w] ->
        printf("W%d can't settle\n", w);
        write[w] = SETTLED
    }
    :: d_step {
        write[w] == SETTLED && (!trusted[w] || written[w] == 0) ->
        printf("W%d answers\n", w);
        note_settled(w);
        answer_write(w)
    }
    :: d_step {
        write[w] == SETTLED && trusted[w] && written[w] > 0 ->
        printf("W%d catches up and answers\n", w);
        note_settled(w);
        unfence(w);
        note_shown(written[w]);
        end_write(w)
    }
    :: d_step {
        write[w] == SETTLED && trusted[w] && written[w] > 0 && CUTS(w) ->
        printf("W%d catches up, but is cut off\n", w);
        note_settled(w);
        cut(w);
        write[w] = UNSETTLED
    }
    /* settle_work */
    :: d_step {
        write[w] == UNSETTLED ->
        printf("W%d records it as settled and answers\n", w);
        outbox[w] = DONE;
        note_settled(w);
        answer_write(w)
    }
    :: d_step {
        write[w] == UNSETTLED ->
        printf("W%d owes it and answers\n", w);
        answer_write(w);
        check_entry()
    }
    /* what is late */
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

/* ---- drain ---- */
inline list_records(p, is_late)
{
    LIST(p, 0) = (outbox[0] == OPEN && is_late && !MAY_BE_APPLIED(0) -> DONE : outbox[0]);
    LIST(p, 1) = (outbox[1] == OPEN && is_late && !MAY_BE_APPLIED(1) -> DONE : outbox[1])
}

#define LISTED_AS(p, w, as) (LIST(p, w) == as)
#define NOTHING_LEFT(p) (LIST(p, 0) != DONE && LIST(p, 0) != OPEN && LIST(p, 1) != DONE && LIST(p, 1) != OPEN)

inline take(p, w)
{
    if
    :: LIST(p, w) == TAKEN ->
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
    :: d_step {
        drain[p] == IDLE && (outbox[0] == OPEN && !MAY_BE_APPLIED(0) || outbox[1] == OPEN && !MAY_BE_APPLIED(1)) ->
        printf("D%d lists, deadlines are over\n", p);
        news[p] = false;
        list_records(p, true);
        drain[p] = LISTED
    }
    :: d_step {
        drain[p] == LISTED && LIST(p, 0) == DONE ->
        printf("D%d unfences W0\n", p);
        unfence(0);
        LIST(p, 0) = TAKEN
    }
    :: d_step {
        drain[p] == LISTED && LIST(p, 1) == DONE && LIST(p, 0) != DONE ->
        printf("D%d unfences W1\n", p);
        unfence(1);
        LIST(p, 1) = TAKEN
    }
    :: d_step {
        drain[p] == LISTED && LIST(p, 0) == OPEN && LIST(p, 1) != DONE ->
        printf("D%d fences W0\n", p);
        fence(0);
        LIST(p, 0) = NO_RECORD
    }
    :: d_step {
        drain[p] == LISTED && LIST(p, 1) == OPEN && LIST(p, 0) != DONE && LIST(p, 0) != OPEN ->
        printf("D%d fences W1\n", p);
        fence(1);
        LIST(p, 1) = NO_RECORD
    }
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
    :: d_step {
        CUTS(p) && (trusted[p] || (drain[p] != IDLE && !spoiled[p])) ->
        printf("P%d is cut off\n", p);
        cut(p)
    }
    od
}

/* ---- flights ---- */

inline take_off(p)
{
    flight[p] = (trusted[p] -> ACQUIRING : FETCHING)
}

inline land(p, version, is_for_all)
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
            printf("R%d boards\n", p);
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
        land(p, version, true)
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
        flight[p] == FETCHED && granted[p] && LEASE_IS_HELD(p) && CUTS(p) ->
        printf("P%d's fill of %d is late\n", p, value[p]);
        lease = LATE(value[p]);
        version = value[p];
        cut(p);
        land(p, version, false)
    }
    :: d_step {
        flight[p] == FETCHED && (!granted[p] || !LEASE_IS_HELD(p)) ->
        printf("P%d lands\n", p);
        version = value[p];
        land(p, version, false)
    }
    :: d_step {
        flight[p] == FILLED ->
        printf("P%d lands after a fill\n", p);
        version = value[p];
        is_for_all = trusted[p] && !tainted[p];
        land(p, version, is_for_all);
        is_for_all = false
    }
    od
}

active proctype redis()
{
    byte version;
end:
    do
    :: d_step {
        LEASE_IS_FREE ->
        printf("a flight elsewhere has the lease and reads %d\n", store);
        lease = LATE(store)
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
