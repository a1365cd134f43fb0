/* SPDX-License-Identifier: MIT */
/*
 * What the workers of the simulated machine share beside their network: the L1's memory.
 */
#ifndef TESTS_SIM_MACHINE_H
#define TESTS_SIM_MACHINE_H

#include <stdint.h>

void machine_begin(uint64_t seed);
void machine_end(void);

/* The setting l1_mbytes, drawn without disturbing what else is drawn. */
int64_t machine_draw_mbytes(void);

/* A process was killed, perhaps while it wrote there. */
void machine_tear(void);

#endif
