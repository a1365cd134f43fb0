/* SPDX-License-Identifier: MIT */
/*
 * A worker's parts, made and freed as src/server/server.c does it: backend, services, janitor.
 *
 * Requests come as fcgi.c hands them on: parameters and a whole body, an arena for what lives until the answer. The
 * listener has no connections here.
 */
#include "worker.h"

#include <stdlib.h>

#include "api/api.h"
#include "base/clock.h"
#include "base/container.h"
#include "base/mem.h"
#include "client.h"
#include "machine.h"
#include "server/backend.h"
#include "server/gauges.h"
#include "server/janitor.h"
#include "server/listener.h"
#include "server/stats_file.h"
#include "truth.h"
#include "world.h"

enum { DRAIN_TICK_MS = 10 };

struct exchange {
    struct request request;
    struct worker *worker;
    worker_answer_fn done;
    void *ctx;
};

struct worker workers[WORKERS_MAX];
bool workers_are_held;

/* ---- What server/ has elsewhere ---- */

const struct events *loop_events(const struct loop *loop)
{
    return &((const struct process *)loop)->events;
}

void *loop_uv(struct loop *loop)
{
    return loop;
}

void listener_expire_idle(struct listener *listener)
{
    (void)listener;
}

/* A schedule looks at counters, not at gauges. */
void gauges_set_work(const struct services *services)
{
    (void)services;
}

void gauges_set_process(const struct services *services)
{
    (void)services;
}

void stats_file_remember(struct stats_file *file)
{
    (void)file;
}

static void print_nothing(void *ctx, struct buf *out)
{
    (void)ctx;
    buf_append_text(out, "todo_up 1\n");
}

/* ---- Life ---- */

void worker_start(struct worker *worker, const struct settings *settings, int64_t wall_offset_ms)
{
    struct process *process = worker->process = &processes[worker - workers];
    struct error error;
    process_start(process, wall_offset_ms);
    struct process *before = process_enter(process);
    worker->stats = (struct stats){0};
    worker->busy_count = 0;
    worker->backend = mem_zalloc(sizeof(*worker->backend));
    worker->services = mem_zalloc(sizeof(*worker->services));
    struct backend_options options = {.loop = (struct loop *)process,
                                      .settings = settings,
                                      .stats = &worker->stats,
                                      .follow = settings->follow,
                                      .audit = true,
                                      .queue = true};
    enum status status = backend_open(worker->backend, &options, &error);
    bug_unless(status == STATUS_OK, "the drawn settings are valid");
    *worker->services = (struct services){.settings = settings,
                                          .cache = worker->backend->cache,
                                          .store = worker->backend->store,
                                          .pool = worker->backend->pool,
                                          .queue = worker->backend->queue,
                                          .stats = &worker->stats,
                                          .metrics = print_nothing};
    worker->services->limiter =
        (struct limiter){.redis = cache_redis(worker->backend->cache), .settings = settings, .stats = &worker->stats};
    worker->janitor = janitor_new(&process->events, worker->services, worker->backend, NULL, NULL);
    process_enter(before);
    worker->state = WORKER_UP;
    world_note('b', process->number, 0);
    world_tell("worker %u starts, its clock is %lld ms ahead", process->number, (long long)wall_offset_ms);
}

static void worker_fini(struct worker *worker)
{
    worker->redis_losses += worker->stats.counter[STAT_REDIS_TIMEOUT] + worker->stats.counter[STAT_REDIS_CONNECT];
    worker->stats = (struct stats){0};
    worker->state = WORKER_DOWN;
}

/* Also asked again in on_down(): something may have begun in between. */
static bool is_done(const struct worker *worker)
{
    return worker->busy_count == 0 && !worker->process->inputs && backend_is_idle(worker->backend);
}

