/* SPDX-License-Identifier: MIT */
/*
 * The outcome of a queued write as text in the journal: "ok 1 3 4503599627370501 milk", which is its status, whether it
 * created the todo, v, life, and the todo's id.
 * context  any (pure)
 */
#ifndef QUEUE_OUTCOME_H
#define QUEUE_OUTCOME_H

#include "base/slice.h"
#include "queue/journal.h"

enum { OUTCOME_TEXT_MAX = 16 + 2 + 2 * (INT64_TEXT_MAX + 1) + TODO_ID_MAX };

void outcome_print(char text[OUTCOME_TEXT_MAX + 1], const struct journal_outcome *outcome);

/* The number is not part of the text, and stays as it is. False: this is no outcome. */
bool outcome_parse(struct slice text, struct journal_outcome *outcome);

#endif
