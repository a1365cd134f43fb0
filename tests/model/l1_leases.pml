/* SPDX-License-Identifier: MIT */
/*
 * The L1 of several machines on one Redis, for one todo: licences, boxes and waiting writers (src/peers/agent.c, src/peers/tell.c). What one
 * machine does by itself, with more than one reader, is in l1.pml; fences, leases of fills and marks in doubt are in cache.pml and are
 * one step each here.
 *
 * Modelled: WRITERS writes by processes without a table; HOLDERS machines, each with a table, a reader that hits and misses, and an
 * agent. A reader without a table stands for all others. The agent's calls are three steps: sent, run by Redis, answered; each may be
 * lost with its connection at any of them, and run late, when the next call has been sent. Wake-ups and acknowledgements wait in
 * places for one message, so they are lost whenever the next comes, and arrive as late as can be. An agent that is frozen does
 * nothing for a while, as any process here; one that is killed leaves the table and valid_until as they are.
 *
 * Time: a wait that runs out ends the licences that count from before it began, and no others. So each licence, and each call under way,
 * knows which waits have begun since (old). Nothing else of time matters, and licences need not end otherwise: then there are fewer hits.
 *
 * A box has only this todo, so it is a run of numbers: told is the last one that Redis has, applied the last that the agent has applied.
 *
 * Promised (asserted): a read returns no version below what a write or read that ended before it began has shown. With LOST_MARKS
 * (a mark is lost while its write is in flight) writes alone bind, and none dies, as in cache.pml. With LOST_HOLDERS Redis loses
 * the holders and their boxes once, and nothing binds until the licences of that moment are over. With OTHER_TODO the second write is
 * of another todo, so its number in the box says nothing about this one.
 */
#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef HOLDERS
#define HOLDERS 1
#endif
#ifndef RENEWS
#define RENEWS 2 /* of an incarnation */
#endif
#ifndef INCARNATIONS
#define INCARNATIONS 2 /* of a machine */
#endif
#define NONE 9
#define ANY  8 /* of a reply's first number: all before it is gone, clear the table */

mtype:write = {NOT_BEGUN, BEGUN, FENCED, TOLD, EXPELLING, SENT, COMMITTED, TOLD_AGAIN, EXPELLING_AGAIN, OVER, DEAD};
mtype:call = {NO_CALL, RENEW, JOIN, RENEWED, JOINED, EXPELLED};
mtype:read = {IDLE, ASKED, HELD};

/* The store; what somebody has been answered. */
byte store;
byte shown;

/* Redis: the entry, marks (a bit per write), the holders, 0: none. */
byte entry = NONE;
byte marks;
byte member[HOLDERS];  /* its incarnation */
byte renews[HOLDERS];
byte told[HOLDERS];

/* A machine's shared file. */
byte kept[HOLDERS] = NONE;
bool valid[HOLDERS];
byte old[HOLDERS];     /* waits that began after this licence's renew was sent, a bit each */

/* Its agent. */
byte incarnation[HOLDERS]; /* that it knows to be a member; 0: it is none */
byte made[HOLDERS];        /* incarnations so far */
byte applied[HOLDERS];
mtype:call call[HOLDERS] = NO_CALL;
byte call_incarnation[HOLDERS];
byte call_old[HOLDERS];
byte first[HOLDERS], last[HOLDERS]; /* of the reply */
mtype:call late[HOLDERS] = NO_CALL; /* a call whose connection is gone, and that Redis will still run */
byte late_incarnation[HOLDERS];

/* Messages; an incarnation of 0: none. */
byte wake_up[HOLDERS];
byte wake_up_number[HOLDERS];
byte ack[HOLDERS];
byte ack_number[HOLDERS];

#ifdef OTHER_TODO
byte other[HOLDERS]; /* the number of a write of another todo */
#define IS_OTHER(w) ((w) == 1)
#define IS_ABOUT_IT(h, number) (number != other[h])
#else
#define IS_OTHER(w) false
#define IS_ABOUT_IT(h, number) true
#endif

