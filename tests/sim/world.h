/* SPDX-License-Identifier: MIT */
/*
 * The world's time, what will happen in it, and the trace of what has happened.
 *
 * Time moves from one event to the next. Events of one moment happen in the order in which they were made.
 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dice.h"

/* serial is the caller's: by it an event knows whether what it is about is still there. */
typedef void (*world_event_fn)(void *ctx, uint64_t serial);

struct world {
    int64_t now_us;
    uint64_t steps;   /* events that have happened */
    uint64_t hash;    /* of the trace */
    bool tells_story; /* the trace is also printed */
    bool is_broken;   /* a rule was broken: world_break() */
    char rule[400];   /* which */
    struct dice dice; /* latencies and cuts */
};

extern struct world world;

/* Empties it: no events, time 0. */
void world_begin(uint64_t seed, bool tells_story);

void world_after(int64_t after_us, world_event_fn happen, void *ctx, uint64_t serial);

/* The next event happens, unless it lies behind until_us: then time moves there, and the answer is false. */
bool world_step(int64_t until_us);

/* Into the hash: what kind of thing happened (a letter), to whom, and a figure. */
void world_note(char kind, uint64_t who, uint64_t figure);

/* A line of the story; costs nothing else. The first argument is a format. */
#define world_tell(...) (world.tells_story ? world_tell_line(__VA_ARGS__) : (void)0)
void world_tell_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A rule is broken; the first one counts. */
void world_break(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
