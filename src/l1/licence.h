/* SPDX-License-Identifier: MIT */
/*
 * Several machines on one Redis: whether this machine may answer from its table, and what its agent does with it.
 *
 * One process of a machine is in charge: its agent (peers/agent.c) extends the licence. A table that needs none, beside
 * an SQLite database, may always answer.
 *
 * context  any thread of any process, but for the charge: loop only
 */
#ifndef L1_LICENCE_H
#define L1_LICENCE_H

#include "l1/table.h"

/*
 * Whether hits of this epoch may be answered now. Ask before l1_note(): what the agent has applied is seen by all who
 * see the licence that it extended after that.
 */
bool l1_may_answer(const struct l1_table *table, int64_t epoch);

/* until_us: clock_boot_us(). */
void l1_licence_extend(struct l1_table *table, int64_t epoch, int64_t until_us);
void l1_licence_end(struct l1_table *table);

/* Whether this process is the machine's agent from now on, until it leaves or ends in any way. */
bool l1_charge_take(struct l1_table *table);
void l1_charge_leave(struct l1_table *table);

/* A name by chance: all processes that share the memory are one machine. */
uint64_t l1_machine(const struct l1_table *table);

enum { L1_NAME_BYTES = 8 };

/* The names of ids, as other machines take them: count times L1_NAME_BYTES into names. */
void l1_names_print(char *names, const char *const *ids, size_t count);

/* l1_raise() for names that another machine has printed. */
void l1_raise_names(struct l1_table *table, struct slice names);

/* l1_raise() for all ids there are. */
void l1_raise_all(struct l1_table *table);

#endif
