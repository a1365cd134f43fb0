/* SPDX-License-Identifier: MIT */
/*
 * A process' clocks and its loop.
 *
 * A turn is libuv's: timers that are due, descriptors that are ready, ends of jobs, then what runs before the loop
 * waits. Descriptors are net.c's. A turn takes no time; the next one comes a moment later at the earliest, and what
 * arrives in between is found together, as a busy loop finds it.
 *
 * A frozen process takes no turn until it thaws. Its monotonic clock goes on (SIGSTOP) or stands still with it (a
 * suspended machine).
 */
#include "process.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <utlist.h>

#include "base/mem.h"
#include "machine.h"
#include "net.h"
#include "world.h"

enum { TURN_US = 20, WALL_START_S = 1700000000, MILLION = 1000000 };

struct timer {
    struct timer *prev, *next;
    struct process *process;
    timer_cb on_time;
    void *ctx;
    int64_t due_ms; /* loop time; -1: stopped */
    uint64_t order; /* of its start: equal times fire in this order */
};

struct watch {
    struct watch *prev, *next;
    struct process *process;
    int fd;
    bool reads, writes;
    watch_cb on_ready;
    void *ctx;
};

struct turn {
    struct turn *prev, *next;
    struct process *process;
    timer_cb before_wait;
    void *ctx;
};

struct input {
    struct input *next;
    process_input_fn do_it;
    void *ctx;
};

struct process processes[PROCESSES_MAX];

static struct process *current;
static uint64_t timer_order;

struct process *process_current(void)
{
    return current;
}

struct process *process_enter(struct process *process)
{
    struct process *before = current;
    current = process;
    return before;
}

/* ---- Clocks ---- */

int64_t process_wall_ms(const struct process *process)
{
    return (int64_t)WALL_START_S * 1000 + world.now_us / 1000 + (process ? process->wall_offset_ms : 0);
}

int64_t process_monotonic_us(const struct process *process)
{
    if (!process)
        return world.now_us;
    bool stands = process->is_frozen && process->stands_still;
    int64_t us = (stands ? process->frozen_at_us : world.now_us) - process->monotonic_lost_us;
    /* Not the world's zero: code under test may take 0 for "never". */
    return us + us * process->clock_ppm / MILLION + MILLION;
}

/* The same for all processes of a machine, and it never stands still. */
static int64_t boot_us(const struct process *process)
{
    return world.now_us + (process ? world.now_us * process->clock_ppm / MILLION : 0) + MILLION;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    int64_t us = clock == CLOCK_REALTIME   ? process_wall_ms(current) * 1000 + world.now_us % 1000
                 : clock == CLOCK_BOOTTIME ? boot_us(current)
                                           : process_monotonic_us(current);
    now->tv_sec = us / 1000000;
    now->tv_nsec = us % 1000000 * 1000;
    return 0;
}

/* ---- The loop ---- */

static void on_wake(void *ctx, uint64_t serial);

static void wake_in(struct process *process, int64_t after_us)
{
    int64_t at_us = world.now_us + after_us;
    if (!process->is_alive || process->is_frozen || process->wake_at_us <= at_us)
        return;
    process->wake_at_us = at_us;
    world_after(after_us, on_wake, process, ++process->wake_serial);
}

void process_poke(struct process *process)
{
    wake_in(process, dice_between(&world.dice, 0, TURN_US));
}

static bool watch_is_ready(const struct watch *watch)
{
    return (watch->reads && net_is_readable(watch->fd)) || (watch->writes && net_is_writable(watch->fd));
}

static void fire_timers(struct process *process)
{
    for (;;) {
        struct timer *first = NULL, *timer;
        DL_FOREACH(process->timers, timer)
        if (timer->due_ms >= 0 && timer->due_ms <= process->loop_ms &&
            (!first || timer->due_ms < first->due_ms ||
             (timer->due_ms == first->due_ms && timer->order < first->order)))
            first = timer;
        if (!first)
            return;
        first->due_ms = -1;
        first->on_time(first->ctx);
    }
}

/* A callback may free any watch, so each is looked for anew. */
static void serve_watches(struct process *process)
{
    for (size_t served = 0; served < 64; served++) {
        struct watch *watch, *ready = NULL;
        DL_FOREACH(process->watches, watch)
        if (watch_is_ready(watch)) {
            ready = watch;
            break;
        }
        if (!ready)
            return;
        ready->on_ready(ready->ctx, ready->reads && net_is_readable(ready->fd),
                        ready->writes && net_is_writable(ready->fd));
    }
}

static void take_inputs(struct process *process)
{
    while (process->inputs) {
        struct input *input = process->inputs;
        process->inputs = input->next;
        process_input_fn do_it = input->do_it;
        void *ctx = input->ctx;
        free(input);
        do_it(ctx);
    }
}

static void plan_next_turn(struct process *process, bool at_once)
{
    struct watch *watch;
    struct timer *timer;
    DL_FOREACH(process->watches, watch)
    at_once |= watch_is_ready(watch);
    at_once |= process->inputs != NULL;
    if (at_once)
        wake_in(process, TURN_US);
    int64_t now_ms = process_monotonic_us(process) / 1000, after_ms = INT64_MAX;
    DL_FOREACH(process->timers, timer)
    if (timer->due_ms >= 0 && timer->due_ms - now_ms < after_ms)
        after_ms = timer->due_ms - now_ms;
    if (after_ms != INT64_MAX)
        wake_in(process, after_ms > 0 ? after_ms * 1000 * MILLION / (MILLION + process->clock_ppm) : TURN_US);
}

