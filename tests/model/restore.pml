/* SPDX-License-Identifier: MIT */
/*
 * One todo while its store goes back in time: a backup is restored, the database dropped, and an operator purges
 * (src/cache/beat.c, record.c, epoch.c). What a write or a fill does in Redis is one step here; other models have the rest.
 *
 * Modelled: the store has a state of the todo, an epoch and a beat. Each write makes a state that never was before. A backup
 * keeps all three, and a restore brings them back. Two workers start with a check, look, write, move the beat on, tell Redis, and
 * are stopped. Each step of a check or look is one of its own: read, compare with Redis, beat, tell. Epochs and beats are
 * drawn from counters that only time moves, so they never come twice. A worker that leaves an epoch tells Redis, by a beat later than
 * all: the epoch may come back with the store, and must not be trusted then.
 *
 * Promised (asserted): a hit of a worker that trusts Redis, and has read the store's record since it last went back, is what the store
 * has.
 *
 * Not promised: anything about what comes faster than looks, which are a second apart. So a restore, a drop or a purge comes only when
 * no beat is due and all workers that trust Redis have looked since the one before. No worker is killed or stopped before that. With
 * SOON they come at any moment, and the promise breaks.
 *
 * With IN_PLACE the store goes back only as todoctl restore does it (src/control/backup.c): at any moment, with a new epoch in the same
 * step, and record and beats stay. No bound on its moment is needed then.
 *
 * Left out: Redis that forgets a beat; unknown outcomes; another Redis.
 */

#define WORKERS 2
#define NONE    9

#ifndef EPOCHS
#define EPOCHS 4
#endif
#define BEATS  5
#define STATES 3

mtype:step = {DOWN, CHECK, COMPARE, TRUSTED, LOOKED, BEAT, TELL};

/* The store, and a backup of it. */
byte state;
byte epoch;
byte beat;
byte old_state, old_epoch, old_beat;
bool has_backup;
bool is_unmoved; /* a mutant has restored the todos, and not moved the epoch yet */

/* What time has seen: the last one of each that was made. */
byte last_state, last_epoch, last_beat;

/* Redis, by epoch. */
byte entry[EPOCHS] = NONE;
byte told[EPOCHS];

mtype:step step[WORKERS] = DOWN;
byte knows[WORKERS];      /* the epoch */
byte seen[WORKERS];       /* the latest beat in it, of the store or of Redis */
byte read_beat[WORKERS];
bool is_due[WORKERS];     /* it has written since its last beat */
bool is_new[WORKERS];     /* it has read the record since the store last went back: what is under way, and what is done */
bool reads_new[WORKERS];

#define IS_TRUSTED(w) (step[w] == TRUSTED || step[w] == LOOKED || step[w] == BEAT || step[w] == TELL)
#define IS_BEHIND(w)  (is_due[w] || step[w] == TELL || (knows[w] != 0 && (!is_new[w] || knows[w] != epoch)))
#ifdef SOON
#define MAY_GO_BACK true
#else
#define MAY_GO_BACK (!IS_BEHIND(0) && !IS_BEHIND(1))
#endif

#ifdef MUTANT_COUNTER
#define NEXT_EPOCH (epoch + 1)
#define HAS_EPOCHS (epoch + 1 < EPOCHS)
#else
#define NEXT_EPOCH (last_epoch + 1)
#define HAS_EPOCHS (last_epoch + 1 < EPOCHS)
#endif
#define LEFT BEATS /* later than every beat */

inline leave(e)
{
#ifndef MUTANT_LEFT_UNTOLD
    told[e] = (e != 0 -> LEFT : 0)
#else
    skip
#endif
}

inline move_epoch()
{
    epoch = NEXT_EPOCH;
    last_epoch = (epoch > last_epoch -> epoch : last_epoch);
    last_beat++;
    beat = last_beat
}

inline go_back()
{
    is_new[0] = false;
    is_new[1] = false;
    reads_new[0] = false;
    reads_new[1] = false
}

#ifdef MUTANT_NO_BEAT
#define IS_LOST(w, e, b) false
#define IS_LATER(w)      false
#else
#ifdef MUTANT_OWN_MEMORY
#define IS_LATER(w)      false
#else
#define IS_LATER(w)      (told[knows[w]] > read_beat[w])
#endif
#define IS_LOST(w, e, b) ((e) < knows[w] || ((e) == knows[w] && (b) < seen[w]))
#endif

