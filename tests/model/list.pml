/* SPDX-License-Identifier: MIT */
/*
 * One page of the list while Redis answers: the scripts list_*.lua, the reads of src/cache/list_read.c with flight.c's rule, and write.c's
 * two list calls. Writes, processes, readers, what can go wrong and what is promised are those of cache.pml, whose essay says why
 * few steps do; each write changes the page.
 *
 * What is different from a todo:
 *   - There is no lease. A flight remembers the generation that it found (or made), and its page is accepted if that is still there and no
 *     mark is live. So several flights may fill, and nothing tells one writer of another: nothing is published.
 *   - A hit is two steps, GET of the generation and HGETALL of the page: pipelined, but others' commands may come between. So readers
 *     that ask are modelled, by reader 1, and one that asked takes `least` when its GET runs. A reader whose two answers don't
 *     agree joins a flight; that is here another read, which begins later and is bound more.
 *   - A worker's readers share Redis' answer. So a reader may be given a page that left Redis before this reader began (`shared`): it
 *     takes it if it was filled under the generation that its own GET finds, else it is another read. That is reader 1, too.
 *   - Neither has the reader of a page to look at the writers' set.
 *
 * Generations are random tokens, each new one unlike all before. It is enough to know who holds the one that Redis has now
 * (`holds`), and whether the page was filled under the one that an asking reader holds (`agrees`), for tokens are never
 * compared with anything else; so there is no number of them to run out of.
 *
 * Overlap and '!' are not there: the list's set has no use for them (fence.lua). The set's members are pruned by each fence, and by
 * the expiry of the whole key.
 */

#define WRITERS 2
#define PROCESSES 2
#define READERS 3
#define PROCESS_OF(r) ((r) % PROCESSES)
#define NONE 9 /* no page */

mtype:mark = {ABSENT, LIVE, RUN_OUT};
mtype:write = {NOT_BEGUN, FENCED, SENT, STORED, UNKNOWN, OVER};
mtype:flight = {GROUNDED, ACQUIRING, FETCHING, FETCHED};
mtype:reader = {AWAY, ASKED, OWNER, JOINER};

/* Redis: the page as the version that it shows, the set, the generation */
byte page = NONE;
mtype:mark mark[WRITERS] = ABSENT;
bool generation;   /* there is one */
bool page_is_live; /* the page was filled under it */
byte shared = NONE; /* the page as an answer on its way to reader 1's process, for as long as the generation stays */

byte store;
byte begun, shown;

mtype:write write[WRITERS] = NOT_BEGUN;
byte written[WRITERS];

mtype:flight flight[PROCESSES] = GROUNDED;
bool granted[PROCESSES]; /* it remembers a generation */
bool holds[PROCESSES];   /* which is the one in Redis */
byte value[PROCESSES];

mtype:reader reader[READERS] = AWAY;
byte least[READERS];
bool asked_live; /* the generation that reader 1 got is the one in Redis */
bool agrees;     /* and the page's */

#define A_MARK_IS_LIVE (mark[0] == LIVE || mark[1] == LIVE)
#define IS_IN_FLIGHT(w) (write[w] != NOT_BEGUN && write[w] != OVER)
#define A_WRITE_IS_IN_FLIGHT (IS_IN_FLIGHT(0) || IS_IN_FLIGHT(1))
#define AN_OUTCOME_IS_UNKNOWN (write[0] == UNKNOWN || write[1] == UNKNOWN)

#ifdef LOST_MARKS
#define MAY_LOSE_MARKS (!AN_OUTCOME_IS_UNKNOWN)
#define MAY_BE_LEFT(w) (mark[w] != ABSENT)
#define PROMISES_READS false
#else
#define MAY_LOSE_MARKS (!A_WRITE_IS_IN_FLIGHT)
#define MAY_BE_LEFT(w) true
#define PROMISES_READS true
#endif

/* ---- The scripts ---- */

inline drop_generation()
{
    generation = false;
    page_is_live = false;
#ifndef MUTANT_JOINED_COMPARE_NOTHING
    shared = NONE;
#endif
    holds[0] = false;
    holds[1] = false;
    asked_live = false;
    page = (agrees -> page : NONE)
}

