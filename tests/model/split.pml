/* SPDX-License-Identifier: MIT */
/*
 * A network that splits worker A and Redis from worker B and the store (src/cache/trust.c, hits_without_store_s). B's invalidations
 * are records in the outbox; A brings them to Redis at its looks, if it reaches the store.
 *
 * Modelled: time passes in ticks, a look each. A look finds the store or not. A record that A finds takes the entry away before A
 * trusts any more. A that has not seen the store for LIMIT ticks withdraws its trust; it comes back with a look that
 * finds the store. B writes at any moment, and is answered at once. A fills what it reads from the store.
 *
 * Promised (asserted): a hit is not older than LIMIT + 1 ticks: what it shows was replaced by no write that was answered before that.
 * Without the bound (by default: hits go on in an outage) the entry's lifetime is the only one, which this model leaves out.
 */

#ifndef LIMIT
#define LIMIT 2
#endif
#define OVER (LIMIT + 2)
#define NONE 9

byte store;         /* versions: 0, 1, 2 */
byte entry = NONE;
bool record;        /* in the outbox: it says that the entry is old */
bool is_cut;        /* A can't reach the store */
bool trusted = true;
byte unseen;        /* ticks since A's last good look */
byte since;         /* ticks since the oldest write was answered that the entry lacks; 0: none */

active proctype network()
{
end:
    do
    :: d_step {
        !is_cut ->
        printf("the network splits\n");
        is_cut = true
    }
    :: d_step {
        is_cut ->
        printf("the network is whole\n");
        is_cut = false
    }
    od
}

active proctype b()
{
end:
    do
    :: d_step {
        store < 2 ->
        store++;
        record = true;
        since = (entry != NONE && since == 0 -> 1 : since);
        printf("B writes %d by the outbox and answers\n", store)
    }
    od
}

inline drain()
{
    if
    :: record ->
        entry = NONE;
        since = 0;
        record = false
    :: else
    fi
}

/* A tick: the time of a second, and A's look in it. */
active proctype a()
{
end:
    do
    :: d_step {
        true ->
        since = (since > 0 && since < OVER -> since + 1 : since);
        if
        :: !is_cut ->
            drain();
            unseen = 0;
            trusted = true;
            printf("A looks: good\n")
        :: is_cut ->
            unseen = (unseen < OVER -> unseen + 1 : unseen);
#ifndef MUTANT_NO_BOUND
            trusted = trusted && unseen < LIMIT;
#endif
            printf("A looks: the store is not there; trusted: %d\n", trusted)
        fi
    }
    :: d_step {
        trusted && entry == NONE && !is_cut ->
        entry = store;
        record = false;
        printf("A fills %d\n", store)
    }
    :: d_step {
        trusted && entry != NONE ->
        assert(since <= LIMIT + 1)
    }
    od
}
