/* SPDX-License-Identifier: MIT */
/*
 * The write queue: one shard of the journal, its appliers, and the store (src/queue/, store/apply.h). Every write is applied once and
 * in order, or is a dead letter, wherever appliers die, freeze or lose an answer.
 *
 * Modelled: WRITES queued writes, a bit each in the masks below, in their order. Two appliers, each again and again: it claims the
 * shard, settles what the bookmark tells, reads the first writes that wait, sends them as a batch, and settles them. The store has one
 * todo, or not; the queue's writes make it, and others make and delete it beside the queue.
 *
 * What can go wrong, at any moment: an applier dies, or is frozen between any two steps; the store's call has no answer, and is
 * applied much later or never; the journal's answer is lost, to an applier or to a client; the journal loses a write that it has not
 * acknowledged; the store refuses WRITE_REFUSED now, and takes it another time. `calm`: none of that any more.
 *
 * Promised (asserted):
 *   once     no write is applied twice, nor one before another that came first
 *   told     what the journal calls applied is applied; what it calls dead is not, and never will be
 *   bookmark what waits is in the bookmark or behind it, for whoever has claimed: nothing is taken for another journal's
 *   quiet    when nothing can go on in the calm, each acknowledged write is applied and told so, or a dead letter
 *
 * Why few steps do, and none is missed:
 *   - The journal's hold keeps nobody away but in the calm: before, both appliers may believe that they have it.
 *   - A claim whose answer is lost is a claim whose applier dies, or claims once more.
 *   - An applier is one for ever, as a worker that goes on with the token that it had; one that begins after a death has a new token,
 *     so the store takes less from it than here. Its calls of before count as long as the store has it as the owner and hasn't passed
 *     their first number; of several that are left alone, one is kept at a time.
 * Left out: conditions of single writes and their results (a refused PATCH is settled as an applied one is), journals that go back in
 * time, and the caches: a batch is a fenced write (cache.pml).
 */

#ifndef WRITES
#define WRITES 2
#endif
#define ALL ((1 << WRITES) - 1)
#define WRITE_REFUSED 2 /* the bit of the second write */
#define NOBODY 2
#define FIRST_OF(mask) ((mask) & -(mask))

mtype:applier = {AWAY, BEGUN, CLAIMED, READY, READ, SENT, REFUSED, UNMARKED, DONE};

bool calm;

/* The journal: bits of writes. */
byte accepted, acknowledged, waiting, told, dead;

/* The store. last is the number of the bookmark's last write, as a bit; marked its batch. */
byte owner = NOBODY, marked, last;
bool marked_dead, exists;
byte applied; /* all that ever were */

mtype:applier applier[2] = AWAY;
byte known[2]; /* what the bookmark told, or the batch that is done: to be settled */
bool known_dead[2];
byte known_last[2]; /* the last one of these: what waits is behind it */
byte batch[2];      /* that it has read, then sent */
bool gives_up[2];   /* the batch is a dead letter: it only moves the bookmark */
bool halved[2];     /* the last batch was refused */
byte late, late_by = NOBODY; /* a call whose applier is gone, or has no answer */
bool late_gives_up;

/* ---- What is promised ---- */

inline check()
{
    assert((told & ~applied) == 0);
    assert((dead & applied) == 0)
}

inline apply(mask)
{
    assert((applied & mask) == 0 && (mask & -mask) > applied);
    applied = applied | mask;
    exists = true
}

/* ---- The journal ---- */

inline settle(mask, is_dead)
{
    told = (is_dead -> told : told | (mask & waiting));
    dead = (is_dead -> dead | (mask & waiting) : dead);
    waiting = waiting & ~mask;
    check()
}