inline new_generation()
{
    drop_generation();
    generation = true
}

inline list_fence(w)
{
#ifndef MUTANT_FENCE_KEEPS_GENERATION
    drop_generation();
#endif
    mark[w] = LIVE
}

inline list_unfence(w)
{
#ifndef MUTANT_UNFENCE_KEEPS_GENERATION
    drop_generation();
#endif
    mark[w] = ABSENT
}

#if defined(MUTANT_ACQUIRE_IGNORES_WRITERS)
#define LIST_MAY_FILL true
#elif defined(MUTANT_TIME_ENDS_MARKS)
#define LIST_MAY_FILL (!A_MARK_IS_LIVE)
#else
#define LIST_MAY_FILL (mark[0] == ABSENT && mark[1] == ABSENT)
#endif

/* Of marks that were past their deadline when the barrier began. */
inline list_clear()
{
    drop_generation();
    mark[0] = (mark[0] == RUN_OUT -> ABSENT : mark[0]);
    mark[1] = (mark[1] == RUN_OUT -> ABSENT : mark[1])
}

inline list_acquire(p)
{
    if
    :: !generation -> new_generation()
    :: else
    fi;
    holds[p] = true
}

#define FILL_IS_ACCEPTED(p) (holds[p] && LIST_MAY_FILL)

inline list_fill(version)
{
    page = version;
    page_is_live = true;
    agrees = asked_live
}

/* ---- What is promised ---- */

inline note_shown(version)
{
    shown = (version > shown -> version : shown)
}

inline check_history(version, bound)
{
    assert(version >= bound && version <= begun);
    if
    :: PROMISES_READS -> note_shown(version)
    :: else
    fi
}

#define PAGE_IS_TRUE (page == NONE || !page_is_live || page == store)

inline check_page()
{
#ifndef ONLY_HISTORY
    assert(PAGE_IS_TRUE || A_WRITE_IS_IN_FLIGHT || A_MARK_IS_LIVE);
    assert(PAGE_IS_TRUE || !PROMISES_READS);
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
        list_fence(w);
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
        check_page()
    }
    :: d_step {
        write[w] == SENT ->
        printf("W%d is refused by the store\n", w);
        write[w] = STORED
    }
    :: d_step {
        write[w] == STORED ->
        printf("W%d unfences and answers\n", w);
        list_unfence(w);
        note_shown(written[w]);
        written[w] = 0;
        write[w] = OVER;
        check_page()
    }
    :: d_step {
        write[w] == SENT && MAY_BE_LEFT(w) ->
        printf("W%d dies, or gives up: the outcome is unknown\n", w);
        write[w] = UNKNOWN
    }
    :: d_step {
        (write[w] == FENCED || write[w] == STORED) && MAY_BE_LEFT(w) ->
        printf("W%d dies\n", w);
        written[w] = 0;
        write[w] = OVER;
        check_page()
    }
    :: d_step {
        write[w] == UNKNOWN ->
        store++;
        printf("W%d's write is applied after all: %d\n", w, store);
        write[w] = OVER;
        check_page()
    }
    :: d_step {
        write[w] == UNKNOWN ->
        printf("W%d's write will never be applied\n", w);
        write[w] = OVER;
        check_page()
    }
    :: d_step {
        mark[w] == LIVE && (write[w] == STORED || write[w] == UNKNOWN || write[w] == OVER) ->
        printf("W%d's mark runs out\n", w);
        mark[w] = RUN_OUT;
        check_page()
    }
    od
}

/* ---- A flight, and its readers' answers ---- */

#define IS_ABOARD(r, p, as) (PROCESS_OF(r) == p && reader[r] == as)

inline answer(r, version)
{
    printf("R%d answers %d\n", r, version);
    check_history(version, least[r]);
    reader[r] = AWAY;
    least[r] = 0
}

