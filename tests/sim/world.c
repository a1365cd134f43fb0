/* SPDX-License-Identifier: MIT */
/*
 * A binary heap of events, ordered by time and, within one moment, by the order in which they were made.
 *
 * The hash is over kinds, numbers and times only. Nothing in it is an address, so the same seed gives the same hash on
 * any machine.
 */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { EVENTS_MAX = 1 << 16 };

struct event {
    int64_t at_us;
    uint64_t order;
    world_event_fn happen;
    void *ctx;
    uint64_t serial;
};

struct world world;

static struct event heap[EVENTS_MAX];
static size_t event_count;
static uint64_t last_order;

static bool comes_before(const struct event *a, const struct event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

void world_begin(uint64_t seed, bool tells_story)
{
    event_count = 0;
    last_order = 0;
    world = (struct world){.hash = seed, .tells_story = tells_story, .dice = dice_of(seed, 1)};
}

void world_after(int64_t after_us, world_event_fn happen, void *ctx, uint64_t serial)
{
    if (event_count == EVENTS_MAX) {
        fputs("sim: too many events are waiting\n", stderr);
        abort();
    }
    struct event event = {world.now_us + after_us, ++last_order, happen, ctx, serial};
    size_t at = event_count++;
    while (at > 0 && comes_before(&event, &heap[(at - 1) / 2])) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = event;
}

static struct event pop(void)
{
    struct event first = heap[0], last = heap[--event_count];
    size_t at = 0;
    for (size_t child = 1; child < event_count; child = 2 * at + 1) {
        if (child + 1 < event_count && comes_before(&heap[child + 1], &heap[child]))
            child++;
        if (!comes_before(&heap[child], &last))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
    return first;
}

bool world_step(int64_t until_us)
{
    if (event_count == 0 || heap[0].at_us > until_us) {
        world.now_us = until_us;
        return false;
    }
    struct event event = pop();
    world.now_us = event.at_us;
    world.steps++;
    event.happen(event.ctx, event.serial);
    return true;
}

void world_note(char kind, uint64_t who, uint64_t figure)
{
    struct dice mixer = {world.hash ^ (uint64_t)world.now_us ^ (uint64_t)kind << 56 ^ who << 48 ^ figure << 8};
    world.hash = dice_next(&mixer);
}

void world_tell_line(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("%10.3f ms  ", (double)world.now_us / 1000);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
}

void world_break(const char *format, ...)
{
    va_list args;
    if (world.is_broken)
        return;
    va_start(args, format);
    vsnprintf(world.rule, sizeof(world.rule), format, args);
    va_end(args);
    world.is_broken = true;
    world_tell("BROKEN: %s", world.rule);
}
