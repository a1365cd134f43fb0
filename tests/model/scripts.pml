/* SPDX-License-Identifier: MIT */
/*
 * Redis: the keys of one todo, and the scripts of src/cache/scripts/ that work on them. cache.pml and outbox.pml include this.
 *
 * Each inline here is the script of the same name, line by line, and is used inside a d_step only: Redis runs a script as one step.
 *
 *   entry     todo:{ID}, as the version that it holds. A negative entry is a version like any other: the model has no use for
 *             what a version looks like.
 *   lease     todo:{ID}:lease, as the process whose flight's token it holds. A flight ends before its process begins another
 *             on the same id, so that one name per process does for a fresh token per flight, as long as a lease that outlives its
 *             flight is renamed: STRANGER, a token that no flight has.
 *   mark[w]   todo:{ID}:writers, the member of write w; overlap is the member '!'
 *
 * Time is left out, for clocks differ and may be slow: what can expire may expire at any moment, or never. Two orders are kept, for the
 * scripts rely on them. A write's mark does not run out while its worker may still ask the store (write.c sees to that:
 * has_time_left). And '!' has the latest deadline of the set (fence.lua gives it that), so it does not run out before the marks.
 *
 * A member past its deadline is not gone: it is RUN_OUT. Readers get no lease (DOUBT) until clear.lua removes it, after
 * store_barrier() has shown that its write is visible or never will be.
 *
 * after_ms of acquire.lua is left out: a reader that doesn't want an entry as old as this one may get it or go on to the lease,
 * either way. That is more than any comparison of clocks can do.
 */

#define WRITES_MAX 3 /* marks that there may be; a model that has fewer leaves the others alone */

#define NONE 9     /* no entry */
#define NOBODY 8   /* no lease */
#define STRANGER 7 /* a lease whose flight is gone */

mtype:mark = {ABSENT, LIVE, RUN_OUT};

byte entry = NONE, lease = NOBODY;
mtype:mark mark[WRITES_MAX] = ABSENT, overlap = ABSENT;

/* ZCARD; ZCOUNT > 0 from now on; what the member with the last deadline is. */
#define CARD ((mark[0] != ABSENT) + (mark[1] != ABSENT) + (mark[2] != ABSENT) + (overlap != ABSENT))
#define A_MARK_IS_LIVE (mark[0] == LIVE || mark[1] == LIVE || mark[2] == LIVE)
#define A_MARK_HAS_RUN_OUT (mark[0] == RUN_OUT || mark[1] == RUN_OUT || mark[2] == RUN_OUT)
#define WRITERS_ARE_LIVE (A_MARK_IS_LIVE || overlap == LIVE)
#define LAST (WRITERS_ARE_LIVE -> LIVE : RUN_OUT)

/* Whether acquire.lua gives a lease, whether fill.lua accepts a fill. */
#if defined(MUTANT_ACQUIRE_IGNORES_WRITERS)
#define LEASE_IS_FREE (lease == NOBODY)
#elif defined(MUTANT_TIME_ENDS_MARKS)
#define LEASE_IS_FREE (lease == NOBODY && !WRITERS_ARE_LIVE)
#else
#define LEASE_IS_FREE (lease == NOBODY && CARD == 0)
#endif
#ifdef MUTANT_FILL_WITHOUT_LEASE
#define LEASE_IS_HELD(token) true
#else
#define LEASE_IS_HELD(token) (lease == (token))
#endif

/* DEL of the whole set: evicted, expired or flushed */
inline lose_marks()
{
    mark[0] = ABSENT;
    mark[1] = ABSENT;
    mark[2] = ABSENT;
    overlap = ABSENT
}

/* Of marks that were past their deadline when the barrier began. */
inline clear()
{
    entry = NONE;
    lease = NOBODY;
    mark[0] = (mark[0] == RUN_OUT -> ABSENT : mark[0]);
    mark[1] = (mark[1] == RUN_OUT -> ABSENT : mark[1]);
    mark[2] = (mark[2] == RUN_OUT -> ABSENT : mark[2]);
    overlap = (overlap == RUN_OUT -> ABSENT : overlap);
    overlap = (CARD == 1 -> ABSENT : overlap)
}

inline fence(w)
{
    entry = NONE;
    lease = NOBODY;
    mark[w] = LIVE;
    if
    :: CARD > 1 -> overlap = LIVE
    :: else
    fi
}

/* What unfence.lua and publish.lua do to the set. */
inline leave(w)
{
    if
    :: mark[w] != ABSENT ->
        mark[w] = ABSENT;
        if
        :: CARD == 1 -> overlap = ABSENT
        :: else
        fi
    :: else ->
#ifndef MUTANT_LOST_MARK_UNTOLD
        if
        :: CARD == 1 && overlap != ABSENT -> overlap = ABSENT
        :: CARD > 0 && !(CARD == 1 && overlap != ABSENT) -> overlap = LAST
        :: else
        fi
#else
        skip
#endif
    fi
}

inline unfence(w)
{
#ifndef MUTANT_UNFENCE_DELETES_NOTHING
    entry = NONE;
    lease = NOBODY;
#endif
    leave(w)
}

/* version: of what w wrote; it stays if w's mark is there and is the only member. */
inline publish(w, version)
{
    lease = NOBODY;
#ifdef MUTANT_PUBLISH_IGNORES_OVERLAP
    entry = version;
#else
    entry = (mark[w] != ABSENT && CARD == 1 -> version : NONE);
#endif
    leave(w)
}

inline acquire(token)
{
    assert(LEASE_IS_FREE);
    lease = token
}

inline fill(token, version)
{
    assert(LEASE_IS_HELD(token));
    entry = version;
    lease = NOBODY
}

/* An HSET that a full Redis refuses comes after the script's DEL. */
inline fill_when_full(token)
{
    assert(LEASE_IS_HELD(token));
    entry = NONE;
    lease = STRANGER
}

inline release(token)
{
    lease = (lease == token -> NOBODY : lease)
}
