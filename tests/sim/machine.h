/* SPDX-License-Identifier: MIT */
/*
 * What processes of one simulated machine share beside the network: the L1's memory, and the rate of their clocks.
 *
 * Beside an SQLite database there is one machine, whose L1 needs no licence. Else there are up to MACHINES_MAX, whose
 * workers tell each other what they write (src/peers).
 */
#ifndef TESTS_SIM_MACHINE_H
#define TESTS_SIM_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "dice.h"
#include "process.h"

enum { MACHINES_MAX = 3 };

/* First of all that is drawn, and without disturbing it. Returns the chance that is theirs. */
struct dice *machines_draw(uint64_t seed);
bool machines_are_peers(void); /* they have licences, even if there is only one */
unsigned machine_count(void);

void machines_begin(uint64_t seed);
void machines_end(void);

/* The setting l1_mbytes, drawn without disturbing what else is drawn. */
int64_t machine_draw_mbytes(void);

unsigned machine_of(const struct process *process);
int64_t machine_clock_ppm(const struct process *process);

/* The process in charge of a machine's licence; NULL: none is. */
struct process *machine_agent(unsigned machine);

/* A process was killed: nobody is in charge that was. machine_tear(): perhaps it was writing to the L1. */
void machine_leave(const struct process *process);
void machine_tear(const struct process *process);

#endif
