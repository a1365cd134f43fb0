/* SPDX-License-Identifier: MIT */
/*
 * One todo while its slot moves between two primaries of a Redis Cluster: by a person, key by key, or by a failover
 * (src/cache/shards.c). The store's record names the slot's owner and epoch; its serial moves with each change.
 *
 * Modelled: what each primary believes (`own`), whether the slot is on its way (MIGRATING at its source, IMPORTING
 * at its target), and where each key lies: entry, lease and the set of writers part one by one. Two workers know
 * the record as it was when they looked. Any worker that knows it as it stands may give the slot to either primary,
 * under a new epoch: it has heard that claim, be it true any more or not. A worker trusts the slot's home once it
 * has brought the outbox there, and may lose that trust at any moment. Each worker makes one write: by scripts, or
 * in a moving slot by single commands, or past Redis with a record. A flight takes a lease, reads and fills.
 *
 * A script needs all its keys in one place; else Redis says TRYAGAIN or ASK. A single command goes where its key
 * is, by ASK. None of them follows MOVED: a primary that has lost the slot is no home for this epoch.
 *
 * A move may be given up as long as no key has arrived. FAILOVERS: the other primary is made of the owner's
 * replica; it lacks marks and leases, and may have an entry that was deleted. The old owner goes on until it learns
 * of it. Who is promoted or replaced has a new name (`life`, src/cache/identity.c). OTHER_SLOT: the serial also
 * moves for a slot that is not this todo's.
 *
 * Promised (asserted): a hit by a worker that knows the record as it stands shows no version below what was
 * committed under a fence that stands, or answered before: by a write that unfenced at the slot's home, to
 * everybody; by one that left a record, to readers of its own worker, and to everybody when the record is removed.
 * Not promised: hits by a worker that has not looked since the record changed, or has not asked its primary for its
 * name since that was replaced. It does both once a second, and that is the bound. EVEN_LATE: one move by a person
 * promises it to them as well, for the old owner answers MOVED; so claims must be true here, and the source's end
 * with the target's first.
 *
 * Left out, for other models have it: links and marks that are lost, unknown outcomes, workers that die, publishes,
 * the list (its keys are in a slot as well). Drains send their single commands at once. With two writers only MOVED
 * ends a worker's trust, and only worker 1 has flights. A move that is given up when keys have arrived leaves those
 * behind: doc/consistency.md, row K4.
 */

#define WORKERS 2
#define NONE 9
#define NOWHERE 2

#ifndef SERIALS
#define SERIALS 2
#endif
#ifndef MOVES
#define MOVES 2
#endif
#ifndef WRITERS
#define WRITERS 1
#endif

mtype:write = {NOT_BEGUN, MARKING, MARKED, DROPPING, FENCED, COMMITTED, SETTLED, OVER};
mtype:record = {NO_RECORD, OPEN, DONE};
mtype:flight = {GROUNDED, GRANTED, READ};

/* The cluster. A place is a primary: 0 or 1. */
bool own[2];       /* it says so itself */
byte life[2];      /* how often it was promoted */
bool moving;       /* `source` is MIGRATING, the other one IMPORTING or the owner already */
byte source;
byte latest;       /* the owner in the end, when both say that they are */
byte moves;        /* begun */

/* The keys of each epoch in each place */
#define AT(epoch, x) ((epoch) * 2 + (x))
byte entry[SERIALS * 2] = NONE;
bool lease[SERIALS * 2];
bool mark[SERIALS * 4];
#define MARK(at, w) mark[(at) * 2 + (w)]
#define IS_MARKED(at) (MARK(at, 0) || MARK(at, 1))
#define IS_EMPTY(at) (entry[at] == NONE && !lease[at] && !IS_MARKED(at))
#ifdef FAILOVERS
byte gone[SERIALS] = NONE; /* the entry that was deleted last */
#endif

/* The store: the todo, the outbox, and the record of each serial */
byte store;
mtype:record outbox[WORKERS] = NO_RECORD;
byte serial;
byte owner[SERIALS], owner_life[SERIALS], epoch_of[SERIALS];

