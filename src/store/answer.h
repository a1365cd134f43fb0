/* SPDX-License-Identifier: MIT */
/*
 * The rules of kept answers, the same in every store. Private to store/ and to what stands in for a store in tests.
 */
#ifndef STORE_ANSWER_H
#define STORE_ANSWER_H

#include "store/store.h"

/*
 * What becomes of a begun request whose key has a record. STATUS_OK: asked, with the id that it is to have, may be
 * written over the record, if that is still as it was read; else what store_answer_begin() is to answer, asked then
 * holding the answer.
 * errors  also STATUS_INVALID: the record is not one that this service writes
 */
enum status store_answer_judge(const struct store_answer *stored, struct store_answer *asked, int64_t now_ms,
                               struct error *error) STATUS_MUST_CHECK;

#endif
