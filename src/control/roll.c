/* SPDX-License-Identifier: MIT */
/*
 * Replaces the workers one by one, so that as many as before are ready all the time.
 *
 *   --check -> stand-in started, ready -> {old worker told to stop -> its successor ready} ... -> stand-in stopped
 *
 * Why a stand-in: multiwatch starts a worker only when one has ended. Without one more, a service with one worker has
 * none for a moment, and one with four has three. The stand-in is started as a worker was (twin.c), so it is also the
 * trial: if the new program or its settings don't work, all old workers are still there.
 *
 * "Ready" means more than listening: the worker has its store, trusts Redis, and so answers hits (server/ready.c).
 *
 * The roll stops at the first successor that ends or is not ready in time. The old workers that remain go on. What
 * multiwatch does with the place of the failed one is its matter: it tries again and again.
 *
 * Nothing is lost if this process is killed: the kernel tells the stand-in to stop, which answers what it has begun.
 *
 * Does not: make the store's tables new. The check does, as each start would; workers of the version before go on with
 * newer tables (store/sqlite_sql.c).
 */
#include "control/roll.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "control/twin.h"

/* READY: a start and some looks at Redis. END: longer than any drain_timeout_ms that makes sense. */
enum { LOOK_MS = 20, READY_MS = 30000, END_MS = 60000 };

struct roll {
    const struct roll_options *options;
    struct twin twin;
    pid_t stand_in;
    struct pids old, successors, children; /* children: at the last look */
};

static void tell(const struct roll *roll, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void tell(const struct roll *roll, const char *format, ...)
{
    struct error text;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text.text, sizeof(text.text), format, arguments);
    va_end(arguments);
    roll->options->tell(text.text);
}

static void pause_a_moment(void)
{
    nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
}

static bool is_ready(const struct roll *roll, pid_t pid)
{
    return roll->options->is_ready(roll->options->ctx, pid);
}

/* ---- The stand-in ---- */

static enum status stand_in_start(struct roll *roll, struct error *error)
{
    int64_t end_at_ms = clock_monotonic_ms() + READY_MS;
    int ignored;
    roll->stand_in = twin_start(&roll->twin);
    while (roll->stand_in > 0 && !is_ready(roll, roll->stand_in)) {
        if (waitpid(roll->stand_in, &ignored, WNOHANG) != 0)
            roll->stand_in = 0;
        else if (clock_monotonic_ms() >= end_at_ms)
            return error_set(error, STATUS_UNAVAILABLE,
                             "a new worker was not ready within %d s (is stats_file the workers' own?); no worker was "
                             "stopped",
                             READY_MS / 1000);
        pause_a_moment();
    }
    if (roll->stand_in > 0)
        return STATUS_OK;
    return error_set(error, STATUS_UNAVAILABLE, "a new worker ended before it was ready; no worker was stopped");
}

static void stand_in_stop(struct roll *roll)
{
    int64_t end_at_ms = clock_monotonic_ms() + END_MS;
    int ignored;
    if (roll->stand_in <= 0)
        return;
    kill(roll->stand_in, SIGTERM);
    while (waitpid(roll->stand_in, &ignored, WNOHANG) == 0 && clock_monotonic_ms() < end_at_ms)
        pause_a_moment();
}

/* ---- One worker after the other ---- */

static enum status stopped(const struct roll *roll, const char *why, pid_t pid, struct error *error)
{
    size_t kept = 0;
    for (size_t i = 0; i < roll->old.count; i++)
        kept += pids_have(&roll->children, roll->old.list[i]);
    return error_set(error, STATUS_UNAVAILABLE, "%s %d: stopped here, %zu of %zu old workers go on", why, (int)pid,
                     kept, roll->old.count);
}

/* STATUS_BUSY: not yet. A successor that has gone was not stopped by us. */
static enum status successors_look(struct roll *roll, pid_t pid, struct error *error)
{
    pids_of_children(&roll->children, roll->options->supervisor);
    for (size_t i = 0; i < roll->successors.count; i++)
        if (!pids_have(&roll->children, roll->successors.list[i]))
            return stopped(roll, "a new worker ended before all were replaced:", roll->successors.list[i], error);
    bool all_ready = roll->children.count >= roll->old.count && !pids_have(&roll->children, pid);
    for (size_t i = 0; i < roll->children.count; i++) {
        pid_t child = roll->children.list[i];
        if (pids_have(&roll->old, child))
            continue;
        if (!pids_have(&roll->successors, child))
            pids_add(&roll->successors, child);
        all_ready = all_ready && is_ready(roll, child);
    }
    return all_ready ? STATUS_OK : STATUS_BUSY;
}

/* A worker that has ended by itself meanwhile has its successor already. */
static enum status replace(struct roll *roll, pid_t pid, struct error *error)
{
    int64_t end_at_ms = clock_monotonic_ms() + END_MS + READY_MS;
    enum status status;
    pids_of_children(&roll->children, roll->options->supervisor);
    if (pids_have(&roll->children, pid))
        kill(pid, SIGTERM);
    while ((status = successors_look(roll, pid, error)) == STATUS_BUSY) {
        if (clock_monotonic_ms() >= end_at_ms)
            return stopped(roll, "no new worker was ready in time in the place of", pid, error);
        pause_a_moment();
    }
    return status;
}

static enum status replace_all(struct roll *roll, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < roll->old.count && status == STATUS_OK; i++) {
        status = replace(roll, roll->old.list[i], error);
        if (status == STATUS_OK)
            tell(roll, "%zu of %zu: the worker %d is replaced", i + 1, roll->old.count, (int)roll->old.list[i]);
    }
    return status;
}

/* ---- The roll ---- */

static enum status check(struct roll *roll, struct error *error)
{
    int exit_status = twin_run(&roll->twin, "--check");
    if (exit_status == 0)
        return STATUS_OK;
    return error_set(error, STATUS_UNAVAILABLE, "\"%.100s --check\" ended with %d; no worker was stopped",
                     roll->twin.arguments[0], exit_status);
}

static enum status run(struct roll *roll, struct error *error)
{
    pids_of_children(&roll->old, roll->options->supervisor);
    if (roll->old.count == 0)
        return error_set(error, STATUS_UNAVAILABLE, "the process %d has no workers: it is no supervisor",
                         (int)roll->options->supervisor);
    enum status status = twin_read(&roll->twin, roll->old.list[0], error);
    if (status == STATUS_OK)
        status = check(roll, error);
    if (status == STATUS_OK)
        status = stand_in_start(roll, error);
    if (status == STATUS_OK)
        status = replace_all(roll, error);
    return status;
}

enum status control_roll(const struct roll_options *options, struct error *error)
{
    struct roll *roll = mem_zalloc(sizeof(*roll));
    roll->options = options;
    twin_init(&roll->twin);
    enum status status = run(roll, error);
    stand_in_stop(roll);
    twin_free(&roll->twin);
    free(roll);
    return status;
}
