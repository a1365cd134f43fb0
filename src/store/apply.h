/* SPDX-License-Identifier: MIT */
/*
 * Applying queued writes: batches of one shard of the queue, in order and once (queue/applier.c).
 *
 * The store has a bookmark for each shard: which applier the shard belongs to, and what the latest batch did. A batch
 * and its bookmark are one transaction. So a batch that is sent again finds by its bookmark that it was applied, and
 * an applier that another one has replaced can't apply anything more, however late its call arrives. No clock decides
 * that.
 *
 * context  pool thread, may block
 * errors   of all: as in store.h; STATUS_UNSUPPORTED: the store has no transactions (a MongoDB that is no replica set),
 *          and the text says what to do
 */
#ifndef STORE_APPLY_H
#define STORE_APPLY_H

#include "store/store.h"

enum { STORE_APPLY_MAX = 256 }; /* writes of a batch */

/* A queued write, as it was accepted. It has no condition: a condition can't be promised later. */
struct store_queued {
    int64_t number;                    /* its place in the shard's journal: greater than all before it, 1 or more */
    bool is_dead;                      /* given up: a batch of its own, which moves the bookmark and does nothing else;
                                          the members below don't count */
    bool is_insert;                    /* POST: change.kind is REPLACE, but a taken id is refused */
    struct store_change change;        /* todo is complete, as for store_insert(); borrowed */
    const struct store_answer *answer; /* of an insert with an Idempotency-Key: the answer to keep, whole (201, body,
                                          etag); NULL: it has none */
};

/* What became of it. */
struct store_applied {
    int64_t number;
    /*
     * OK; NOT_FOUND: MERGE or DELETE of a todo that doesn't exist; EXISTS: its id is taken; MISMATCH: its key was used
     * for another request, or for one without the queue that ended in the midst and would make another id; INVALID,
     * which makes it a dead letter: it is_dead, or the stored todo can't be read, or its v can't grow. A key whose
     * request was answered without the queue: OK, and nothing was made again
     */
    enum status status;
    bool created;
    struct store_version version; /* the state that it made; a DELETE's is the one behind the last of its life, which no
                                     entry of a cache can reach; all zero unless OK */
    char id[TODO_ID_MAX + 1];     /* of the todo that its key has made, or was refused for, by a request without the
                                     queue; "": the write's own */
};

struct store_bookmark {
    struct token name;                          /* drawn at the shard's first claim, and kept as long as the bookmark */
    const char *place;                          /* of the store: its file, its database; borrowed from it */
    size_t count;                               /* 0: this shard has never had a batch */
    struct store_applied last[STORE_APPLY_MAX]; /* of the latest batch, in order */
};

/* The number of the latest write that it has; 0: none. Pure, as the next one */
static inline int64_t store_bookmark_last(const struct store_bookmark *bookmark)
{
    return bookmark->count == 0 ? 0 : bookmark->last[bookmark->count - 1].number;
}

/* NULL: the latest batch had no such write. */
static inline const struct store_applied *store_bookmark_find(const struct store_bookmark *bookmark, int64_t number)
{
    for (size_t i = 0; i < bookmark->count; i++)
        if (bookmark->last[i].number == number)
            return &bookmark->last[i];
    return NULL;
}

/*
 * Takes the shard for this applier, whoever has it: from now on no batch of another owner is applied. bookmark tells
 * how far the shard is.
 */
enum status store_apply_claim(struct store *store, unsigned shard, const struct token *owner,
                              struct store_bookmark *bookmark, struct error *error) STATUS_MUST_CHECK;

struct store_batch {
    unsigned shard;
    struct token owner;
    const struct store_queued *writes; /* in the journal's order; borrowed */
    size_t count;                      /* 1 to STORE_APPLY_MAX */
};

/*
 * Applies a batch: all of it and its bookmark, or nothing. Each write sees what those before it did, and a write that
 * is refused stops no other. Several writes of one todo make one change of it in the store, whose v grows by one for
 * each. updated_at_ms is each write's own, but never goes back.
 *
 * results  one per write; valid if STATUS_OK is returned
 * errors   of the batch as a whole, nothing was applied: STATUS_MISMATCH: another applier has claimed the shard;
 *          STATUS_EXISTS: the bookmark is at its first number or beyond: claim again; STATUS_INVALID: the store refuses
 *          some write of it for good (a validator), so send it in parts; BUSY, UNAVAILABLE. STATUS_UNKNOWN: claim
 *          again, the bookmark tells
 */
enum status store_apply(struct store *store, const struct store_batch *batch, struct store_applied *results,
                        struct error *error) STATUS_MUST_CHECK;

/*
 * The longest run from the start of writes that may be one batch: a todo is not made again behind its deletion, because
 * one change can't end one life and begin the next. 1 or more. Pure
 */
size_t store_apply_run(const struct store_queued *writes, size_t count);

#endif
