/* SPDX-License-Identifier: MIT */
/*
 * queue/journal.h in memory, linked in place of journal_open.c: each journal_open() is another process' way to the same shards. A call
 * waits until the test steps it; it may be refused, or carried out and its answer lost. Times are the fake clock's.
 */
#ifndef TESTS_UNIT_FAKE_QUEUE_JOURNAL_H
#define TESTS_UNIT_FAKE_QUEUE_JOURNAL_H

#include "queue/journal.h"

/* Empty, ready, nothing under way; all journals must have been freed. */
void fake_queue_journal_begin(void);

/* Tells all that are open, from inside this call; else the first tend does. While it is not ready all calls end UNAVAILABLE. */
void fake_queue_journal_set_ready(bool ready);

/* fake_queue_journal_step() does nothing for this journal while it is held: its process is slow. */
void fake_queue_journal_hold(struct journal *journal, bool held);

/* The oldest call is carried out, and its callback called; false: there is none. */
bool fake_queue_journal_step(void);

/* The next calls of this name ("append", "settle", ...) that are stepped end so; nothing is done. */
void fake_queue_journal_fail(const char *name, enum status status, unsigned count);

/* The next ones are carried out, and end with UNKNOWN (those that write) or UNAVAILABLE. */
void fake_queue_journal_lose(const char *name, unsigned count);

/* Gives the next append this number, whatever was given before: a journal of another time. */
void fake_queue_journal_set_number(int64_t number);

/* Whose it is from now on; "": the next one's that asks. */
void fake_queue_journal_set_store(const char *name);

/* How many calls of this name were carried out, and how many writes wait in a shard. */
unsigned fake_queue_journal_count(const char *name);
size_t fake_queue_journal_depth(unsigned shard);

#endif
