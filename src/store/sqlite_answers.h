/* SPDX-License-Identifier: MIT */
/*
 * Answers to requests with an Idempotency-Key, in SQLite. The contracts are those of store.h.
 */
#ifndef STORE_SQLITE_ANSWERS_H
#define STORE_SQLITE_ANSWERS_H

#include "store/sqlite.h"
#include "store/store.h"

enum status sqlite_answer_begin(struct sqlite_file *file, struct store_answer *answer, struct arena *arena,
                                struct error *error) STATUS_MUST_CHECK;
enum status sqlite_answer_end(struct sqlite_file *file, const struct store_answer *answer,
                              struct error *error) STATUS_MUST_CHECK;
enum status sqlite_answer_forget(struct sqlite_file *file, const struct store_answer *answer,
                                 struct error *error) STATUS_MUST_CHECK;

#endif
