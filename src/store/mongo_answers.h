/* SPDX-License-Identifier: MIT */
/*
 * Answers to requests with an Idempotency-Key, in MongoDB. The contracts are those of store.h.
 */
#ifndef STORE_MONGO_ANSWERS_H
#define STORE_MONGO_ANSWERS_H

#include "store/mongo_driver.h"
#include "store/store.h"

enum status mongo_answer_begin(struct mongo_server *server, struct store_answer *answer, struct arena *arena,
                               struct error *error) STATUS_MUST_CHECK;
enum status mongo_answer_end(struct mongo_server *server, const struct store_answer *answer,
                             struct error *error) STATUS_MUST_CHECK;
enum status mongo_answer_forget(struct mongo_server *server, const struct store_answer *answer,
                                struct error *error) STATUS_MUST_CHECK;

#endif