active [WORKERS] proctype worker()
{
    byte w = _pid;
end:
    do
    :: d_step {
        step[w] == DOWN ->
        printf("W%d starts\n", w);
        step[w] = CHECK
    }
    /* check_work: read and swap */
    :: d_step {
        step[w] == CHECK && (epoch == 0 || IS_LOST(w, epoch, beat)) && HAS_EPOCHS && last_beat + 1 < BEATS ->
        leave(epoch);
        move_epoch();
        printf("W%d moves the epoch to %d\n", w, epoch);
        if
        :: knows[w] != epoch -> leave(knows[w])
        :: else
        fi;
        knows[w] = epoch;
        seen[w] = beat;
        read_beat[w] = beat;
        reads_new[w] = true;
        step[w] = COMPARE
    }
    :: d_step {
        step[w] == CHECK && epoch != 0 && !IS_LOST(w, epoch, beat) ->
        printf("W%d reads epoch %d, beat %d\n", w, epoch, beat);
        if
        :: knows[w] != epoch -> leave(knows[w])
        :: else
        fi;
        knows[w] = epoch;
        seen[w] = beat;
        read_beat[w] = beat;
        reads_new[w] = true;
        step[w] = COMPARE
    }
    :: d_step {
        step[w] == COMPARE && IS_LATER(w) ->
        printf("W%d learns of beat %d\n", w, told[knows[w]]);
        seen[w] = told[knows[w]];
        step[w] = CHECK
    }
    :: d_step {
        step[w] == COMPARE && !IS_LATER(w) ->
        told[knows[w]] = (read_beat[w] > told[knows[w]] -> read_beat[w] : told[knows[w]]);
        is_new[w] = reads_new[w];
        printf("W%d trusts Redis\n", w);
        step[w] = TRUSTED
    }
    /* a look */
    :: d_step {
        step[w] == TRUSTED ->
        reads_new[w] = true;
        if
        :: epoch != knows[w] || IS_LOST(w, epoch, beat) ->
            printf("W%d looks and turns away\n", w);
            seen[w] = (IS_LOST(w, epoch, beat) -> LEFT : seen[w]);
            is_new[w] = false;
            step[w] = CHECK
        :: else ->
            read_beat[w] = beat;
            seen[w] = beat;
            step[w] = LOOKED
        fi
    }
    :: d_step {
        step[w] == LOOKED && IS_LATER(w) ->
        printf("W%d learns of beat %d while it looks\n", w, told[knows[w]]);
        seen[w] = told[knows[w]];
        step[w] = TRUSTED
    }
    :: d_step {
        step[w] == LOOKED && !IS_LATER(w) ->
        told[knows[w]] = (read_beat[w] > told[knows[w]] -> read_beat[w] : told[knows[w]]);
        is_new[w] = reads_new[w];
        step[w] = (is_due[w] -> BEAT : TRUSTED)
    }
    :: d_step {
        step[w] == BEAT && last_beat + 1 < BEATS ->
        if
        :: epoch == knows[w] && beat == seen[w] ->
            last_beat++;
            beat = last_beat;
            seen[w] = beat;
            is_due[w] = false;
            printf("W%d moves the beat to %d\n", w, beat);
            step[w] = TELL
        :: else ->
            step[w] = TRUSTED
        fi
    }
    :: d_step {
        step[w] == TELL ->
#ifdef MUTANT_TOLD_GOES_BACK
        told[knows[w]] = seen[w];
#else
        told[knows[w]] = (seen[w] > told[knows[w]] -> seen[w] : told[knows[w]]);
#endif
        step[w] = TRUSTED
    }
    /* a write, a fill, a hit; a write of a worker that is late to learn of an epoch reaches the others by the outbox */
    :: d_step {
        IS_TRUSTED(w) && last_state + 1 < STATES && epoch != 0 ->
        last_state++;
        state = last_state;
        entry[knows[w]] = NONE;
        entry[epoch] = NONE;
        is_due[w] = true;
        printf("W%d writes %d\n", w, state)
    }
    :: d_step {
        IS_TRUSTED(w) && entry[knows[w]] == NONE ->
        entry[knows[w]] = state;
        printf("W%d fills %d under %d\n", w, state, knows[w])
    }
    :: d_step {
        IS_TRUSTED(w) && is_new[w] && knows[w] == epoch && entry[knows[w]] != NONE ->
        assert(entry[knows[w]] == state)
    }
    :: d_step {
        step[w] == TRUSTED && !is_due[w] && is_new[w] && knows[w] == epoch ->
        printf("W%d is stopped\n", w);
        step[w] = DOWN;
        is_new[w] = false;
        knows[w] = 0;
        seen[w] = 0;
        read_beat[w] = 0;
        reads_new[w] = false
    }
    od
}

active proctype operator()
{
end:
    do
    :: d_step {
        !has_backup && epoch != 0 ->
        printf("backup of state %d, epoch %d, beat %d\n", state, epoch, beat);
        old_state = state;
        old_epoch = epoch;
        old_beat = beat;
        has_backup = true
    }
#ifdef IN_PLACE
    :: d_step {
        has_backup && HAS_EPOCHS && last_beat + 1 < BEATS ->
        printf("restore of state %d in place\n", old_state);
        state = old_state;
#ifdef MUTANT_EPOCH_AFTERWARDS
        is_unmoved = true;
#else
        move_epoch();
#endif
        go_back()
    }
    :: d_step {
        is_unmoved && HAS_EPOCHS && last_beat + 1 < BEATS ->
        move_epoch();
        is_unmoved = false
    }
#else
    :: d_step {
        has_backup && MAY_GO_BACK ->
        printf("restore of state %d, epoch %d, beat %d\n", old_state, old_epoch, old_beat);
        state = old_state;
        epoch = old_epoch;
        beat = old_beat;
        go_back()
    }
    :: d_step {
        epoch != 0 && state != 0 && MAY_GO_BACK ->
        printf("drop\n");
        state = 0;
        epoch = 0;
        beat = 0;
        go_back()
    }
    :: d_step {
        epoch != 0 && HAS_EPOCHS && last_beat + 1 < BEATS && MAY_GO_BACK ->
        move_epoch();
        printf("purge: epoch %d\n", epoch)
    }
#endif
    od
}
