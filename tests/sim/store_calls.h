/* SPDX-License-Identifier: MIT */
/*
 * Random sequences of calls of a store, over few ids, keys, tokens and versions so that they collide; and what came of
 * each call, as text that can be compared between stores.
 */
#ifndef TESTS_SIM_STORE_CALLS_H
#define TESTS_SIM_STORE_CALLS_H

#include "base/buf.h"
#include "dice.h"
#include "store/store_ops.h"

enum { CALLS_MAX = 20, CALL_KEYS = 3, CALL_FENCES_MAX = 16 };

enum call_kind {
    CALL_GET,
    CALL_LIST,
    CALL_INSERT,
    CALL_CHANGE,
    CALL_LOAD,
    CALL_BEGIN, /* of a request with a key */
    CALL_MAKE,  /* the todo of a request that has begun */
    CALL_END,
    CALL_FORGET,
    CALL_APPLY_CLAIM,
    CALL_APPLY,
    CALL_OUTBOX_PUT,
    CALL_OUTBOX_LIST, /* in pages, to the end */
    CALL_OUTBOX_REMOVE,
    CALL_PURGE_PUT,
    CALL_PURGE_LIST,
    CALL_PURGE_REMOVE,
    CALL_META_GET,
    CALL_META_SWAP,
    CALL_SLOTS_GET,
    CALL_SLOTS_SWAP,
    CALL_BARRIER,
    CALL_PASS, /* time passes */
    CALL_KINDS
};

/* What the dice said; what each number means is up to the kind. */
struct call {
    enum call_kind kind;
    unsigned number[8];
};

struct calls {
    struct call items[CALLS_MAX];
    unsigned count;
};

/* A store, and what a caller of it would know. */
struct side {
    const char *name;
    const struct store_ops *ops;
    struct store *store;
    struct store_answer begun[CALL_KEYS]; /* key is "": none */
};

void calls_draw(struct calls *calls, struct dice dice);

/* Makes a call with names that no other play has, and appends what came of it. now_ms: the time on all clocks. */
void call_run(const struct call *call, struct side *side, unsigned play, int64_t now_ms, struct buf *outcome);

/* Before a play: nothing has begun, and the record of the epoch is the same everywhere. */
void call_begin(struct side *side);

/* After a play: removes all that is in the store, but answers. */
void call_clean(struct side *side);

int64_t call_pass_ms(const struct call *call); /* 0: no time passes */

const char *call_name(const struct call *call);

#endif