/* Writers; a wait for holder h by write w: what it must be told. 0: nothing. */
#define AT(w, h) ((w) * HOLDERS + (h))
mtype:write write[WRITERS] = NOT_BEGUN;
byte version[WRITERS];
byte need[WRITERS * HOLDERS];
byte need_incarnation[WRITERS * HOLDERS];
byte need_renews[WRITERS * HOLDERS];
byte over; /* waits that have run out, a bit each */

/* Readers. */
mtype:read read[HOLDERS] = IDLE;
byte value[HOLDERS];
bool noted[HOLDERS]; /* no number of this slot was raised since the read began */

#ifdef LOST_HOLDERS
#define LOSS (1 << (2 * WRITERS))
bool is_lost, is_loose;
#define IS_BOUND (!is_loose)
#else
#define IS_BOUND true
#endif

/* Where there is more of something else, no writer dies, and a call that is cut off is not run late. */
#if WRITERS == 1 && !defined(LOST_HOLDERS)
#define IS_SMALL true
#else
#define IS_SMALL false
#endif

#ifdef LOST_MARKS
#define READS_BIND false
#define MAY_DIE    false
#else
#define READS_BIND IS_BOUND
#define MAY_DIE    IS_SMALL
#endif

#define BIT(w)   (1 << (w))
#define FIRST(w) (1 << (2 * (w)))
#define AGAIN(w) (2 << (2 * (w)))

inline note_read(seen)
{
    if
    :: READS_BIND -> shown = (seen > shown -> seen : shown)
    :: else
    fi
}

inline raise(h)
{
    kept[h] = NONE;
    noted[h] = false
}

/* ---- Waiting ---- */

byte i;

inline wait_begin(wait)
{
    i = 0;
    do
    :: i < HOLDERS ->
        old[i] = old[i] | wait;
        call_old[i] = call_old[i] | wait;
        i++
    :: else -> break
    od
}

inline wait_ends(wait)
{
    over = over | wait;
    i = 0;
    do
    :: i < HOLDERS ->
        if
        :: old[i] & wait -> valid[i] = false
        :: else
        fi;
        i++
    :: else -> break
    od;
    i = 0
}

/* tell.lua */
inline tell(w)
{
    i = 0;
    do
    :: i < HOLDERS ->
        if
        :: member[i] != 0 ->
            told[i]++;
#ifdef OTHER_TODO
            other[i] = (IS_OTHER(w) -> told[i] : other[i]);
#endif
            wake_up[i] = member[i];
            wake_up_number[i] = told[i];
            need[AT(w, i)] = told[i];
            need_incarnation[AT(w, i)] = member[i];
            need_renews[AT(w, i)] = renews[i]
        :: else -> need[AT(w, i)] = 0
        fi;
        i++
    :: else -> break
    od;
    i = 0
}

#if HOLDERS == 1
#define IS_ACKNOWLEDGED(w) (need[AT(w, 0)] == 0)
#else
#define IS_ACKNOWLEDGED(w) (need[AT(w, 0)] == 0 && need[AT(w, 1)] == 0)
#endif

inline acknowledge(w, h)
{
    if
#ifdef MUTANT_ACK_NAMES_NOTHING
    :: ack[h] == need_incarnation[AT(w, h)] -> need[AT(w, h)] = 0
#else
    :: ack[h] == need_incarnation[AT(w, h)] && ack_number[h] >= need[AT(w, h)] -> need[AT(w, h)] = 0
#endif
    :: else
    fi
}

/* expel.lua */
inline expel(w)
{
    i = 0;
    do
    :: i < HOLDERS ->
        if
#ifdef MUTANT_EXPEL_THE_RENEWED
        :: need[AT(w, i)] != 0 && member[i] == need_incarnation[AT(w, i)] -> member[i] = 0
#else
        :: need[AT(w, i)] != 0 && member[i] == need_incarnation[AT(w, i)] && renews[i] == need_renews[AT(w, i)] -> member[i] = 0
#endif
        :: else
        fi;
        need[AT(w, i)] = 0;
        i++
    :: else -> break
    od;
    i = 0
}