/* What a worker knows */
byte knows[WORKERS];
bool trusts[WORKERS];
mtype:record taken[WORKERS * 2] = NO_RECORD; /* what it has brought to the home that it knows */
#define TAKEN(p, w) taken[(p) * 2 + (w)]
#define HOME(p) owner[knows[p]]
#define KEYS(p) epoch_of[knows[p]]

#define IS_OWNER(x) (owner[serial] == (x) && owner_life[serial] == life[x])

mtype:write write[WORKERS] = NOT_BEGUN;
byte under[WORKERS];     /* the serial of its fence */
bool holds[WORKERS];     /* its home was trusted all the time */
bool fenced[WORKERS];
byte written[WORKERS];
bool answered[WORKERS];  /* by a record that is still there */

mtype:flight flight = GROUNDED;
byte flight_epoch, flight_place, value;

byte shown;
byte shown_here[WORKERS];

/* ---- What Redis answers ---- */

#define IS_LEAVING(x) (moving && source == (x))
#ifdef MUTANT_FOLLOW_MOVED
#define MOVED_TO(x) (own[1 - (x)] -> 1 - (x) : NOWHERE)
#else
#define MOVED_TO(x) NOWHERE
#endif

/* Where a command with one key runs that is sent to x; is_here: x has the key. */
#define SINGLE(x, is_here) (own[x] -> (IS_LEAVING(x) && !(is_here) -> 1 - (x) : (x)) : MOVED_TO(x))

/* Where a script with several keys runs: all_at(place) or none_at(place). */
#define SCRIPT(x, all_here, none_here, all_there)                                                                    \
    (own[x] -> (!IS_LEAVING(x) || (all_here) -> (x) : ((none_here) && (all_there) -> 1 - (x) : NOWHERE)) : MOVED_TO(x))
#define HAS_ALL(at) (entry[at] != NONE && lease[at] && IS_MARKED(at))
#define WRITE_SCRIPT(e, x) SCRIPT(x, HAS_ALL(AT(e, x)), IS_EMPTY(AT(e, x)), HAS_ALL(AT(e, 1 - (x))))
#define HAS_FILL_KEYS(at) (entry[at] != NONE && lease[at])
#define HAS_NO_FILL_KEYS(at) (entry[at] == NONE && !lease[at])
#define FILL_SCRIPT(e, x)                                                                                            \
    SCRIPT(x, HAS_FILL_KEYS(AT(e, x)), HAS_NO_FILL_KEYS(AT(e, x)), HAS_FILL_KEYS(AT(e, 1 - (x))))

/* ---- What is promised ---- */

inline note_shown(version)
{
    shown = (version > shown -> version : shown);
    shown_here[0] = (shown_here[0] > shown -> shown_here[0] : 0);
    shown_here[1] = (shown_here[1] > shown -> shown_here[1] : 0)
}

#define BOUND(p) (shown_here[p] > shown -> shown_here[p] : shown)
#ifdef EVEN_LATE
#define IS_PROMISED(p) true
#else
#define IS_PROMISED(p) (knows[p] == serial && IS_OWNER(owner[serial]))
#endif

/* ---- Commands ---- */

byte at; /* 0 between steps; where the command at hand finds its keys */

inline drop_entry(e)
{
#ifdef FAILOVERS
    gone[e] = (entry[at] != NONE -> entry[at] : gone[e]);
#endif
    entry[at] = NONE;
    at = 0
}

inline fence(e, x, w)
{
    at = AT(e, x);
    lease[at] = false;
    MARK(at, w) = true;
    drop_entry(e)
}

/* The single commands, each where its key is: keys may be parted. */
inline mark_single(e, x, w)
{
    at = SINGLE(x, IS_MARKED(AT(e, x)));
    at = AT(e, at);
    MARK(at, w) = true;
    at = 0
}

inline unmark_single(e, x, w)
{
    at = SINGLE(x, IS_MARKED(AT(e, x)));
    at = AT(e, at);
    MARK(at, w) = false;
    at = 0
}

