/* SPDX-License-Identifier: MIT */
/*
 * The event loop: libuv behind base/events.h, and the process's signals.
 *
 * The rest of the program knows timers, watches and turns, not libuv. Each is a small heap object around one handle.
 * Freeing one only starts its end. uv_close() takes the handle out of the loop at once, so that it has no more
 * callbacks and the descriptor may be closed. The memory is freed in libuv's close callback, a turn later. loop_free()
 * runs the loop until the last of these callbacks. A handle that is still open then is a bug, and it aborts.
 *
 * Changing what a watch waits for is expensive: libuv 1.44 takes the descriptor out of epoll and puts it in again, two
 * or three system calls. So watch_want() does nothing if nothing changes, and its users keep a watch unchanged over
 * many requests.
 *
 * Signals: a handler, even one of libuv's, would make libfcgi's blocking reads and writes fail with EINTR. So SIGTERM,
 * SIGINT, SIGQUIT, SIGHUP and SIGUSR2 are blocked before any thread starts, all threads inherit that, and a signalfd is
 * read like any other input. A blocked signal comes even if it is ignored.
 *
 * Does not: priorities, fairness, more than one loop per process.
 */
#include "server/loop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <uv.h>

#include "base/mem.h"

struct loop {
    struct events events;
    uv_loop_t uv;
    int signal_fd;
    struct watch *signal_watch;
    loop_signal_cb on_signal;
    void *on_signal_ctx;
};

struct timer {
    uv_timer_t handle;
    timer_cb on_time;
    void *ctx;
};

struct watch {
    uv_poll_t handle;
    int wanted; /* UV_READABLE, UV_WRITABLE; 0: paused */
    watch_cb on_ready;
    void *ctx;
};

struct turn {
    uv_prepare_t handle;
    timer_cb before_wait;
    void *ctx;
};

/* Every handle is the first member of a heap object of its own, and its data points there. */
static void on_handle_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static int64_t loop_now_ms(void *ctx)
{
    struct loop *loop = ctx;
    return (int64_t)uv_now(&loop->uv);
}

static void on_uv_timer(uv_timer_t *handle)
{
    struct timer *timer = handle->data;
    timer->on_time(timer->ctx);
}

static struct timer *events_timer_new(void *ctx, timer_cb on_time, void *timer_ctx)
{
    struct loop *loop = ctx;
    struct timer *timer = mem_zalloc(sizeof(*timer));
    *timer = (struct timer){.on_time = on_time, .ctx = timer_ctx};
    uv_timer_init(&loop->uv, &timer->handle);
    timer->handle.data = timer;
    return timer;
}

static void events_timer_start(struct timer *timer, uint32_t after_ms)
{
    uv_timer_start(&timer->handle, on_uv_timer, after_ms, 0);
}

static void events_timer_stop(struct timer *timer)
{
    uv_timer_stop(&timer->handle);
}

static void events_timer_free(struct timer *timer)
{
    if (timer)
        uv_close((uv_handle_t *)&timer->handle, on_handle_closed);
}

/*
 * An error condition on the descriptor counts as readable and writable: the owner's next read or write then finds out
 * which error it is. libuv has stopped the poll by itself in that case.
 */
static void on_uv_poll(uv_poll_t *handle, int status, int events)
{
    struct watch *watch = handle->data;
    if (status < 0) {
        uv_poll_stop(handle);
        watch->wanted = 0;
        events = UV_READABLE | UV_WRITABLE;
    }
    watch->on_ready(watch->ctx, events & UV_READABLE, events & UV_WRITABLE);
}

static struct watch *events_watch_new(void *ctx, int fd, watch_cb on_ready, void *watch_ctx)
{
    struct loop *loop = ctx;
    struct watch *watch = mem_zalloc(sizeof(*watch));
    *watch = (struct watch){.on_ready = on_ready, .ctx = watch_ctx};
    int failed = uv_poll_init(&loop->uv, &watch->handle, fd);
    bug_unless(!failed, "a watch needs an open descriptor that epoll takes and no other watch has");
    watch->handle.data = watch;
    return watch;
}