active proctype journal()
{
end:
    do
    :: d_step {
        accepted != ALL ->
        waiting = waiting | (accepted + 1);
        printf("the journal has write %d\n", accepted + 1);
        accepted = accepted * 2 + 1
    }
    :: d_step {
        (accepted & ~acknowledged & waiting) != 0 ->
        acknowledged = acknowledged | FIRST_OF(accepted & ~acknowledged & waiting);
        printf("acknowledged: %d\n", acknowledged)
    }
    :: d_step {
        !calm && (waiting & ~acknowledged) != 0 ->
        printf("the journal dies, and write %d with it\n", FIRST_OF(waiting & ~acknowledged));
        waiting = waiting & ~FIRST_OF(waiting & ~acknowledged)
    }
    od
}

/* ---- The store ---- */

#ifdef MUTANT_BOOKMARK_AFTER
#define COMMITTED UNMARKED
#else
#define COMMITTED DONE
#endif

/* Whether the store takes a batch of that applier. */
#ifdef MUTANT_OWNER_UNLOOKED
#define IS_ITS_TURN(a, mask) (owner != (a) || FIRST_OF(mask) > last)
#else
#ifdef MUTANT_BOOKMARK_UNLOOKED
#define IS_ITS_TURN(a, mask) (owner == (a))
#else
#define IS_ITS_TURN(a, mask) (owner == (a) && FIRST_OF(mask) > last)
#endif
#endif

inline mark(mask, is_dead)
{
    marked = mask;
    marked_dead = is_dead;
    do
    :: mask == 0 -> break
    :: else ->
        last = FIRST_OF(mask);
        mask = mask & ~last
    od
}

inline end_late()
{
    late = 0;
    late_by = NOBODY;
    late_gives_up = false
}

/* A batch and its bookmark, in one transaction. */
inline commit(mask, is_dead)
{
    printf("the store commits %d (dead: %d)\n", mask, is_dead);
    if
    :: is_dead
    :: else -> apply(mask)
    fi;
#ifndef MUTANT_BOOKMARK_AFTER
    m = mask;
    mark(m, is_dead);
#endif
#if !defined(MUTANT_OWNER_UNLOOKED) && !defined(MUTANT_BOOKMARK_UNLOOKED) && !defined(MUTANT_BOOKMARK_IN_TODO)
    if
    :: late != 0 && FIRST_OF(late) <= last -> end_late() /* never any more */
    :: else
    fi
#endif
}

/* An operation on the todo beside the queue. */
active proctype others()
{
end:
    do
    :: d_step {
        !calm && exists ->
        exists = false;
#ifdef MUTANT_BOOKMARK_IN_TODO
        marked = 0;
        last = 0;
#endif
        printf("the todo is deleted\n")
    }
    :: d_step {
        !calm && !exists ->
        exists = true;
        printf("the todo is made\n")
    }
    od
}

/* ---- An applier ---- */

inline forget(a)
{
    known[a] = 0;
    known_dead[a] = false;
    known_last[a] = 0;
    batch[a] = 0;
    gives_up[a] = false;
    halved[a] = false
}

/* Its call, if there is one, goes on without it. */
inline leave_call(a)
{
    if
    :: applier[a] == SENT && late == 0 ->
        late = batch[a];
        late_by = a;
        late_gives_up = gives_up[a]
    :: else
    fi
}

#define WAITS_FOR(a) (waiting & ~(known_last[a] == 0 -> 0 : 2 * known_last[a] - 1))

inline read(a)
{
    known_last[a] = 0;
    printf("A%d reads %d\n", a, batch[a]);
    applier[a] = READ
}