inline end_write(w)
{
    write[w] = OVER;
    if
    :: IS_BOUND -> shown = (version[w] > shown -> version[w] : shown)
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
        write[w] = BEGUN;
#ifdef MUTANT_WAIT_FROM_SENDING
        wait_begin(FIRST(w));
        i = 0;
#endif
#ifdef MUTANT_TOLD_BEFORE_FENCE
        tell(w);
        wait_begin(FIRST(w));
        i = 0;
#endif
        skip
    }
    :: d_step {
        write[w] == BEGUN ->
        printf("W%d fences\n", w);
        entry = (IS_OTHER(w) -> entry : NONE);
        marks = marks | BIT(w);
        write[w] = FENCED
    }
    :: d_step {
        write[w] == FENCED ->
#ifndef MUTANT_TOLD_BEFORE_FENCE
        tell(w);
#ifndef MUTANT_WAIT_FROM_SENDING
        wait_begin(FIRST(w));
        i = 0;
#endif
#endif
        printf("W%d tells: holder 0 must apply %d\n", w, need[AT(w, 0)]);
        write[w] = TOLD
    }
    :: d_step {
        write[w] == TOLD && IS_ACKNOWLEDGED(w) ->
        printf("W%d asks the store\n", w);
        write[w] = SENT
    }
#ifdef MUTANT_NO_WAIT
    :: d_step {
        write[w] == TOLD ->
        printf("W%d asks the store at once\n", w);
        write[w] = SENT
    }
#endif
    :: d_step {
        write[w] == TOLD && !IS_ACKNOWLEDGED(w) ->
        printf("W%d has waited T\n", w);
        wait_ends(FIRST(w));
        write[w] = EXPELLING
    }
    :: d_step {
        write[w] == EXPELLING ->
        expel(w);
        printf("W%d expels; holder 0: %d\n", w, member[0]);
        write[w] = SENT
    }
    :: d_step {
        write[w] == SENT ->
        store = (IS_OTHER(w) -> store : store + 1);
        version[w] = store;
        printf("W%d commits %d\n", w, store);
        write[w] = COMMITTED
    }
    :: d_step {
        write[w] == COMMITTED && (marks & BIT(w)) ->
        printf("W%d unfences and answers\n", w);
        entry = NONE;
        marks = marks & ~BIT(w);
        end_write(w)
    }
    :: d_step {
        write[w] == COMMITTED && !(marks & BIT(w)) ->
        printf("W%d unfences, and its mark is lost\n", w);
        entry = NONE;
#ifdef MUTANT_LOST_MARK_UNTOLD
        end_write(w);
#else
        tell(w);
        wait_begin(AGAIN(w));
        i = 0;
        write[w] = TOLD_AGAIN;
#endif
        skip
    }
#ifdef MUTANT_LOST_MARK_NO_WAIT
    :: d_step {
        write[w] == TOLD_AGAIN ->
        end_write(w)
    }
#endif
    :: d_step {
        write[w] == TOLD_AGAIN && IS_ACKNOWLEDGED(w) ->
        printf("W%d answers\n", w);
        end_write(w)
    }
    :: d_step {
        write[w] == TOLD_AGAIN && !IS_ACKNOWLEDGED(w) ->
        printf("W%d has waited T again\n", w);
        wait_ends(AGAIN(w));
        write[w] = EXPELLING_AGAIN
    }
    :: d_step {
        write[w] == EXPELLING_AGAIN ->
        expel(w);
        printf("W%d expels and answers; holder 0: %d\n", w, member[0]);
        end_write(w)
    }
    :: d_step {
        MAY_DIE && write[w] != NOT_BEGUN && write[w] != OVER && write[w] != DEAD ->
        printf("W%d dies\n", w);
        write[w] = DEAD
    }
    :: d_step {
        write[w] == DEAD && (marks & BIT(w)) ->
        printf("the mark of W%d is cleared\n", w);
        entry = NONE;
        marks = marks & ~BIT(w)
    }
    od
}

/* ---- A machine's agent ---- */

/* Redis runs renew.lua or join.lua: kind is RENEW or JOIN; from then on it is the reply. */
inline answer(h, kind, known, reply)
{
    if
    :: kind == JOIN ->
        member[h] = known;
        renews[h] = 0;
        first[h] = ANY;
        last[h] = told[h];
        reply = JOINED
    :: kind == RENEW && member[h] == known && renews[h] < RENEWS ->
        renews[h]++;
        first[h] = applied[h];
        last[h] = told[h];
#ifdef MUTANT_RENEW_EMPTIES_BOX
        first[h] = emptied[h];
        emptied[h] = told[h];
#endif
        reply = RENEWED
#ifdef MUTANT_RENEW_REGISTERS
    :: kind == RENEW && member[h] == 0 ->
        member[h] = known;
        renews[h] = 0;
        first[h] = applied[h];
        last[h] = told[h];
        reply = RENEWED
#endif
    :: else -> reply = EXPELLED
    fi
}

