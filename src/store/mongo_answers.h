/* SPDX-License-Identifier: MIT */
/*
 * Kept answers as documents of MongoDB. Private to store/mongo*.c.
 * context  any (pure)
 */
#ifndef STORE_MONGO_ANSWERS_H
#define STORE_MONGO_ANSWERS_H

#include "base/arena.h"
#include "store/store.h"

struct _bson_t;

/* Reads a record, whose key stored has; texts are copied into arena. STATUS_INVALID: it is damaged. */
enum status mongo_answer_read(const struct _bson_t *document, struct arena *arena, struct store_answer *stored,
                              struct error *error) STATUS_MUST_CHECK;

/* The statement of an update that keeps this answer, in place of any record of its key. */
void mongo_answer_keep(struct _bson_t *statement, const struct store_answer *answer);

#endif