static void on_down(void *ctx, uint64_t life)
{
    struct worker *worker = ctx;
    if (worker->process->life != life)
        return;
    if (!is_done(worker)) {
        worker_kill(worker); /* as exit() in the middle of something does */
        return;
    }
    struct process *before = process_enter(worker->process);
    worker->process->events.timer_free(worker->drain_timer);
    janitor_free(worker->janitor);
    backend_close(worker->backend);
    free(worker->services);
    free(worker->backend);
    process_enter(before);
    process_end(worker->process);
    worker_fini(worker);
    world_tell("worker %u has ended", worker->process->number);
}

static void on_drain_tick(void *ctx)
{
    struct worker *worker = ctx;
    bool is_over = events_now_ms(&worker->process->events) >= worker->drain_end_at_ms;
    if (is_over || (is_done(worker) && cache_settle(worker->backend->cache)))
        world_after(0, on_down, worker, worker->process->life);
    else
        worker->process->events.timer_start(worker->drain_timer, DRAIN_TICK_MS);
}

static void drain(void *ctx)
{
    struct worker *worker = ctx;
    const struct events *events = &worker->process->events;
    worker->services->draining = true;
    janitor_stop(worker->janitor);
    backend_stop(worker->backend);
    worker->drain_end_at_ms = events_now_ms(events) + worker->services->settings->drain_timeout_ms;
    worker->drain_timer = events->timer_new(events->loop, on_drain_tick, worker);
    events->timer_start(worker->drain_timer, 0);
}

void worker_stop(struct worker *worker)
{
    if (worker->state != WORKER_UP)
        return;
    worker->state = WORKER_DRAINING;
    world_tell("worker %u is asked to end", worker->process->number);
    process_input(worker->process, drain, worker);
}

void worker_kill(struct worker *worker)
{
    world_tell("worker %u is killed", worker->process->number);
    world_note('k', worker->process->number, 0);
    process_kill(worker->process);
    truth_killed((int)worker->process->number);
    machine_leave(worker->process);
    machine_tear(worker->process);
    worker_fini(worker);
    clients_lost(worker);
}

bool workers_lost_redis(void)
{
    for (size_t i = 0; i < WORKERS_MAX; i++) {
        const struct worker *worker = &workers[i];
        if (worker->redis_losses > 0 || worker->stats.counter[STAT_REDIS_TIMEOUT] > 0 ||
            worker->stats.counter[STAT_REDIS_CONNECT] > 0)
            return true;
    }
    return false;
}

/* ---- Requests ---- */

static void exchange_free(void *ctx)
{
    struct exchange *exchange = ctx;
    arena_fini(&exchange->request.arena);
    buf_fini(&exchange->request.scratch);
    buf_fini(&exchange->request.out);
    free(exchange);
}

/* The handler may still be on the stack, so the memory goes in the next turn. */
static void on_answer(struct request *request)
{
    struct exchange *exchange = container_of(request, struct exchange, request);
    struct worker *worker = exchange->worker;
    worker->busy_count--;
    struct process *process = process_enter(NULL);
    exchange->done(exchange->ctx, request);
    process_enter(process);
    process_input(process, exchange_free, exchange);
}

/* Clients don't go away here before their answer. */
static bool on_hold(struct request *request)
{
    (void)request;
    return true;
}

static void handle(void *ctx)
{
    struct exchange *exchange = ctx;
    request_begin(&exchange->request, clock_monotonic_us());
    api_handle(exchange->worker->services, &exchange->request);
}

void worker_ask(struct worker *worker, const struct request *request, worker_answer_fn done, void *ctx)
{
    struct process *before = process_enter(worker->process);
    struct exchange *exchange = mem_zalloc(sizeof(*exchange));
    *exchange = (struct exchange){.request = *request, .worker = worker, .done = done, .ctx = ctx};
    exchange->request.answer = on_answer;
    exchange->request.hold = on_hold;
    arena_init(&exchange->request.arena);
    buf_init(&exchange->request.scratch);
    buf_init(&exchange->request.out);
    worker->busy_count++;
    process_enter(before);
    process_input(worker->process, handle, exchange);
}
