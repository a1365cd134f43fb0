/* SPDX-License-Identifier: MIT */
/*
 * A store of several members: its new primary shows less than was acknowledged, until its majority has caught up
 * (src/cache/watermark.c). Cache entry, lease and marks of one id as in cache.pml, and the watermark.
 *
 * Modelled: a writer fences, writes, tells the watermark, unfences, answers. A reader hits, or acquires and is told the watermark,
 * reads once the store shows at least that, or gives up, and fills under its lease. An election takes back what reads are shown, to any
 * earlier state; the store catches up step by step, in its own time.
 *
 * Left out: elections that lose acknowledged writes (majority writes are not lost), a watermark that Redis loses (acquire.lua grants
 * nothing then), lists (they acquire in the same way), unknown outcomes (cache.pml).
 *
 * Promised (asserted): no reader gets less than what was answered before it began; so nothing older is ever an entry.
 */

#define WRITES 2
#define NONE 9

byte store;              /* versions acknowledged: 0 .. WRITES */
byte shown;              /* what a read at majority shows: shown <= store */
byte watermark;          /* in Redis */
byte entry = NONE;
byte answered;           /* the latest version whose writer was answered */
byte elections;
bool lease[2];           /* by reader */
bool mark;               /* the writer's */

#define DELETE d_step { entry = NONE; lease[0] = false; lease[1] = false }

inline tell()
{
#ifndef MUTANT_UNTOLD
    watermark = store
#else
    skip
#endif
}

active proctype writer()
{
end:
    do
    :: store < WRITES ->
        atomic { mark = true; DELETE };
        d_step { store++; shown = store; printf("the store acknowledges %d\n", store) };
#ifdef MUTANT_TOLD_AFTER_UNFENCE
        atomic { mark = false; DELETE };
        tell();
#else
        tell();
        atomic { mark = false; DELETE };
#endif
        answered = store;
        printf("the writer answers %d\n", store)
    od
}

active proctype members()
{
end:
    do
    :: d_step {
        elections < 2 && shown > 0 ->
        elections++;
        shown = 0;
        printf("a new primary shows %d\n", shown)
    }
    :: d_step {
        shown < store ->
        shown++;
        printf("its majority catches up: %d\n", shown)
    }
    od
}

active [2] proctype reader()
{
    byte me = _pid - 2, least, value, begun;
end:
    do
    :: atomic {
        entry != NONE ->
        assert(entry >= answered);
        printf("reader %d hits %d\n", me, entry)
    }
    :: atomic {
        entry == NONE ->
        begun = answered;
        least = watermark;
        lease[me] = !mark && !lease[1 - me];
        printf("reader %d acquires: %d\n", me, lease[me])
    };
        do
        :: atomic {
#ifndef MUTANT_UNHEEDED
            shown >= least ->
#endif
            value = shown;
            assert(value >= begun);
            printf("reader %d reads %d\n", me, value)
        };
            atomic {
                if
                :: lease[me] ->
                    lease[me] = false;
                    entry = value;
                    printf("reader %d fills %d\n", me, value)
                :: else
                fi
            };
            break
        :: atomic {
            shown < least ->
            lease[me] = false;
            printf("reader %d gives up\n", me);
            break
        }
        od
    od
}
