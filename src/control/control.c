/* SPDX-License-Identifier: MIT */
/*
 * The start that all commands share, and the shortest of them.
 *
 *   control_start -> store prepared (pool thread) -> Redis trusted, or TRUST_WAIT_MS over -> done
 *
 * Of a cluster it waits for all primaries; after that time some will do.
 *
 * To the cache's protocol a tool is one more worker. It has its own connection to Redis, finds out which Redis that is,
 * and drains the outbox before it trusts it. So a tool's actions on the cache need no rules of their own, and a killed
 * tool is like a killed worker. Once a second it does a worker's duties (cache_tend).
 *
 * Moving the epoch needs no Redis: the epoch is a record in the store, which every worker reads once a second.
 */
#include "control/control.h"

#include <stdlib.h>

#include "base/container.h"
#include "base/mem.h"

enum { TEND_MS = 1000, LOOK_MS = 5, TRUST_WAIT_MS = 2000 };

static struct control *control_of_job(struct pool_job *job)
{
    return container_of(job, struct control, job);
}

static void control_run_job(struct control *control, pool_work_fn work, pool_done_cb done)
{
    control->job = (struct pool_job){.lane = POOL_CARE, .work = work, .done = done};
    pool_run(control->options.pool, &control->job);
}

/* ---- The start ---- */

static void on_tend(void *ctx)
{
    struct control *control = ctx;
    cache_tend(control->options.cache);
    control->options.events->timer_start(control->tend, TEND_MS);
}

static void on_wait(void *ctx)
{
    struct control *control = ctx;
    const struct events *events = control->options.events;
    struct error error = {0};
    const char *reason;
    bool is_over = events_now_ms(events) >= control->wait_end_at_ms;
    bool is_whole = cache_lack(control->options.cache, &reason) == TRUST_LACKS_NOTHING;
    if (is_whole || (is_over && cache_is_trusted(control->options.cache)))
        control->done(control->ctx, STATUS_OK, &error);
    else if (!is_over)
        events->timer_start(control->wait, LOOK_MS);
    else
        control->done(control->ctx, error_set(&error, STATUS_UNAVAILABLE, "Redis can't be reached or trusted"), &error);
}

static enum status prepare_work(struct pool_job *job, struct error *error)
{
    return store_prepare(control_of_job(job)->options.store, error);
}

static void on_prepared(struct pool_job *job, enum status status, const struct error *error)
{
    struct control *control = control_of_job(job);
    const struct events *events = control->options.events;
    if (status != STATUS_OK) {
        control->done(control->ctx, status, error);
        return;
    }
    control->wait_end_at_ms = events_now_ms(events) + TRUST_WAIT_MS;
    on_tend(control);
    events->timer_start(control->wait, 0);
}

void control_start(struct control *control, control_done_cb done, void *ctx)
{
    control->done = done;
    control->ctx = ctx;
    control_run_job(control, prepare_work, on_prepared);
}

/* ---- purge --all ---- */

static enum status epoch_work(struct pool_job *job, struct error *error)
{
    struct control *control = control_of_job(job);
    return cache_move_epoch(control->options.cache, control->epoch, error);
}

static void on_moved(struct pool_job *job, enum status status, const struct error *error)
{
    struct control *control = control_of_job(job);
    control->done(control->ctx, status, error);
}

void control_purge_all(struct control *control, int64_t *epoch, control_done_cb done, void *ctx)
{
    control->epoch = epoch;
    control->done = done;
    control->ctx = ctx;
    control_run_job(control, epoch_work, on_moved);
}

/* ---- Life ---- */

struct control *control_new(const struct control_options *options)
{
    struct control *control = mem_zalloc(sizeof(*control));
    control->options = *options;
    control->tend = options->events->timer_new(options->events->loop, on_tend, control);
    control->wait = options->events->timer_new(options->events->loop, on_wait, control);
    return control;
}

void control_free(struct control *control)
{
    if (!control)
        return;
    control->options.events->timer_free(control->tend);
    control->options.events->timer_free(control->wait);
    free(control);
}