#ifdef MUTANT_RENEW_EMPTIES_BOX
byte emptied[HOLDERS];
#endif

/* The agent applies a reply, and then its licence counts from before the call was sent. */
inline extend(h)
{
#ifdef MUTANT_LEASE_FROM_REPLY
    old[h] = 0;
    valid[h] = true;
#else
    old[h] = call_old[h];
    valid[h] = !(call_old[h] & over);
#endif
    call_old[h] = 0
}

active [HOLDERS] proctype agent()
{
    byte h = _pid - WRITERS;
end:
    do
    :: d_step {
        call[h] == NO_CALL && incarnation[h] == 0 && made[h] < INCARNATIONS ->
        made[h]++;
#ifdef MUTANT_CLEARS_BEFORE_JOIN
        raise(h);
#endif
        printf("agent %d joins as %d\n", h, made[h]);
        call_incarnation[h] = made[h];
        call_old[h] = 0;
        call[h] = JOIN
    }
    :: d_step {
        call[h] == NO_CALL && incarnation[h] != 0 ->
        printf("agent %d renews %d\n", h, incarnation[h]);
        call_incarnation[h] = incarnation[h];
        call_old[h] = 0;
        call[h] = RENEW
    }
    :: d_step {
        call[h] == JOIN || call[h] == RENEW ->
        answer(h, call[h], call_incarnation[h], call[h]);
        printf("Redis runs the call of agent %d as %d: %e, numbers up to %d\n", h, call_incarnation[h], call[h], last[h])
    }
    :: d_step {
        call[h] == JOINED ->
#if !defined(MUTANT_JOIN_KEEPS_TABLE) && !defined(MUTANT_CLEARS_BEFORE_JOIN)
        raise(h);
#endif
        incarnation[h] = call_incarnation[h];
        applied[h] = last[h];
        extend(h);
        printf("agent %d is a holder\n", h);
        call[h] = NO_CALL
    }
#ifdef MUTANT_VALID_BEFORE_APPLIED
    :: d_step {
        call[h] == RENEWED && call_old[h] != 255 ->
        extend(h);
        call_old[h] = 255
    }
    :: d_step {
        call[h] == RENEWED && call_old[h] == 255 ->
        raise(h);
        applied[h] = last[h];
        call_old[h] = 0;
        call[h] = NO_CALL
    }
#else
    :: d_step {
        call[h] == RENEWED ->
        if
        :: first[h] < last[h] ->
            raise(h);
            applied[h] = last[h];
            ack[h] = incarnation[h];
            ack_number[h] = applied[h]
        :: else
        fi;
        extend(h);
        printf("agent %d has renewed, and applied %d\n", h, applied[h]);
        call[h] = NO_CALL
    }
#endif
    :: d_step {
        call[h] == EXPELLED ->
        printf("agent %d learns that it is no holder\n", h);
        incarnation[h] = 0;
        valid[h] = false;
        call_old[h] = 0;
        call[h] = NO_CALL
    }
    /* A wake-up. If one before it was lost, it proves nothing; the box has both. */
    :: d_step {
        wake_up[h] != 0 ->
        if
#ifdef MUTANT_GAP_IS_APPLIED
        :: wake_up[h] == incarnation[h] ->
#else
        :: wake_up[h] == incarnation[h] && wake_up_number[h] <= applied[h] + 1 ->
#endif
#ifndef MUTANT_ACK_BEFORE_APPLIED
            if
            :: IS_ABOUT_IT(h, wake_up_number[h]) -> raise(h)
            :: else
            fi;
#endif
            applied[h] = (wake_up_number[h] > applied[h] -> wake_up_number[h] : applied[h]);
            ack[h] = incarnation[h];
            ack_number[h] = applied[h];
            printf("agent %d is woken, and applied %d\n", h, applied[h])
        :: else
        fi;
        wake_up[h] = 0
    }
    /* An acknowledgement comes. */
    :: d_step {
        ack[h] != 0 ->
        i = 0;
        do
        :: i < WRITERS ->
            acknowledge(i, h);
            i++
        :: else -> break
        od;
        i = 0;
        ack[h] = 0
    }
    /* The connection is cut. */
    :: d_step {
        call[h] != NO_CALL ->
        printf("agent %d loses a call\n", h);
        if
        :: (call[h] == JOIN || call[h] == RENEW) && IS_SMALL ->
            late[h] = call[h];
            late_incarnation[h] = call_incarnation[h]
        :: else
        fi;
        call_old[h] = 0;
        call[h] = NO_CALL
    }
    :: d_step {
        late[h] != NO_CALL ->
        printf("Redis runs a lost call of agent %d as %d\n", h, late_incarnation[h]);
        if
        :: late[h] == JOIN ->
            member[h] = late_incarnation[h];
            renews[h] = 0
        :: late[h] == RENEW && member[h] == late_incarnation[h] && renews[h] < RENEWS -> renews[h]++
        :: else
        fi;
        late[h] = NO_CALL
    }
    /* It is killed; another worker takes over. */
    :: d_step {
        incarnation[h] != 0 && call[h] == NO_CALL && made[h] < INCARNATIONS ->
        printf("agent %d is killed\n", h);
        incarnation[h] = 0
    }
    od
}