active [2] proctype applying()
{
    byte a = _pid - 2;
    byte m;
end:
    do
    :: d_step {
        applier[a] == AWAY && (!calm || applier[1 - a] == AWAY) ->
        printf("A%d begins\n", a);
        applier[a] = BEGUN
    }
    :: d_step {
        applier[a] == BEGUN ->
        owner = a;
        known[a] = marked;
        known_dead[a] = marked_dead;
        known_last[a] = last;
        printf("A%d claims, the bookmark is at %d\n", a, last);
        applier[a] = CLAIMED
    }
    :: d_step {
        (applier[a] == CLAIMED || applier[a] == DONE) ->
        printf("A%d settles %d\n", a, known[a]);
        settle(known[a], known_dead[a]);
        assert(waiting == WAITS_FOR(a));
        known[a] = 0;
        known_dead[a] = false;
        applier[a] = READY
    }
    :: d_step {
        (applier[a] == CLAIMED || applier[a] == DONE) && !calm ->
        printf("A%d settles %d, and isn't told\n", a, known[a]);
        settle(known[a], known_dead[a])
    }
#ifdef MUTANT_SETTLE_UNAWAITED
    :: d_step {
        applier[a] == DONE && !calm ->
        known[a] = 0;
        known_dead[a] = false;
        applier[a] = READY
    }
#endif
    :: d_step {
        applier[a] == READY && WAITS_FOR(a) != 0 && !halved[a] ->
        batch[a] = WAITS_FOR(a);
        read(a)
    }
    :: d_step {
        applier[a] == READY && WAITS_FOR(a) != 0 && (halved[a] || WAITS_FOR(a) != FIRST_OF(WAITS_FOR(a))) ->
        batch[a] = FIRST_OF(WAITS_FOR(a));
        read(a)
    }
    :: d_step {
        applier[a] == READ ->
        printf("A%d asks the store to apply %d\n", a, batch[a]);
#ifdef MUTANT_SETTLE_EARLY
        settle(batch[a], gives_up[a]);
#endif
        applier[a] = SENT
    }
    :: d_step {
        applier[a] == SENT && IS_ITS_TURN(a, batch[a]) ->
        commit(batch[a], gives_up[a]);
        known[a] = batch[a];
        known_dead[a] = gives_up[a];
        known_last[a] = last;
        batch[a] = 0;
        gives_up[a] = false;
        halved[a] = false;
        applier[a] = COMMITTED;
        check()
    }
#ifdef MUTANT_BOOKMARK_AFTER
    :: d_step {
        applier[a] == UNMARKED ->
        m = known[a];
        mark(m, known_dead[a]);
        applier[a] = DONE
    }
#endif
    :: d_step {
        applier[a] == SENT && (batch[a] & WRITE_REFUSED) != 0 && !gives_up[a] && IS_ITS_TURN(a, batch[a]) ->
        printf("the store refuses %d\n", batch[a]);
        halved[a] = true;
        applier[a] = (batch[a] == WRITE_REFUSED -> REFUSED : READY);
        batch[a] = (batch[a] == WRITE_REFUSED -> batch[a] : 0)
    }
    :: d_step {
        applier[a] == REFUSED ->
        printf("A%d gives %d up\n", a, batch[a]);
#ifdef MUTANT_DEAD_UNMARKED
        settle(batch[a], true);
        batch[a] = 0;
        applier[a] = READY
#else
        gives_up[a] = true;
        applier[a] = READ
#endif
    }
    :: d_step {
        applier[a] == SENT && !IS_ITS_TURN(a, batch[a]) ->
        printf("A%d was replaced\n", a);
        forget(a);
        applier[a] = (owner == a -> BEGUN : AWAY)
    }
    :: d_step {
        applier[a] == SENT && !calm ->
        printf("A%d has no answer\n", a);
        leave_call(a);
        forget(a);
        applier[a] = BEGUN
    }
    :: d_step {
        applier[a] != AWAY && !calm ->
        printf("A%d dies\n", a);
        leave_call(a);
        forget(a);
        applier[a] = AWAY
    }
    od
}

active proctype network()
{
    byte m;
end:
    do
    :: d_step {
        late != 0 && IS_ITS_TURN(late_by, late) ->
        printf("the call comes late\n");
        commit(late, late_gives_up);
        end_late();
        check()
    }
    :: d_step {
        late != 0 ->
        printf("the call does nothing any more\n");
        end_late()
    }
    od
}

/* ---- The calm ---- */

active proctype weather()
{
end:
    do
    :: d_step {
        !calm ->
        printf("nothing goes wrong any more\n");
        calm = true
    }
    :: calm && accepted == ALL && timeout ->
        assert(waiting == 0 && (acknowledged & ~(told | dead)) == 0)
    od
}
