/* SPDX-License-Identifier: MIT */
/*
 * One todo while the epoch moves on: an operator's "purge --all", or another Redis that one worker meets while the old one lives on
 * (src/cache/trust.c). Each epoch has keys of its own, whether they lie in one Redis or in two, so they are two sets of keys here,
 * and what is in the one says nothing about the other.
 *
 * Modelled: the store's record (`epoch`) moves from 0 to 1 at any moment. Worker 1 learns of it at once or later, worker 0 later or
 * never. Each worker makes one write: fence under the epoch that it knows, commit, look at the record (write.c: fenced_work), if
 * that is another one settle a record in the outbox, unfence or publish, answer. Workers drain the outbox to the keys of
 * the epoch that they know, and remove what they listed only if that still stands (drain.c: remove_work). Flights take a lease,
 * read and fill under either epoch, one at a time in each; who knows epoch 1 has read the record after it moved.
 *
 * GROUPED: a store that commits what waits together (SQLite). The write, the look and the record are one transaction, so the look
 * comes before the commit; the transaction has the store's lock from before the look on.
 *
 * Promised (asserted):
 *   quiet    when no write is in flight, no mark is left and no record waits, an entry under the epoch that stands equals the store
 *   history  a hit under the epoch that stands shows no version below what was answered: by a write that looked and found it the
 *            same, at once; by one that was overtaken, when its record has been removed
 * Not promised: anything about entries under an epoch that doesn't stand any more. A worker that hasn't noticed yet may answer
 * from them; it looks once a second, and that is the bound.
 *
 * Left out, for other models have it: links and marks that are lost, unknown outcomes, evictions. A worker killed after its commit and before its record is what no promise covers: the entry's
 * lifetime does.
 */

#define WORKERS 2
#define NONE 9

mtype:write = {NOT_BEGUN, FENCED, WRITTEN, COMMITTED, LOOKED, OVER};
mtype:flight = {GROUNDED, GRANTED, READ};

byte epoch; /* the store's record */
byte store;
#ifdef GROUPED
#ifndef MUTANT_EPOCH_MOVES_IN_A_GROUP
#define MAY_MOVE (!locked)
#endif
bool locked; /* a group is open: nobody else writes to the store, not to its record of the epoch either */
#endif
#ifndef MAY_MOVE
#define MAY_MOVE true
#endif

/* Redis: the keys of each epoch */
byte entry[2] = NONE;
bool lease[2];
bool mark[4];    /* mark of write w under epoch e */
bool overlap[2]; /* '!' */
#define MARK(e, w) mark[(e) * 2 + (w)]
#define IS_MARKED(e) (MARK(e, 0) || MARK(e, 1))

byte knows[WORKERS]; /* the epoch that a worker knows */
mtype:write write[WORKERS] = NOT_BEGUN;
byte under[WORKERS]; /* the epoch of the fence */
byte written[WORKERS];
bool overtaken[WORKERS], recorded[WORKERS];
bool listed[4]; /* worker p's listing has the record of write w, and its keys have had it */
#define LISTED(p, w) listed[(p) * 2 + (w)]

mtype:flight flight[2] = GROUNDED; /* under each epoch */
byte value[2];

byte shown;

#define IS_IN_FLIGHT(w) (write[w] != NOT_BEGUN && write[w] != OVER)

inline note_shown(version)
{
    shown = (version > shown -> version : shown)
}

inline check_entry()
{
    assert(entry[epoch] == NONE || entry[epoch] == store || IS_IN_FLIGHT(0) || IS_IN_FLIGHT(1) || IS_MARKED(epoch) ||
           recorded[0] || recorded[1])
}

inline invalidate(e)
{
    entry[e] = NONE;
    lease[e] = false
}

inline unmark(e, w)
{
    MARK(e, w) = false;
    overlap[e] = (IS_MARKED(e) -> overlap[e] : false)
}

/* Who finds no mark of its own while others are there tells them by '!': a write of another epoch, brought by a drain. */
inline unfence(e, w)
{
    invalidate(e);
    if
    :: MARK(e, w) -> unmark(e, w)
    :: else ->
#ifndef MUTANT_LOST_MARK_UNTOLD
        overlap[e] = IS_MARKED(e)
#else
        skip
#endif
    fi
}

/* ---- A write ---- */