inline drop_lease_single(e, x)
{
    at = SINGLE(x, lease[AT(e, x)]);
    at = AT(e, at);
    lease[at] = false;
    at = 0
}

inline drop_entry_single(e, x)
{
    at = SINGLE(x, entry[AT(e, x)] != NONE);
    at = AT(e, at);
    drop_entry(e)
}

inline fence_at_home(e, x, w)
{
    mark_single(e, x, w);
    drop_lease_single(e, x);
    drop_entry_single(e, x)
}

inline unfence_at_home(e, x, w)
{
    drop_lease_single(e, x);
    drop_entry_single(e, x);
    unmark_single(e, x, w)
}

/* A drain's, which counts the record as brought. Keys that are on their way must be met where they are. */
#ifdef MUTANT_DRAIN_LEAVES_KEYS
inline bring_open(e, x, w)
{
    fence(e, x, w)
}

inline bring_closed(e, x, w)
{
    at = AT(e, x);
    lease[at] = false;
    MARK(at, w) = false;
    drop_entry(e)
}
#else
#define bring_open fence_at_home
#define bring_closed unfence_at_home
#endif

#define ANSWERS(x) (own[x] || MOVED_TO(x) != NOWHERE)

/* ---- What a worker learns ---- */

inline clear(at)
{
    entry[at] = NONE;
    lease[at] = false;
    MARK(at, 0) = false;
    MARK(at, 1) = false
}

/* Keys of an epoch that nobody can name any more, for no epoch comes twice: their values do not tell states apart. */
#define IS_NAMED(e)                                                                                                  \
    (epoch_of[serial] == (e) || KEYS(0) == (e) || KEYS(1) == (e) || (flight != GROUNDED && flight_epoch == (e)) ||   \
     (holds[0] && epoch_of[under[0]] == (e)) || (holds[1] && epoch_of[under[1]] == (e)))

inline forget(e)
{
    if
    :: !IS_NAMED(e) ->
        clear(AT(e, 0));
        clear(AT(e, 1))
#ifdef FAILOVERS
        ;
        gone[e] = NONE
#endif
    :: else
    fi
}

inline forget_old()
{
#ifndef MUTANT_EPOCH_OF_PRIMARY
    forget(0);
#if SERIALS == 3
    forget(1);
#endif
#endif
    skip
}

/* A record is brought once (src/cache/brought.c), to this home: the next one has other keys. */
#ifdef MUTANT_BROUGHT_ANYWHERE
#define STILL_TAKEN(p, w) (TAKEN(p, w) == DONE -> DONE : NO_RECORD)
#else
#define STILL_TAKEN(p, w) NO_RECORD
#endif

inline withdraw(p)
{
    trusts[p] = false;
    holds[p] = false;
    TAKEN(p, 0) = STILL_TAKEN(p, 0);
    TAKEN(p, 1) = STILL_TAKEN(p, 1);
    forget_old()
}

#define IS_SAME_HOME(a, b) (owner[a] == owner[b] && owner_life[a] == owner_life[b] && epoch_of[a] == epoch_of[b])

inline look(p)
{
    if
    :: IS_SAME_HOME(knows[p], serial) -> knows[p] = serial
    :: else ->
        knows[p] = serial;
        withdraw(p)
    fi
}

/* Which primary has the slot: from the primary itself, a moment ago; so it may be another one by now. */
#if defined(EVEN_LATE) && !defined(MUTANT_HEARSAY)
#define MAY_CLAIM(x) (own[x] && !(IS_LEAVING(x) && own[1 - (x)]))
#else
#define MAY_CLAIM(x) true
#endif
#define MAY_SWAP(p, x) (knows[p] == serial && serial + 1 < SERIALS && MAY_CLAIM(x) && !IS_OWNER(x))

