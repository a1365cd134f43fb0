/* SPDX-License-Identifier: MIT */
/*
 * The janitor: one timer, once a second, and the duties that hang on it.
 *
 *   janitor_tend_backend     the cache's own (epoch, outbox, purges), following, auditing
 *   janitor_expire_idle     FastCGI connections that nobody uses
 *   janitor_prepare_store   until it has succeeded: indexes or tables made, the store seen; and again if they are found gone
 *
 * A store that is away at the start is no reason not to start: the worker serves what the cache has, answers 503 to the
 * rest, and prepares the store as soon as it is there. That runs on a pool thread, for it blocks, and after each failure
 * the pause doubles up to PREPARE_PAUSE_MAX_S. The log says once that the store is missing and once that it is ready; what
 * becomes of it afterwards is the pool's breaker's to tell.
 *
 * Every duty is bounded, and none waits for its end: the timer is set anew after the duties have been started. The second time comes
 * after a part of a second drawn by lot, so that workers which were started together don't ask the store all at once.
 */
#include "server/janitor.h"

#include <stdlib.h>

#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "cache/cache.h"
#include "store/pool.h"
#include "store/store.h"

enum { PERIOD_MS = 1000, PREPARE_PAUSE_MAX_S = 8 };

enum prepare_state { PREPARE_DUE, PREPARE_RUNNING, PREPARE_DONE };

struct janitor {
    struct pool_job prepare;
    enum prepare_state prepare_state;
    unsigned prepare_pause_s; /* after the last failure; 0: none yet */
    unsigned prepare_left_s;  /* of that pause */
    const struct events *events;
    struct services *services;
    struct backend *backend;
    struct listener *listener;
    struct timer *timer;
    bool has_begun;
};

static void janitor_tend_backend(struct janitor *janitor)
{
    backend_tend(janitor->backend);
}

static void janitor_expire_idle(struct janitor *janitor)
{
    listener_expire_idle(janitor->listener);
}

/* Pool thread. */
static enum status on_prepare(struct pool_job *job, struct error *error)
{
    const struct janitor *janitor = container_of(job, struct janitor, prepare);
    return store_prepare(janitor->services->store, error);
}

static void prepare_failed(struct janitor *janitor, const struct error *error)
{
    char text[sizeof(error->text) * 2];
    bool first = janitor->prepare_pause_s == 0;
    janitor->prepare_state = PREPARE_DUE;
    janitor->prepare_pause_s = first ? 1 : janitor->prepare_pause_s * 2;
    if (janitor->prepare_pause_s > PREPARE_PAUSE_MAX_S)
        janitor->prepare_pause_s = PREPARE_PAUSE_MAX_S;
    janitor->prepare_left_s = janitor->prepare_pause_s;
    if (first)
        log_warn(NULL, "store_not_ready", "store=%s error=\"%s\" action=\"trying again\"",
                 store_kind(janitor->services->store), log_value(text, sizeof(text), slice_of(error->text)));
}

static void on_prepared(struct pool_job *job, enum status status, const struct error *error)
{
    struct janitor *janitor = container_of(job, struct janitor, prepare);
    if (status != STATUS_OK) {
        prepare_failed(janitor, error);
        return;
    }
    janitor->prepare_state = PREPARE_DONE;
    janitor->prepare_pause_s = 0;
    log_info(NULL, "store_ready", "store=%s", store_kind(janitor->services->store));
}

static void janitor_prepare_store(struct janitor *janitor)
{
    if (janitor->prepare_state == PREPARE_DONE && !store_is_prepared(janitor->services->store))
        janitor->prepare_state = PREPARE_DUE;
    if (janitor->prepare_state != PREPARE_DUE)
        return;
    if (janitor->prepare_left_s > 0) {
        janitor->prepare_left_s--;
        return;
    }
    janitor->prepare_state = PREPARE_RUNNING;
    janitor->prepare.work = on_prepare;
    janitor->prepare.done = on_prepared;
    pool_run(janitor->services->pool, &janitor->prepare);
}

static void on_time(void *ctx)
{
    struct janitor *janitor = ctx;
    janitor_prepare_store(janitor);
    janitor_tend_backend(janitor);
    janitor_expire_idle(janitor);
    janitor->events->timer_start(janitor->timer, janitor->has_begun ? PERIOD_MS : (uint32_t)random_below(PERIOD_MS));
    janitor->has_begun = true;
}

struct janitor *janitor_new(const struct events *events, struct services *services, struct backend *backend,
                            struct listener *listener)
{
    struct janitor *janitor = mem_zalloc(sizeof(*janitor));
    janitor->events = events;
    janitor->services = services;
    janitor->backend = backend;
    janitor->listener = listener;
    janitor->timer = events->timer_new(events->loop, on_time, janitor);
    events->timer_start(janitor->timer, 0); /* the first time in the loop's first turn */
    return janitor;
}

void janitor_stop(struct janitor *janitor)
{
    janitor->events->timer_stop(janitor->timer);
}

void janitor_free(struct janitor *janitor)
{
    if (!janitor)
        return;
    janitor->events->timer_free(janitor->timer);
    free(janitor);
}