static void on_wake(void *ctx, uint64_t serial)
{
    struct process *process = ctx;
    if (!process->is_alive || process->is_frozen || serial != process->wake_serial)
        return;
    process->wake_at_us = INT64_MAX;
    struct process *before = process_enter(process);
    process->loop_ms = process_monotonic_us(process) / 1000;
    world_note('t', process->number, 0);
    fire_timers(process);
    take_inputs(process);
    serve_watches(process);
    bool more = fiber_turn(process);
    struct turn *turn, *next;
    DL_FOREACH_SAFE(process->turns, turn, next)
    turn->before_wait(turn->ctx);
    process_enter(before);
    plan_next_turn(process, more);
}

void process_input(struct process *process, process_input_fn do_it, void *ctx)
{
    struct process *before = process_enter(process);
    struct input *input = mem_zalloc(sizeof(*input));
    *input = (struct input){.do_it = do_it, .ctx = ctx};
    process_enter(before);
    LL_APPEND(process->inputs, input);
    process_poke(process);
}

/* ---- base/events.h ---- */

static int64_t events_now(void *loop)
{
    return ((struct process *)loop)->loop_ms;
}

static struct timer *timer_new(void *loop, timer_cb on_time, void *ctx)
{
    struct process *process = loop;
    struct timer *timer = mem_zalloc(sizeof(*timer));
    *timer = (struct timer){.process = process, .on_time = on_time, .ctx = ctx, .due_ms = -1};
    DL_APPEND(process->timers, timer);
    return timer;
}

static void timer_start(struct timer *timer, uint32_t after_ms)
{
    timer->due_ms = timer->process->loop_ms + after_ms;
    timer->order = ++timer_order;
}

static void timer_stop(struct timer *timer)
{
    timer->due_ms = -1;
}

static void timer_free(struct timer *timer)
{
    if (!timer)
        return;
    DL_DELETE(timer->process->timers, timer);
    free(timer);
}

static struct watch *watch_new(void *loop, int fd, watch_cb on_ready, void *ctx)
{
    struct process *process = loop;
    struct watch *watch = mem_zalloc(sizeof(*watch));
    *watch = (struct watch){.process = process, .fd = fd, .on_ready = on_ready, .ctx = ctx};
    DL_APPEND(process->watches, watch);
    return watch;
}

static void watch_want(struct watch *watch, bool read, bool write)
{
    watch->reads = read;
    watch->writes = write;
}

static void watch_free(struct watch *watch)
{
    if (!watch)
        return;
    DL_DELETE(watch->process->watches, watch);
    free(watch);
}

static struct turn *turn_new(void *loop, timer_cb before_wait, void *ctx)
{
    struct process *process = loop;
    struct turn *turn = mem_zalloc(sizeof(*turn));
    *turn = (struct turn){.process = process, .before_wait = before_wait, .ctx = ctx};
    DL_APPEND(process->turns, turn);
    return turn;
}

static void turn_free(struct turn *turn)
{
    if (!turn)
        return;
    DL_DELETE(turn->process->turns, turn);
    free(turn);
}

/* ---- Life ---- */

/* What is the process' own for its whole life; all else begins anew. */
static void process_clear(struct process *process)
{
    uint64_t life = process->life, wake_serial = process->wake_serial;
    unsigned number = (unsigned)(process - processes);
    *process = (struct process){.life = life + 1, .number = number, .wake_serial = wake_serial + 1};
    process->wake_at_us = INT64_MAX;
}

void process_start(struct process *process, int64_t wall_offset_ms)
{
    process_clear(process);
    process->is_alive = true;
    process->wall_offset_ms = wall_offset_ms;
    process->clock_ppm = machine_clock_ppm(process);
    process->loop_ms = process_monotonic_us(process) / 1000;
    process->events = (struct events){.loop = process,
                                      .now_ms = events_now,
                                      .timer_new = timer_new,
                                      .timer_start = timer_start,
                                      .timer_stop = timer_stop,
                                      .timer_free = timer_free,
                                      .watch_new = watch_new,
                                      .watch_want = watch_want,
                                      .watch_free = watch_free,
                                      .turn_new = turn_new,
                                      .turn_free = turn_free};
    wake_in(process, 0);
}

void process_kill(struct process *process)
{
    fiber_drop_all(process);
    net_drop_all(process);
    heap_drop_all(process);
    process_clear(process);
}

void process_end(struct process *process)
{
    if (process->timers || process->watches || process->turns)
        world_break("process %u has ended and leaves a timer, a watch or a turn", process->number);
    if (process->block_count > 0)
        world_break("process %u has ended and leaves %zu pieces of memory", process->number, process->block_count);
    process_kill(process);
}

void process_freeze(struct process *process, bool stands_still)
{
    process->is_frozen = true;
    process->stands_still = stands_still;
    process->frozen_at_us = world.now_us;
    process->wake_at_us = INT64_MAX;
}

void process_thaw(struct process *process)
{
    if (process->stands_still)
        process->monotonic_lost_us += world.now_us - process->frozen_at_us;
    process->is_frozen = false;
    fiber_thaw_all(process);
    process_poke(process);
}

void process_reset_all(void)
{
    current = NULL;
    timer_order = 0;
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        process_kill(&processes[i]);
        processes[i].life = processes[i].wake_serial = 0;
    }
}
