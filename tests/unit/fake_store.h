/* SPDX-License-Identifier: MIT */
/*
 * store/store.h in memory, linked in place of the real one. Calls never block: when a call is made is fake_pool.h's business.
 */
#ifndef TESTS_UNIT_FAKE_STORE_H
#define TESTS_UNIT_FAKE_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "store/apply.h"
#include "store/foreign.h"
#include "store/store.h"

enum fake_call {
    FAKE_PREPARE,
    FAKE_GET,
    FAKE_LIST,
    FAKE_INSERT,
    FAKE_CHANGE,
    FAKE_ANSWER_BEGIN,
    FAKE_ANSWER_END,
    FAKE_ANSWER_FORGET,
    FAKE_LOAD,
    FAKE_OUTBOX_PUT,
    FAKE_OUTBOX_LIST,
    FAKE_OUTBOX_REMOVE,
    FAKE_BARRIER,
    FAKE_HEARTBEAT,
    FAKE_META_GET,
    FAKE_META_SWAP,
    FAKE_SLOTS_GET,
    FAKE_SLOTS_SWAP,
    FAKE_APPLY,
    FAKE_APPLY_CLAIM,
    FAKE_CALLS
};

struct store *fake_store_new(void);
void fake_store_free(struct store *store);

/* While it is away, every call ends with STATUS_UNAVAILABLE. */
void fake_store_set_away(struct store *store, bool away);

/* What the errors of failed calls say from now on. */
void fake_store_say(struct store *store, enum cause cause);

/* After skip more calls of this kind, one ends with status; with STATUS_UNKNOWN the write is applied all the same. */
void fake_store_fail(struct store *store, enum fake_call call, unsigned skip, enum status status);

/* The next call of this kind takes so long. */
void fake_store_slow(struct store *store, enum fake_call call, int64_t ms);

unsigned fake_store_calls(const struct store *store, enum fake_call call);

/* Puts a todo in, as somebody else's write would: v, and "name N" for its name. */
void fake_store_put(struct store *store, const char *id, int64_t v);
void fake_store_remove(struct store *store, const char *id); /* if it is there; a put after it makes the next life */
int64_t fake_store_life(const struct store *store, const char *id);
int64_t fake_store_v(const struct store *store, const char *id); /* 0: it isn't there */

/* The answer kept under a key, its texts the store's; NULL: none. What a test changes in it is what the next request meets. */
struct store_answer *fake_store_answer(struct store *store, const char *key);

size_t fake_store_outbox_count(const struct store *store, bool is_closed);
void fake_store_outbox_add(struct store *store, const struct store_fence *fence);
bool fake_store_outbox_has(const struct store *store, const char *id,
                           const struct token *token); /* NULL: any writer's */
struct store_meta *fake_store_meta(struct store *store);

/* What the store says of itself as a whole. */
struct store_survey *fake_store_survey(struct store *store);

/* A copy of all that the store holds, to be freed by fake_store_free(), and the store as it was then. */
struct store *fake_store_backup(const struct store *store);
void fake_store_restore(struct store *store, const struct store *backup);
void fake_store_restore_todos(struct store *store, const struct store *backup); /* and nothing else */

/* As if nothing had been written since the copy was made; a restore leaves kept answers as they are. */
void fake_store_roll_back(struct store *store, const struct store *copy);

/* As somebody who drops the database. */
void fake_store_empty(struct store *store);

#endif
