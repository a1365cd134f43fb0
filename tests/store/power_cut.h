/* SPDX-License-Identifier: MIT */
/*
 * A disk that loses its power: a layer between sqlite and the files, which knows what has been synced.
 *
 * context  one thread
 */
#ifndef POWER_CUT_H
#define POWER_CUT_H

#include <stdbool.h>
#include <stdint.h>

/* From now on all that sqlite opens lies on this disk. */
void power_install(void);

/* The power goes after so many more writes and syncs: each call from then on is an error and changes nothing. */
void power_cut_after(uint32_t calls);
bool power_is_cut(void);

/*
 * The power is back. Each file is as it was synced last, with some of the later writes: each has reached the disk or not, by
 * chance. All files must be closed.
 */
void power_return(uint32_t seed);

#endif