inline swap(p, x)
{
    owner[serial + 1] = x;
    owner_life[serial + 1] = life[x];
#ifdef MUTANT_EPOCH_OF_PRIMARY
    epoch_of[serial + 1] = x;
#else
    epoch_of[serial + 1] = serial + 1;
#endif
    serial++;
    knows[p] = serial;
    withdraw(p)
}

#ifdef MUTANT_TRUST_BEFORE_DRAIN
#define IS_DRAINED(p) true
#else
#define IS_DRAINED(p) (outbox[0] == TAKEN(p, 0) && outbox[1] == TAKEN(p, 1))
#endif

#define IS_BROUGHT(p, w) (TAKEN(p, w) == DONE && outbox[w] == DONE)

proctype worker(byte p)
{
    byte w;
end:
    do
    :: d_step {
        knows[p] != serial ->
        printf("P%d looks: serial %d\n", p, serial);
        look(p)
    }
#if WRITERS == 1
    :: d_step {
        trusts[p] ->
        printf("P%d is told that its home %d has not the slot\n", p, HOME(p));
        withdraw(p)
    }
#endif
    :: d_step {
        MAY_SWAP(p, 0) ->
        swap(p, 0);
        printf("P%d gives the slot to 0: serial %d\n", p, serial)
    }
    :: d_step {
        MAY_SWAP(p, 1) ->
        swap(p, 1);
        printf("P%d gives the slot to 1: serial %d\n", p, serial)
    }
    :: d_step {
        !trusts[p] && owner_life[knows[p]] == life[HOME(p)] && IS_DRAINED(p) ->
        printf("P%d trusts %d under serial %d\n", p, HOME(p), knows[p]);
        trusts[p] = true
    }
    /* the drain */
    :: d_step {
        (outbox[0] != TAKEN(p, 0) || outbox[1] != TAKEN(p, 1)) && ANSWERS(HOME(p)) ->
        w = (outbox[0] != TAKEN(p, 0) -> 0 : 1);
        printf("P%d takes W%d's record to %d under serial %d\n", p, w, HOME(p), knows[p]);
        if
        :: outbox[w] == OPEN -> bring_open(KEYS(p), HOME(p), w)
        :: outbox[w] == DONE -> bring_closed(KEYS(p), HOME(p), w)
        :: else
        fi;
        TAKEN(p, w) = outbox[w];
        w = 0
    }
    :: d_step {
        (IS_BROUGHT(p, 0) || IS_BROUGHT(p, 1)) && knows[p] == serial ->
        w = (IS_BROUGHT(p, 0) -> 0 : 1);
        printf("P%d removes W%d's record\n", p, w);
        outbox[w] = NO_RECORD;
        TAKEN(0, w) = NO_RECORD;
        TAKEN(1, w) = NO_RECORD;
        if
        :: answered[w] ->
            note_shown(written[w]);
            answered[w] = false
        :: else
        fi;
        w = 0
    }
    /* a hit: one key, and ASK is a miss */
    :: d_step {
        trusts[p] && own[HOME(p)] && entry[AT(KEYS(p), HOME(p))] != NONE ->
        printf("P%d hits %d at %d under serial %d\n", p, entry[AT(KEYS(p), HOME(p))], HOME(p), knows[p]);
        assert(!IS_PROMISED(p) || entry[AT(KEYS(p), HOME(p))] >= BOUND(p))
    }
#ifdef MUTANT_FOLLOW_MOVED
    :: d_step {
        trusts[p] && !own[HOME(p)] && own[1 - HOME(p)] && entry[AT(KEYS(p), 1 - HOME(p))] != NONE ->
        printf("P%d follows MOVED and hits %d under serial %d\n", p, entry[AT(KEYS(p), 1 - HOME(p))], knows[p]);
        assert(!IS_PROMISED(p) || entry[AT(KEYS(p), 1 - HOME(p))] >= BOUND(p))
    }
#endif
    od
}

/* ---- A write. Each refusal ends in a record; MOVED also tells the worker that the claim is gone. ---- */

