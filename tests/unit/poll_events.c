/* SPDX-License-Identifier: MIT */
/*
 * A small event loop. Callbacks may free any timer, watch or hook, their own included: lists are walked anew after each call,
 * and what was already called in this turn is marked with the turn's number.
 */
#include "poll_events.h"

#include <poll.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

enum { WATCHES_MAX = 64, LOOK_MS = 10 };

struct timer {
    struct timer *next;
    timer_cb on_time;
    void *ctx;
    bool runs;
    int64_t due_at_us;
};

struct watch {
    struct watch *next;
    int fd;
    bool read, write;
    watch_cb on_ready;
    void *ctx;
    short ready;
};

struct turn {
    struct turn *next;
    timer_cb before_wait;
    void *ctx;
    uint64_t called_in;
};

static struct timer *timers;
static struct watch *watches;
static struct turn *turns;
static uint64_t turn_number;

static int64_t now_ms(void *loop)
{
    (void)loop;
    return clock_monotonic_us() / 1000;
}

static struct timer *timer_new(void *loop, timer_cb on_time, void *ctx)
{
    (void)loop;
    struct timer *timer = mem_zalloc(sizeof(*timer));
    *timer = (struct timer){.next = timers, .on_time = on_time, .ctx = ctx};
    return timers = timer;
}

static void timer_start(struct timer *timer, uint32_t after_ms)
{
    timer->runs = true;
    timer->due_at_us = clock_monotonic_us() + (int64_t)after_ms * 1000;
}

static void timer_stop(struct timer *timer)
{
    timer->runs = false;
}

static void timer_free(struct timer *timer)
{
    struct timer **at = &timers;
    while (timer && *at != timer)
        at = &(*at)->next;
    if (timer)
        *at = timer->next;
    free(timer);
}

static struct watch *watch_new(void *loop, int fd, watch_cb on_ready, void *ctx)
{
    (void)loop;
    struct watch *watch = mem_zalloc(sizeof(*watch));
    *watch = (struct watch){.next = watches, .fd = fd, .on_ready = on_ready, .ctx = ctx};
    return watches = watch;
}

static void watch_want(struct watch *watch, bool read, bool write)
{
    watch->read = read;
    watch->write = write;
}

static void watch_free(struct watch *watch)
{
    struct watch **at = &watches;
    while (watch && *at != watch)
        at = &(*at)->next;
    if (watch)
        *at = watch->next;
    free(watch);
}

static struct turn *turn_new(void *loop, timer_cb before_wait, void *ctx)
{
    (void)loop;
    struct turn *turn = mem_zalloc(sizeof(*turn));
    *turn = (struct turn){.next = turns, .before_wait = before_wait, .ctx = ctx};
    return turns = turn;
}

static void turn_free(struct turn *turn)
{
    struct turn **at = &turns;
    while (*at != turn)
        at = &(*at)->next;
    *at = turn->next;
    free(turn);
}

const struct events *poll_events(void)
{
    static const struct events events = {
        .now_ms = now_ms,
        .timer_new = timer_new,
        .timer_start = timer_start,
        .timer_stop = timer_stop,
        .timer_free = timer_free,
        .watch_new = watch_new,
        .watch_want = watch_want,
        .watch_free = watch_free,
        .turn_new = turn_new,
        .turn_free = turn_free,
    };
    return &events;
}

static struct timer *timer_next(void)
{
    struct timer *first = NULL;
    for (struct timer *timer = timers; timer; timer = timer->next)
        if (timer->runs && (!first || timer->due_at_us < first->due_at_us))
            first = timer;
    return first;
}

static void run_timers(void)
{
    int64_t now_us = clock_monotonic_us();
    for (struct timer *timer = timer_next(); timer && timer->due_at_us <= now_us; timer = timer_next()) {
        timer->runs = false;
        timer->on_time(timer->ctx);
    }
}

static void run_hooks(void)
{
    for (struct turn *turn = turns; turn; turn = turn->next) {
        if (turn->called_in == turn_number)
            continue;
        turn->called_in = turn_number;
        turn->before_wait(turn->ctx);
        turn = turns; /* the first one again: it may be another now */
        if (!turn)
            return;
    }
}

static int64_t sleep_ms(void)
{
    const struct timer *timer = timer_next();
    if (!timer)
        return -1;
    int64_t left_us = timer->due_at_us - clock_monotonic_us();
    return left_us > 0 ? (left_us + 999) / 1000 : 0;
}

static void wait_for_watches(int64_t wait_ms)
{
    struct pollfd fds[WATCHES_MAX];
    nfds_t count = 0;
    for (struct watch *watch = watches; watch; watch = watch->next) {
        bug_unless(count < WATCHES_MAX, "more watches than the test's loop has room for");
        watch->ready = 0;
        fds[count++] = (struct pollfd){.fd = watch->read || watch->write ? watch->fd : -1,
                                       .events = (short)((watch->read ? POLLIN : 0) | (watch->write ? POLLOUT : 0))};
    }
    if (poll(fds, count, (int)wait_ms) <= 0)
        return;
    nfds_t i = 0;
    for (struct watch *watch = watches; watch; watch = watch->next)
        watch->ready = fds[i++].revents;
}

static void run_watches(void)
{
    struct watch *watch = watches;
    while (watch) {
        short ready = watch->ready;
        watch->ready = 0;
        if (ready == 0) {
            watch = watch->next;
            continue;
        }
        bool failed = ready & (POLLERR | POLLHUP);
        watch->on_ready(watch->ctx, failed || ready & POLLIN, failed || ready & POLLOUT);
        watch = watches;
    }
}

int64_t poll_events_turn(int64_t most_ms)
{
    turn_number++;
    run_timers();
    run_hooks();
    int64_t own_ms = sleep_ms();
    wait_for_watches(own_ms < 0 || own_ms > most_ms ? most_ms : own_ms);
    run_watches();
    return own_ms;
}

static bool is_set(const void *flag)
{
    return *(const bool *)flag;
}

bool poll_events_until(const bool *flag, int64_t within_ms)
{
    return poll_events_until_so(is_set, flag, within_ms);
}

bool poll_events_until_so(bool (*is_so)(const void *ctx), const void *ctx, int64_t within_ms)
{
    int64_t end_ms = now_ms(NULL) + within_ms;
    for (int64_t left_ms = within_ms; !is_so(ctx) && left_ms > 0; left_ms = end_ms - now_ms(NULL))
        poll_events_turn(left_ms < LOOK_MS ? left_ms
                                           : LOOK_MS); /* a timer may have done it, with nothing to wake for */
    return is_so(ctx);
}

void poll_events_for(int64_t ms)
{
    bool never = false;
    poll_events_until(&never, ms);
}

unsigned poll_events_count(void)
{
    unsigned count = 0;
    for (const struct timer *timer = timers; timer; timer = timer->next)
        count++;
    for (const struct watch *watch = watches; watch; watch = watch->next)
        count++;
    for (const struct turn *turn = turns; turn; turn = turn->next)
        count++;
    return count;
}
