/* SPDX-License-Identifier: MIT */
/*
 * What code without sockets needs of an event loop: the time, one-shot timers, and watches on a file descriptor.
 *
 * server/loop.c implements it with libuv, unit tests with a clock that they move by hand. All callbacks come on the
 * loop, never from inside the call that asked for them.
 */
#ifndef BASE_EVENTS_H
#define BASE_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

typedef void (*timer_cb)(void *ctx);
typedef void (*watch_cb)(void *ctx, bool readable, bool writable);

struct timer;
struct watch;
struct turn;

struct events {
    void *loop;                    /* the implementation's own */
    int64_t (*now_ms)(void *loop); /* monotonic */
    struct timer *(*timer_new)(void *loop, timer_cb on_time, void *ctx);
    void (*timer_start)(struct timer *timer, uint32_t after_ms); /* once; starting it again moves it */
    void (*timer_stop)(struct timer *timer);
    void (*timer_free)(struct timer *timer); /* stops it; NULL is fine */
    struct watch *(*watch_new)(void *loop, int fd, watch_cb on_ready, void *ctx);
    void (*watch_want)(struct watch *watch, bool read, bool write);        /* level-triggered; false, false: pause */
    void (*watch_free)(struct watch *watch);                               /* before fd is closed; NULL is fine */
    struct turn *(*turn_new)(void *loop, timer_cb before_wait, void *ctx); /* each turn, just before the loop waits */
    void (*turn_free)(struct turn *turn);
};

/* The loop's time: monotonic, and the same for a whole turn of the loop. */
static inline int64_t events_now_ms(const struct events *events)
{
    return events->now_ms(events->loop);
}

#endif
