/* SPDX-License-Identifier: MIT */
/*
 * A batch of queued writes over the todos as they are stored: the todos as they will be, and what became of each write.
 * The same in every store. Private to store/ and to the fake stores of tests.
 *
 *   fold_begin -> the store fills in what it has of each todo and key -> fold_run -> it writes what has changed
 *
 * context  any (pure)
 */
#ifndef STORE_FOLD_H
#define STORE_FOLD_H

#include "store/apply.h"

struct fold_todo {
    const char *id;
    enum status found;  /* by the store: OK; NOT_FOUND, as it begins; INVALID: it can't be read, and stays as it is */
    struct todo stored; /* OK: as it is */
    bool exists;        /* these two by fold_run() */
    struct todo next;   /* as it will be */
};

/* The record of an Idempotency-Key. */
struct fold_key {
    const char *key;
    enum status found;          /* as above */
    struct store_answer stored; /* OK: the record; is_made is true if its todo was made */
    bool is_kept;               /* by fold_run(): stored is a new record, with its answer, in place of any */
};

struct fold {
    const struct store_batch *batch;
    struct fold_todo *todos; /* one for each id, by id */
    size_t todo_count;
    struct fold_key *keys; /* one for each key, by key */
    size_t key_count;
};

/* All of it is in arena, or borrowed from the batch. */
void fold_begin(struct fold *fold, const struct store_batch *batch, struct arena *arena);

/* The one with this id; NULL: no write of the batch has it. */
struct fold_todo *fold_find(const struct fold *fold, const char *id);

/*
 * results  one per write, as of store_apply()
 * errors   STATUS_BUSY: a request with one of the keys is still running without the queue
 */
enum status fold_run(struct fold *fold, int64_t now_ms, struct store_applied *results,
                     struct error *error) STATUS_MUST_CHECK;

enum fold_change { FOLD_NONE, FOLD_INSERT, FOLD_UPDATE, FOLD_DELETE };

/* What the store has to do to a todo: FOLD_UPDATE sets what a client may change, updated_at_ms and v. */
enum fold_change fold_change(const struct fold_todo *todo);

#endif
