/* SPDX-License-Identifier: MIT */
/*
 * base/events.h over poll(2), for tests of code with real sockets; a turn goes as libuv's does: timers, hooks, then waiting.
 */
#ifndef TESTS_UNIT_POLL_EVENTS_H
#define TESTS_UNIT_POLL_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/events.h"

const struct events *poll_events(void);

/* One turn, waiting at most most_ms. Returns how long it would have slept by itself: -1: for ever. */
int64_t poll_events_turn(int64_t most_ms);

/* Turns until *flag is true or within_ms have passed; returns *flag. The other one asks instead. */
bool poll_events_until(const bool *flag, int64_t within_ms);
bool poll_events_until_so(bool (*is_so)(const void *ctx), const void *ctx, int64_t within_ms);
void poll_events_for(int64_t ms);

/* Timers, watches and hooks that were made and not freed. */
unsigned poll_events_count(void);

#endif
