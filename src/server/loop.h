/* SPDX-License-Identifier: MIT */
/*
 * The event loop: libuv behind base/events.h, and the process's signals.
 *
 * Signals are blocked in every thread and read from a signalfd, because a handler would interrupt libfcgi's reads and
 * writes.
 */
#ifndef SERVER_LOOP_H
#define SERVER_LOOP_H

#include "base/error.h"
#include "base/events.h"

struct loop;

/* A signal came: SIGTERM, SIGINT, SIGQUIT, SIGHUP or SIGUSR2. On the loop. */
typedef void (*loop_signal_cb)(void *ctx, int signal_number);

/* Before any thread is started: blocks the signals, sets UV_THREADPOOL_SIZE to thread_count. */
enum status loop_new(struct loop **loop, unsigned thread_count, struct error *error) STATUS_MUST_CHECK;
void loop_free(struct loop *loop);

const struct events *loop_events(const struct loop *loop);
void *loop_uv(struct loop *loop); /* the uv_loop_t, for store/pool.h */

void loop_on_signal(struct loop *loop, loop_signal_cb on_signal, void *ctx);

/* Runs until loop_stop(). */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

#endif
