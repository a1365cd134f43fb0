/* SPDX-License-Identifier: MIT */
/*
 * An event loop for code without sockets: a clock that tests move by hand, and timers.
 *
 * Both clocks of base/clock.h follow it, in programs that are linked with -Wl,--wrap=clock_gettime: so TTLs, ages and deadlines
 * are exact numbers in tests. There is one loop at a time.
 */
#ifndef TESTS_UNIT_FAKE_EVENTS_H
#define TESTS_UNIT_FAKE_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/events.h"

enum { FAKE_START_S = 1700000000 }; /* wall time at the beginning: 2023-11-14 */

/* Sets the clock back to its start, without timers. */
const struct events *fake_events_begin(void);

int64_t fake_now_ms(void); /* wall time */

/* Somebody sets the wall clock, so many seconds on or back; the loop's time goes on as it was. */
void fake_wall_set(int64_t step_s);

/* Moves the clock without firing timers: as if the loop were late. */
void fake_clock_move(int64_t ms);

/* Fires one timer that is due; false if none is. */
bool fake_timer_fire(void);

/* Milliseconds until the next timer is due; -1: there is none. */
int64_t fake_timer_next_ms(void);

/* Timers that were made and not freed. */
unsigned fake_timer_count(void);

#endif