inline finish(p, version, is_for_all)
{
    flight[p] = GROUNDED;
    granted[p] = false;
    holds[p] = false;
    value[p] = 0;
    for (i : 0 .. READERS - 1) {
        if
        :: IS_ABOARD(i, p, OWNER) -> answer(i, version)
        :: IS_ABOARD(i, p, JOINER) && (is_for_all) -> answer(i, version)
        :: IS_ABOARD(i, p, JOINER) && !(is_for_all) ->
            printf("R%d flies again\n", i);
            reader[i] = OWNER;
            flight[p] = ACQUIRING
        :: else
        fi
    }
    i = 0;
    version = 0
}

active [PROCESSES] proctype process()
{
    byte p = _pid - WRITERS;
    byte i, version;
end:
    do
    :: d_step {
        flight[p] == ACQUIRING && LIST_MAY_FILL ->
        printf("P%d has the generation\n", p);
        list_acquire(p);
        granted[p] = true;
        flight[p] = FETCHING
    }
    :: d_step {
        flight[p] == ACQUIRING ->
        printf("P%d goes on without a generation\n", p);
        flight[p] = FETCHING
    }
    :: d_step {
        flight[p] == FETCHING ->
        printf("P%d reads %d\n", p, store);
        value[p] = store;
        flight[p] = FETCHED
    }
    :: d_step {
        flight[p] == FETCHED && FILL_IS_ACCEPTED(p) ->
        printf("P%d fills %d\n", p, value[p]);
        version = value[p];
        list_fill(version);
        check_page();
        finish(p, version, true)
    }
    :: d_step {
        flight[p] == FETCHED && (!granted[p] || !FILL_IS_ACCEPTED(p)) ->
        printf("P%d doesn't fill\n", p);
        version = value[p];
        finish(p, version, false)
    }
    :: d_step {
        flight[p] != GROUNDED ->
        printf("P%d can't read the store, or is killed\n", p);
        flight[p] = GROUNDED;
        granted[p] = false;
        holds[p] = false;
        value[p] = 0;
        for (i : 0 .. READERS - 1) {
            if
            :: PROCESS_OF(i) == p && reader[i] != ASKED ->
                reader[i] = AWAY;
                least[i] = 0
            :: else
            fi
        }
        i = 0
    }
    od
}

active [READERS] proctype asking()
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
    :: d_step {
        r == 1 && reader[r] == AWAY && generation ->
        printf("R%d gets the generation\n", r);
        least[r] = shown;
        asked_live = true;
        agrees = page_is_live;
        reader[r] = ASKED
    }
    :: d_step {
        r == 1 && page != NONE && page_is_live && shared == NONE ->
        printf("a reader before R%d gets the page from Redis\n", r);
        shared = page
    }
    :: d_step {
        r == 1 && reader[r] == AWAY && shared != NONE ->
        printf("R%d joins that reader, and its generation agrees\n", r);
        least[r] = shown;
        answer(r, shared);
        shared = NONE
    }
    :: d_step {
        reader[r] == ASKED ->
        if
        :: page != NONE && agrees ->
            printf("R%d gets the page, a hit\n", r);
            answer(r, page)
        :: else ->
            printf("R%d gets no page that agrees\n", r);
            reader[r] = AWAY;
            least[r] = 0
        fi;
        asked_live = false;
        agrees = false;
        page = (page_is_live -> page : NONE)
    }
    od
}

/* ---- What happens to Redis' memory ---- */

active proctype redis()
{
end:
    do
    :: d_step {
        page != NONE ->
        printf("the page is evicted\n");
        page = NONE;
        page_is_live = false;
        agrees = false
    }
    :: d_step {
        generation ->
        printf("the generation is evicted\n");
        drop_generation()
    }
    :: d_step {
        (mark[0] == RUN_OUT || mark[1] == RUN_OUT) && !AN_OUTCOME_IS_UNKNOWN ->
        printf("the store has shown where it stands: marks past their deadline go\n");
        list_clear();
        check_page()
    }
    :: d_step {
        (mark[0] != ABSENT || mark[1] != ABSENT) && (!A_MARK_IS_LIVE || MAY_LOSE_MARKS) && !AN_OUTCOME_IS_UNKNOWN ->
        printf("the writers' set is lost, or expires\n");
        mark[0] = ABSENT;
        mark[1] = ABSENT;
        check_page()
    }
    od
}
