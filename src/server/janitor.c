/* SPDX-License-Identifier: MIT */
/*
 * The janitor: one timer, once a second, and its duties.
 *
 *   janitor_tend_backend    the cache's own (epoch, outbox, purges), following, auditing
 *   janitor_say_ready       once store and Redis have been there, to todoctl roll
 *   janitor_expire_idle     FastCGI connections that are idle
 *   log_flush               of lines that repeat, how often they came
 *   janitor_set_gauges      what /metrics shows of this worker
 *   janitor_prepare_store   makes indexes or tables, checks that the store answers; repeated until it succeeds
 *
 * A worker starts even if the store is away: it serves what the cache has, answers 503 otherwise, and prepares the
 * store as soon as it answers. Preparing runs on a pool thread, because it blocks. After each failure the pause
 * doubles, up to PREPARE_PAUSE_MAX_S. The log says once that the store is missing and once that it is ready, and
 * then also if it is empty or has documents of others. Later outages are reported by the pool's breaker.
 *
 * Every duty is bounded, and the janitor waits for none: it sets the timer again when it has started them. The second
 * run comes after a random part of a second, so that workers that were started together don't all ask the store at
 * once.
 */
#include "server/janitor.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "cache/cache.h"
#include "server/gauges.h"
#include "server/ready.h"
#include "server/stats_file.h"
#include "store/foreign.h"
#include "store/pool.h"
#include "store/store.h"

enum { PERIOD_MS = 1000, PREPARE_PAUSE_MAX_S = 8, PROCESS_TURNS = 10 };

enum prepare_state { PREPARE_DUE, PREPARE_RUNNING, PREPARE_DONE };

struct janitor {
    struct pool_job prepare;
    struct store_survey survey; /* after the last success */
    enum prepare_state prepare_state;
    unsigned prepare_pause_s; /* after the last failure; 0: none yet */
    unsigned prepare_left_s;  /* how much of that pause is to come */
    const struct events *events;
    struct services *services;
    struct backend *backend;
    struct listener *listener;
    struct stats_file *stats_file;
    struct timer *timer;
    unsigned turn_count;
    int ready_fd; /* -1: not ready yet */
};

static void janitor_tend_backend(struct janitor *janitor)
{
    backend_tend(janitor->backend);
}

static void janitor_say_ready(struct janitor *janitor)
{
    if (janitor->ready_fd < 0 && janitor->prepare_state == PREPARE_DONE && cache_is_trusted(janitor->services->cache))
        janitor->ready_fd = ready_say(janitor->services->settings->stats_file);
}

static void janitor_expire_idle(struct janitor *janitor)
{
    listener_expire_idle(janitor->listener);
}

static void janitor_set_gauges(struct janitor *janitor)
{
    if (janitor->turn_count % PROCESS_TURNS == 0)
        gauges_set_process(janitor->services);
    gauges_set_work(janitor->services);
}

/* Pool thread. */
static enum status on_prepare(struct pool_job *job, struct error *error)
{
    struct janitor *janitor = container_of(job, struct janitor, prepare);
    struct error ignored;
    enum status status = store_prepare(janitor->services->store, error);
    if (status == STATUS_OK && store_survey(janitor->services->store, &janitor->survey, &ignored) != STATUS_OK)
        janitor->survey.text[0] = '\0';
    return status;
}

static void prepare_failed(struct janitor *janitor, const struct error *error)
{
    if (error->status == STATUS_INVALID)
        janitor->backend->on_wrong(janitor->backend->ctx, error);
    bool first = janitor->prepare_pause_s == 0;
    janitor->prepare_state = PREPARE_DUE;
    janitor->prepare_pause_s = first ? 1 : janitor->prepare_pause_s * 2;
    if (janitor->prepare_pause_s > PREPARE_PAUSE_MAX_S)
        janitor->prepare_pause_s = PREPARE_PAUSE_MAX_S;
    janitor->prepare_left_s = janitor->prepare_pause_s;
    if (first)
        log_warn(NULL, "store_not_ready", "store=%s error=\"%s\" action=\"trying again\"",
                 store_kind(janitor->services->store), error->text);
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
    if (janitor->survey.foreign_count > 0)
        log_warn(NULL, "store_foreign", "notice=\"%s\"", janitor->survey.text);
    else if (janitor->survey.is_empty)
        log_info(NULL, "store_empty", "notice=\"%s\"", janitor->survey.text);
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
    janitor->prepare.lane = POOL_CARE;
    janitor->prepare.work = on_prepare;
    janitor->prepare.done = on_prepared;
    pool_run(janitor->services->pool, &janitor->prepare);
}

static void on_time(void *ctx)
{
    struct janitor *janitor = ctx;
    janitor_prepare_store(janitor);
    janitor_tend_backend(janitor);
    janitor_say_ready(janitor);
    janitor_expire_idle(janitor);
    stats_file_remember(janitor->stats_file);
    log_flush();
    janitor_set_gauges(janitor);
    bool is_first = janitor->turn_count++ == 0;
    janitor->events->timer_start(janitor->timer, is_first ? (uint32_t)random_below(PERIOD_MS) : PERIOD_MS);
}

struct janitor *janitor_new(const struct events *events, struct services *services, struct backend *backend,
                            struct listener *listener, struct stats_file *stats_file)
{
    struct janitor *janitor = mem_zalloc(sizeof(*janitor));
    janitor->events = events;
    janitor->ready_fd = -1;
    janitor->services = services;
    janitor->backend = backend;
    janitor->listener = listener;
    janitor->stats_file = stats_file;
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
    if (janitor->ready_fd >= 0)
        close(janitor->ready_fd);
    free(janitor);
}