#ifdef MUTANT_LEASE_BEFORE_MARK
#define STEP_1(e, x, w) drop_lease_single(e, x)
#define STEP_2(e, x, w) mark_single(e, x, w)
#define STEP_3(e, x, w) drop_entry_single(e, x)
#elif defined(MUTANT_ENTRY_BEFORE_LEASE)
#define STEP_1(e, x, w) mark_single(e, x, w)
#define STEP_2(e, x, w) drop_entry_single(e, x)
#define STEP_3(e, x, w) drop_lease_single(e, x)
#else
#define STEP_1(e, x, w) mark_single(e, x, w)
#define STEP_2(e, x, w) drop_lease_single(e, x)
#define STEP_3(e, x, w) drop_entry_single(e, x)
#endif

#define HOME_OF(w) owner[under[w]]
#define KEYS_OF(w) epoch_of[under[w]]
#define IS_UNDERWAY(w) (holds[w] && ANSWERS(HOME_OF(w)))

/* An open record stands for the fence. */
inline record(w)
{
    outbox[w] = OPEN;
    holds[w] = false;
    under[w] = 0;
    write[w] = FENCED
}

inline answer(w, is_for_all)
{
    if
    :: is_for_all || outbox[w] == NO_RECORD -> note_shown(written[w])
    :: else ->
        answered[w] = true;
        shown_here[w] = (written[w] > BOUND(w) -> written[w] : shown_here[w])
    fi;
    write[w] = OVER;
    fenced[w] = false;
    holds[w] = false;
    under[w] = 0;
    forget_old()
}

proctype writer(byte w)
{
    byte x;
end:
    do
    :: d_step {
        write[w] == NOT_BEGUN && trusts[w] ->
        under[w] = knows[w];
        holds[w] = true;
        x = WRITE_SCRIPT(KEYS_OF(w), HOME_OF(w));
        if
        :: x != NOWHERE ->
            printf("W%d fences at %d under serial %d\n", w, x, under[w]);
            fence(KEYS_OF(w), x, w);
            fenced[w] = true;
            write[w] = FENCED
        :: x == NOWHERE && own[HOME_OF(w)] ->
            printf("W%d is told that the slot is moving\n", w);
            write[w] = MARKING
        :: else ->
            printf("W%d is told MOVED and records\n", w);
            withdraw(w);
            record(w)
        fi;
        x = 0
    }
    :: d_step {
        write[w] == NOT_BEGUN && !trusts[w] ->
        printf("W%d has no home and records\n", w);
        record(w)
    }
    :: d_step {
        write[w] == MARKING && IS_UNDERWAY(w) ->
        printf("W%d's first single command\n", w);
        STEP_1(KEYS_OF(w), HOME_OF(w), w);
        write[w] = MARKED
    }
    :: d_step {
        write[w] == MARKED && IS_UNDERWAY(w) ->
        printf("W%d's second single command\n", w);
        STEP_2(KEYS_OF(w), HOME_OF(w), w);
        write[w] = DROPPING
    }
    :: d_step {
        write[w] == DROPPING && IS_UNDERWAY(w) ->
        printf("W%d's third single command: fenced\n", w);
        STEP_3(KEYS_OF(w), HOME_OF(w), w);
        fenced[w] = true;
        write[w] = FENCED
    }
    :: d_step {
        (write[w] == MARKING || write[w] == MARKED || write[w] == DROPPING) && !IS_UNDERWAY(w) ->
        printf("W%d is told MOVED, or its home has gone: it records\n", w);
        record(w)
    }
    :: d_step {
        write[w] == FENCED ->
        store++;
        written[w] = store;
        printf("W%d commits %d\n", w, store);
        write[w] = COMMITTED;
        if
        :: fenced[w] && holds[w] && under[w] == serial && IS_OWNER(owner[serial]) -> note_shown(store)
        :: else
        fi
    }
    /* the look after the commit, then the unfence: at the home of its fence, or at the one that it has learned of */
    :: d_step {
        write[w] == COMMITTED && fenced[w] && holds[w] &&
#ifdef MUTANT_NO_LOOK
            ANSWERS(HOME_OF(w))
#else
            under[w] == serial && ANSWERS(HOME_OF(w))
#endif
            ->
        printf("W%d has looked, unfences at %d and answers\n", w, HOME_OF(w));
        unfence_at_home(KEYS_OF(w), HOME_OF(w), w);
        answer(w, true)
    }
    :: d_step {
        write[w] == COMMITTED &&
#ifdef MUTANT_NO_LOOK
            (!fenced[w] || !holds[w] || !ANSWERS(HOME_OF(w)))
#else
            (!fenced[w] || !holds[w] || under[w] != serial || !ANSWERS(HOME_OF(w)))
#endif
            ->
        printf("W%d closes its record\n", w);
        outbox[w] = DONE;
        write[w] = SETTLED
    }
    :: d_step {
        write[w] == SETTLED && trusts[w] && ANSWERS(HOME(w)) ->
        printf("W%d unfences at its home %d under serial %d and answers\n", w, HOME(w), knows[w]);
        unfence_at_home(KEYS(w), HOME(w), w);
        answer(w, knows[w] == serial)
    }
    :: d_step {
        write[w] == SETTLED && trusts[w] && !ANSWERS(HOME(w)) ->
        printf("W%d is told MOVED\n", w);
        withdraw(w)
    }
    :: d_step {
        write[w] == SETTLED && !trusts[w] ->
        printf("W%d answers\n", w);
        answer(w, false)
    }
    :: d_step {
        write[w] == OVER && MARK(AT(epoch_of[serial], owner[serial]), w) && outbox[w] == NO_RECORD ->
        printf("W%d's mark runs out\n", w);
        MARK(AT(epoch_of[serial], owner[serial]), w) = false
    }
    od
}

