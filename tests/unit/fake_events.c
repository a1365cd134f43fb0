/* SPDX-License-Identifier: MIT */
/*
 * Timers on a clock that stands still until a test moves it.
 *
 * The clock counts microseconds since its start; wall time and monotonic time are that plus different beginnings, so that code
 * which takes one for the other is found out. clock_gettime() is wrapped by the linker: the code under test calls it inline.
 *
 * Of timers that are due together the one that is due longest fires first, then the one that was started first, as libuv has it.
 */
#include "fake_events.h"

#include <stdlib.h>
#include <time.h>

#include "base/mem.h"

enum { MONOTONIC_START_S = 5000 };

struct timer {
    struct timer *next;
    timer_cb on_time;
    void *ctx;
    bool runs;
    int64_t due_at_us;
    uint64_t started; /* its place among those due together */
};

static int64_t clock_us;
static int64_t wall_step_ms; /* how far somebody has set the wall clock */
static struct timer *timers;
static uint64_t start_count;

int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    int64_t start_s = clock == CLOCK_REALTIME ? FAKE_START_S : MONOTONIC_START_S;
    if (clock == CLOCK_REALTIME)
        start_s += wall_step_ms / 1000;
    now->tv_sec = (time_t)(start_s + clock_us / 1000000);
    now->tv_nsec = (long)(clock_us % 1000000 * 1000);
    return 0;
}

static int64_t now_ms(void *loop)
{
    (void)loop;
    return MONOTONIC_START_S * INT64_C(1000) + clock_us / 1000;
}

static struct timer *timer_new(void *loop, timer_cb on_time, void *ctx)
{
    (void)loop;
    struct timer *timer = mem_zalloc(sizeof(*timer));
    *timer = (struct timer){.next = timers, .on_time = on_time, .ctx = ctx};
    timers = timer;
    return timer;
}

static void timer_start(struct timer *timer, uint32_t after_ms)
{
    timer->runs = true;
    timer->due_at_us = clock_us + (int64_t)after_ms * 1000;
    timer->started = ++start_count;
}

static void timer_stop(struct timer *timer)
{
    timer->runs = false;
}

static void timer_free(struct timer *timer)
{
    if (!timer)
        return;
    struct timer **at = &timers;
    while (*at != timer)
        at = &(*at)->next;
    *at = timer->next;
    free(timer);
}

static bool is_before(const struct timer *a, const struct timer *b)
{
    return a->due_at_us < b->due_at_us || (a->due_at_us == b->due_at_us && a->started < b->started);
}

static struct timer *timer_next(void)
{
    struct timer *first = NULL;
    for (struct timer *timer = timers; timer; timer = timer->next)
        if (timer->runs && (!first || is_before(timer, first)))
            first = timer;
    return first;
}

const struct events *fake_events_begin(void)
{
    static const struct events events = {
        .now_ms = now_ms,
        .timer_new = timer_new,
        .timer_start = timer_start,
        .timer_stop = timer_stop,
        .timer_free = timer_free,
    };
    while (timers) /* of a test that failed on its way */
        timer_free(timers);
    clock_us = wall_step_ms = 0;
    return &events;
}

int64_t fake_now_ms(void)
{
    return FAKE_START_S * INT64_C(1000) + wall_step_ms + clock_us / 1000;
}

void fake_wall_set(int64_t step_s)
{
    wall_step_ms += step_s * 1000;
}

void fake_clock_move(int64_t ms)
{
    clock_us += ms * 1000;
}

bool fake_timer_fire(void)
{
    struct timer *timer = timer_next();
    if (!timer || timer->due_at_us > clock_us)
        return false;
    timer->runs = false;
    timer->on_time(timer->ctx);
    return true;
}

int64_t fake_timer_next_ms(void)
{
    const struct timer *timer = timer_next();
    if (!timer)
        return -1;
    int64_t left_us = timer->due_at_us - clock_us;
    return left_us > 0 ? (left_us + 999) / 1000 : 0;
}

unsigned fake_timer_count(void)
{
    unsigned count = 0;
    for (const struct timer *timer = timers; timer; timer = timer->next)
        count++;
    return count;
}
