/* SPDX-License-Identifier: MIT */
/*
 * The rules of kept answers, the same in every store. Private to store/ and to the fake stores of tests.
 * context  any (pure)
 */
#ifndef STORE_ANSWER_H
#define STORE_ANSWER_H

#include "store/store.h"

/*
 * Decides about a request whose key has the record `stored`. STATUS_OK: `asked`, which now has the id to use, may
 * replace the record if that has not changed since it was read. Any other status is the result of store_answer_begin();
 * with STATUS_EXISTS, `asked` holds the kept answer.
 * errors  also STATUS_INVALID: the record is none that this service writes
 */
enum status store_answer_judge(const struct store_answer *stored, struct store_answer *asked, int64_t now_ms,
                               struct error *error) STATUS_MUST_CHECK;

/* What store_insert() says of a todo that it finds stored with the very life that it should insert. */
enum status store_insert_own(const struct todo *stored, const struct todo *todo, struct error *error) STATUS_MUST_CHECK;

#endif