/* ---- A flight of a worker that trusts the home that it knows ---- */

#define MAY_LEASE(at) (!lease[at] && !IS_MARKED(at))

inline take_off(p)
{
    flight_epoch = KEYS(p);
    flight_place = HOME(p);
    printf("P%d's flight has the lease at %d under serial %d\n", p, flight_place, knows[p]);
    lease[AT(flight_epoch, flight_place)] = true;
    flight = GRANTED
}

#define MAY_TAKE_OFF(p) (trusts[p] && own[HOME(p)] && !IS_LEAVING(HOME(p)) && MAY_LEASE(AT(KEYS(p), HOME(p))))

proctype reader()
{
    byte x;
end:
    do
#if WRITERS == 1
    :: d_step {
        flight == GROUNDED && MAY_TAKE_OFF(0) ->
        take_off(0)
    }
#endif
    :: d_step {
        flight == GROUNDED && MAY_TAKE_OFF(1) ->
        take_off(1)
    }
    :: d_step {
        flight == GRANTED ->
        printf("it reads %d\n", store);
        value = store;
        flight = READ
    }
    :: d_step {
        flight == READ ->
        x = FILL_SCRIPT(flight_epoch, flight_place);
        if
        :: x != NOWHERE ->
            x = AT(flight_epoch, x);
            printf("it fills %d (accepted: %d)\n", value, lease[x]);
            entry[x] = (lease[x] -> value : entry[x]);
            lease[x] = false
        :: else ->
            printf("its fill is refused\n")
        fi;
        x = 0;
        value = 0;
        flight_epoch = 0;
        flight_place = 0;
        flight = GROUNDED;
        forget_old()
    }
    :: d_step {
        flight == GROUNDED && lease[AT(epoch_of[serial], owner[serial])] ->
        printf("a lease runs out\n");
        lease[AT(epoch_of[serial], owner[serial])] = false
    }
    od
}

/* ---- Slots move, and primaries fail ---- */

/* One kind of key of all epochs */
#define EACH_EPOCH(e) for (e : 0 .. (SERIALS - 1))
#if SERIALS == 3
#define IS_ALL_EMPTY(x) (IS_EMPTY(AT(0, x)) && IS_EMPTY(AT(1, x)) && IS_EMPTY(AT(2, x)))
#else
#define IS_ALL_EMPTY(x) (IS_EMPTY(AT(0, x)) && IS_EMPTY(AT(1, x)))
#endif