/* ---- Reads ---- */

active [HOLDERS] proctype reader()
{
    byte h = _pid - WRITERS - HOLDERS;
    bool saw_valid;
end:
    do
    /* A hit. */
    :: d_step {
        kept[h] != NONE && valid[h] ->
        printf("reader %d hits %d\n", h, kept[h]);
        assert(kept[h] >= shown || !IS_BOUND);
        note_read(kept[h])
    }
#ifdef MUTANT_CACHED_CLOCK
    :: d_step {
        valid[h] ->
        saw_valid = true
    }
    :: d_step {
        saw_valid && kept[h] != NONE ->
        assert(kept[h] >= shown)
    }
#endif
    /* A read that Redis answers: what it found is the answer, and is kept. */
    :: d_step {
        read[h] == IDLE && kept[h] == NONE ->
        noted[h] = true;
        read[h] = ASKED
    }
    :: d_step {
        read[h] == ASKED && entry != NONE ->
        value[h] = entry;
        note_read(entry);
        read[h] = HELD
    }
    :: d_step {
        read[h] == ASKED && entry == NONE ->
        noted[h] = false;
        read[h] = IDLE
    }
    :: d_step {
        read[h] == HELD ->
        if
#ifndef MUTANT_KEEPS_LATE
        :: noted[h] && kept[h] == NONE ->
#else
        :: kept[h] == NONE ->
#endif
            printf("reader %d keeps %d\n", h, value[h]);
            kept[h] = value[h]
        :: else
        fi;
        value[h] = 0;
        noted[h] = false;
        read[h] = IDLE
    }
    od
}

/* Reads past the tables, fills, and what Redis loses. */
active proctype others()
{
end:
    do
    :: d_step {
        entry != NONE || store > shown ->
        if
        :: entry != NONE ->
            assert(entry >= shown || !IS_BOUND);
            note_read(entry)
        :: entry == NONE -> note_read(store)
        fi
    }
    :: d_step {
        entry == NONE && marks == 0 ->
        printf("%d is filled\n", store);
        entry = store
    }
    :: d_step {
        entry != NONE ->
        entry = NONE
    }
#ifdef LOST_MARKS
    :: d_step {
        marks != 0 ->
        printf("Redis loses the marks\n");
        marks = 0
    }
#endif
#ifdef LOST_HOLDERS
    :: d_step {
        !is_lost ->
        printf("Redis loses the holders\n");
        is_lost = true;
        is_loose = true;
        wait_begin(LOSS);
        i = 0;
        do
        :: i < HOLDERS ->
            member[i] = 0;
            told[i] = 0;
            i++
        :: else -> break
        od;
        i = 0
    }
    :: d_step {
        is_loose ->
        printf("T is over\n");
        wait_ends(LOSS);
        is_loose = false
    }
#endif
    od
}