static void events_watch_want(struct watch *watch, bool read, bool write)
{
    int wanted = (read ? UV_READABLE : 0) | (write ? UV_WRITABLE : 0);
    if (wanted == watch->wanted)
        return;
    watch->wanted = wanted;
    if (wanted == 0)
        uv_poll_stop(&watch->handle);
    else
        uv_poll_start(&watch->handle, wanted, on_uv_poll);
}

static void events_watch_free(struct watch *watch)
{
    if (watch)
        uv_close((uv_handle_t *)&watch->handle, on_handle_closed);
}

static void on_uv_prepare(uv_prepare_t *handle)
{
    struct turn *turn = handle->data;
    turn->before_wait(turn->ctx);
}

static struct turn *events_turn_new(void *ctx, timer_cb before_wait, void *turn_ctx)
{
    struct loop *loop = ctx;
    struct turn *turn = mem_zalloc(sizeof(*turn));
    *turn = (struct turn){.before_wait = before_wait, .ctx = turn_ctx};
    uv_prepare_init(&loop->uv, &turn->handle);
    turn->handle.data = turn;
    uv_prepare_start(&turn->handle, on_uv_prepare);
    return turn;
}

static void events_turn_free(struct turn *turn)
{
    if (turn)
        uv_close((uv_handle_t *)&turn->handle, on_handle_closed);
}

static void on_signal_ready(void *ctx, bool readable, bool writable)
{
    struct loop *loop = ctx;
    struct signalfd_siginfo info;
    (void)readable;
    (void)writable;
    while (read(loop->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        if (loop->on_signal)
            loop->on_signal(loop->on_signal_ctx, (int)info.ssi_signo);
}

static enum status signals_open(struct loop *loop, struct error *error)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGQUIT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    loop->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (loop->signal_fd < 0)
        return error_set(error, STATUS_UNAVAILABLE, "signalfd: %s", strerror(errno));
    loop->signal_watch = events_watch_new(loop, loop->signal_fd, on_signal_ready, loop);
    events_watch_want(loop->signal_watch, true, false);
    return STATUS_OK;
}

enum status loop_new(struct loop **out, unsigned thread_count, struct error *error)
{
    /* libuv reads this when the first job comes and keeps that many threads from then on. */
    char count_text[16];
    snprintf(count_text, sizeof(count_text), "%u", thread_count);
    setenv("UV_THREADPOOL_SIZE", count_text, 1);

    struct loop *loop = mem_zalloc(sizeof(*loop));
    loop->signal_fd = -1;
    loop->events = (struct events){
        .loop = loop,
        .now_ms = loop_now_ms,
        .timer_new = events_timer_new,
        .timer_start = events_timer_start,
        .timer_stop = events_timer_stop,
        .timer_free = events_timer_free,
        .watch_new = events_watch_new,
        .watch_want = events_watch_want,
        .watch_free = events_watch_free,
        .turn_new = events_turn_new,
        .turn_free = events_turn_free,
    };
    int failed = uv_loop_init(&loop->uv);
    if (failed) {
        free(loop);
        return error_set(error, STATUS_UNAVAILABLE, "no event loop: %s", uv_strerror(failed));
    }
    if (signals_open(loop, error) != STATUS_OK) {
        loop_free(loop);
        return STATUS_UNAVAILABLE;
    }
    *out = loop;
    return STATUS_OK;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    events_watch_free(loop->signal_watch);
    uv_run(&loop->uv, UV_RUN_DEFAULT); /* the close callbacks */
    int open_handles = uv_loop_close(&loop->uv);
    bug_unless(!open_handles, "a timer, watch or turn was not freed before the loop");
    if (loop->signal_fd >= 0)
        close(loop->signal_fd);
    free(loop);
}

const struct events *loop_events(const struct loop *loop)
{
    return &loop->events;
}

void *loop_uv(struct loop *loop)
{
    return &loop->uv;
}

void loop_on_signal(struct loop *loop, loop_signal_cb on_signal, void *ctx)
{
    loop->on_signal = on_signal;
    loop->on_signal_ctx = ctx;
}

void loop_run(struct loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop)
{
    uv_stop(&loop->uv);
}
