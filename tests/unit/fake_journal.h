/* SPDX-License-Identifier: MIT */
/*
 * What reached the fakes, in its order: Redis' commands (scripts by their names, in capitals) and the store's calls (in small
 * letters), with a blank between them: "FENCE insert UNFENCE".
 */
#ifndef TESTS_UNIT_FAKE_JOURNAL_H
#define TESTS_UNIT_FAKE_JOURNAL_H

#include "base/slice.h"

void fake_journal_reset(void);
void fake_journal_add(const char *word);

/* Borrowed until the next call here. */
struct slice fake_journal(void);

#endif
