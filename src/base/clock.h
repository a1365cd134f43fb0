/* SPDX-License-Identifier: MIT */
/*
 * The clocks. Wall time is for values that others read (created_at, Age, deadlines shared with other machines); it
 * may jump. Monotonic time measures how long something took. Timers and timeouts use the loop's time instead
 * (events.h). Boot time is for moments that all processes of a machine must agree about.
 * context  any thread
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t clock_wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline int64_t clock_wall_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static inline int64_t clock_monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Goes on while the machine sleeps; the same for all processes of a machine. */
static inline int64_t clock_boot_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static inline int64_t clock_monotonic_ms(void)
{
    return clock_monotonic_us() / 1000;
}

#endif