active [WORKERS] proctype writer()
{
    byte w = _pid;
end:
    do
    :: d_step {
        write[w] == NOT_BEGUN ->
        printf("W%d fences under %d\n", w, knows[w]);
        under[w] = knows[w];
        invalidate(under[w]);
        overlap[under[w]] = IS_MARKED(under[w]) || overlap[under[w]];
        MARK(under[w], w) = true;
#ifdef MUTANT_LOOK_BEFORE_COMMIT
        overtaken[w] = (epoch != under[w]);
#endif
        write[w] = FENCED
    }
#ifdef GROUPED
    :: d_step {
        write[w] == FENCED && !locked ->
        locked = true;
        overtaken[w] = (epoch != under[w]);
        printf("W%d writes in a group and looks; overtaken: %d\n", w, overtaken[w]);
        write[w] = WRITTEN
    }
    :: d_step {
        write[w] == WRITTEN ->
        store++;
        written[w] = store;
        recorded[w] = overtaken[w];
        locked = false;
        printf("W%d's group is committed: %d\n", w, store);
        write[w] = LOOKED;
        check_entry()
    }
#else
    :: d_step {
        write[w] == FENCED ->
        store++;
        written[w] = store;
        printf("W%d commits %d\n", w, store);
        write[w] = COMMITTED;
        check_entry()
    }
    :: d_step {
        write[w] == COMMITTED ->
#if !defined(MUTANT_NO_LOOK) && !defined(MUTANT_LOOK_BEFORE_COMMIT)
        overtaken[w] = (epoch != under[w]);
#endif
        printf("W%d has looked; overtaken: %d\n", w, overtaken[w]);
        recorded[w] = overtaken[w];
        write[w] = LOOKED
    }
#endif
    :: d_step {
        write[w] == LOOKED ->
        printf("W%d unfences under %d and answers\n", w, under[w]);
        unfence(under[w], w);
        write[w] = OVER;
        if
        :: !recorded[w] -> note_shown(written[w])
        :: else
        fi;
        check_entry()
    }
    :: d_step {
        write[w] == LOOKED && !overtaken[w] ->
        invalidate(under[w]);
        entry[under[w]] = (!overlap[under[w]] && !MARK(under[w], 1 - w) -> written[w] : NONE);
        printf("W%d publishes under %d (stays: %d) and answers\n", w, under[w], entry[under[w]] != NONE);
        unmark(under[w], w);
        write[w] = OVER;
        note_shown(written[w]);
        check_entry()
    }
    od
}

/* ---- What a worker learns, and its drain: one record after the other, for each is a step of its own ---- */

active [WORKERS] proctype worker()
{
    byte p = _pid - WORKERS;
    byte w;
end:
    do
    :: d_step {
        knows[p] != epoch && !IS_IN_FLIGHT(p) && !LISTED(p, 0) && !LISTED(p, 1) ->
        printf("P%d learns of epoch 1\n", p);
        knows[p] = epoch
    }
    :: d_step {
        recorded[0] && !LISTED(p, 0) ->
        printf("P%d takes W0's record to epoch %d\n", p, knows[p]);
        unfence(knows[p], 0);
        LISTED(p, 0) = true
    }
    :: d_step {
        recorded[1] && !LISTED(p, 1) ->
        printf("P%d takes W1's record to epoch %d\n", p, knows[p]);
        unfence(knows[p], 1);
        LISTED(p, 1) = true
    }
    :: d_step {
        LISTED(p, 0) || LISTED(p, 1) ->
        w = (LISTED(p, 0) -> 0 : 1);
        LISTED(p, w) = false;
        if
#ifdef MUTANT_REMOVED_UNDER_OLD_EPOCH
        :: recorded[w] ->
#else
        :: recorded[w] && knows[p] == epoch ->
#endif
            printf("P%d removes W%d's record\n", p, w);
            recorded[w] = false;
            if
            :: write[w] == OVER -> note_shown(written[w])
            :: else
            fi
        :: else
        fi;
        w = 0;
        check_entry()
    }
    od
}

/* ---- Flights under either epoch, hits, and the operator ---- */

active [2] proctype reader()
{
    byte e = _pid - 2 * WORKERS;
end:
    do
    :: d_step {
        flight[e] == GROUNDED && e <= epoch && entry[e] == NONE && !lease[e] && !IS_MARKED(e) ->
        printf("a flight has the lease under %d\n", e);
        lease[e] = true;
        flight[e] = GRANTED
    }
    :: d_step {
        flight[e] == GRANTED ->
        printf("it reads %d\n", store);
        value[e] = store;
        flight[e] = READ
    }
    :: d_step {
        flight[e] == READ ->
        entry[e] = (lease[e] -> value[e] : entry[e]);
        printf("it fills %d under %d (accepted: %d)\n", value[e], e, lease[e]);
        lease[e] = false;
        value[e] = 0;
        flight[e] = GROUNDED;
        check_entry()
    }
    :: d_step {
        e == epoch && entry[e] != NONE ->
        printf("hit %d under %d\n", entry[e], e);
        assert(entry[e] >= shown)
    }
    od
}

active proctype operator()
{
end:
    do
    :: d_step {
        epoch == 0 && MAY_MOVE ->
        printf("the epoch moves on\n");
        epoch = 1;
        check_entry()
    }
    od
}