#ifdef FAILOVERS
/* The replica has the entries of its primary, or those that were deleted last as well; no lease, no mark. */
inline fail_over(is_behind)
{
    latest = (own[0] -> 1 : 0);
    EACH_EPOCH(e) {
        clear(AT(e, latest));
        entry[AT(e, latest)] = ((is_behind) && gone[e] != NONE -> gone[e] : entry[AT(e, 1 - latest)])
    };
    e = 0;
    own[latest] = true;
#ifndef MUTANT_NAME_KEPT
    life[latest]++;
#endif
    moves++
}
#endif

proctype mover()
{
    byte e;
end:
    do
    :: d_step {
        moves < MOVES && !moving && own[0] != own[1] ->
        source = (own[0] -> 0 : 1);
        printf("the slot begins to move from %d to %d\n", source, 1 - source);
        moving = true;
        moves++
    }
    :: d_step {
        moving ->
        printf("entries move\n");
        EACH_EPOCH(e) {
            at = AT(e, source);
            entry[AT(e, 1 - source)] = (entry[at] != NONE -> entry[at] : entry[AT(e, 1 - source)]);
            entry[at] = NONE;
            at = 0
        };
        e = 0
    }
    :: d_step {
        moving ->
        printf("leases move\n");
        EACH_EPOCH(e) {
            lease[AT(e, 1 - source)] = lease[AT(e, source)] || lease[AT(e, 1 - source)];
            lease[AT(e, source)] = false
        };
        e = 0
    }
    :: d_step {
        moving ->
        printf("writers move\n");
        EACH_EPOCH(e) {
            MARK(AT(e, 1 - source), 0) = MARK(AT(e, source), 0) || MARK(AT(e, 1 - source), 0);
            MARK(AT(e, 1 - source), 1) = MARK(AT(e, source), 1) || MARK(AT(e, 1 - source), 1);
            MARK(AT(e, source), 0) = false;
            MARK(AT(e, source), 1) = false
        };
        e = 0
    }
    :: d_step {
        moving && !own[1 - source] && IS_ALL_EMPTY(source) ->
        printf("%d has the slot\n", 1 - source);
        own[1 - source] = true
    }
    :: d_step {
        moving && own[1 - source] ->
        printf("%d has not the slot any more\n", source);
        own[source] = false;
        source = 0;
        moving = false
    }
    :: d_step {
        moving && !own[1 - source] && IS_ALL_EMPTY(1 - source) ->
        printf("the move is given up\n");
        source = 0;
        moving = false
    }
#ifdef FAILOVERS
    :: d_step {
        moves < MOVES && !moving && own[0] != own[1] ->
        fail_over(false);
        printf("%d is promoted, with all entries\n", latest)
    }
    :: d_step {
        moves < MOVES && !moving && own[0] != own[1] ->
        fail_over(true);
        printf("%d is promoted, without the last deletes\n", latest)
    }
    :: d_step {
        !moving && own[0] && own[1] ->
        printf("%d learns that it is replaced\n", 1 - latest);
        own[1 - latest] = false;
#ifndef MUTANT_NAME_KEPT
        life[1 - latest]++;
#endif
        EACH_EPOCH(e) {
            clear(AT(e, 1 - latest))
        };
        latest = 0;
        e = 0
    }
#endif
#ifdef OTHER_SLOT
    :: d_step {
        serial + 1 < SERIALS ->
        printf("another slot has moved: serial %d\n", serial + 1);
        owner[serial + 1] = owner[serial];
        owner_life[serial + 1] = owner_life[serial];
        epoch_of[serial + 1] = epoch_of[serial];
        serial++
    }
#endif
    od
}

init
{
    atomic {
        own[0] = true;
        trusts[0] = true;
        trusts[1] = true;
        run worker(0);
        run worker(1);
        run writer(0);
#if WRITERS == 2
        run writer(1);
#endif
        run reader();
        run mover()
    }
}
