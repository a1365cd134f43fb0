/* SPDX-License-Identifier: MIT */
/*
 * A worker's parts, from the loop up to the janitor, made in the order of their layers and freed in the opposite one.
 *
 * The end must lose no request. On SIGTERM, SIGINT or SIGQUIT:
 *   1. /readyz reports it, and no more connections are accepted: those in the backlog are for the other workers;
 *   2. the peer is asked to close its idle connections, and every other one after its answer (fcgi.c explains how, and
 *      why a plain close() would lose a request that is on its way);
 *   3. requests under way are answered, and so are those that still come on open connections; who waits for changes is
 *      answered at once, and asks another worker;
 *   4. when there is no connection, store call, refresh or purge, the loop stops. If the peer doesn't close a
 *      connection, it is closed after a second without a request; at drain_timeout_ms all are closed.
 * Behind nginx that takes as long as the longest request.
 *
 * A second of these has no effect. Otherwise a signal to the process group and another to multiwatch would lose
 * requests.
 *
 * SIGQUIT means the same because multiwatch 1.0.0 sends it first when it was told "-s TERM": it takes the signal before
 * the wanted one in its table. A worker with the default action would die of it at every stop of the service.
 *
 * SIGHUP and SIGUSR2 open the log's file again. There are two, because multiwatch hands on SIGUSR2, but takes SIGHUP
 * for a signal to stop.
 *
 * A worker that finds at its start that Redis hides who it is (cache/identity.c) ends in the same way, and says why: it
 * could not notice that another Redis has taken that one's place. So it does if Redis is one node of a cluster.
 *
 * A write queue whose journal turns out not to be durable is a wrong setting like any other. It is known only when the
 * journal has answered, so the worker has begun by then: it drains, and ends with the same status as if it had not.
 *
 * A broken stats file must not stop a worker: it counts for itself and logs a warning.
 */
#include "server/server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api/coding.h"
#include "api/services.h"
#include "base/log.h"
#include "base/mem.h"
#include "cache/cache.h"
#include "feed/feed.h"
#include "server/backend.h"
#include "server/deadline.h"
#include "server/fcgi.h"
#include "server/janitor.h"
#include "server/listener.h"
#include "server/loop.h"
#include "server/stats_file.h"
#include "server/write_token.h"
#include "store/pool.h"
#include "store/store.h"

enum {
    DRAIN_TICK_MS = 10,
    CONNECTION_DESCRIPTORS = 2,
    OTHER_DESCRIPTORS = 256,    /* Redis, store, log, and those that libraries open */
    OTHER_DESCRIPTORS_MIN = 40, /* with SQLite and few threads there are 34 */
};

struct server {
    const struct settings *settings;
    void (*reopen_log)(void);
    const struct events *events; /* the loop's */
    struct loop *loop;
    struct deadline *deadline;
    struct stats_file *stats_file;
    char write_token[WRITE_TOKEN_MAX + 2];
    struct services services;
    struct backend backend;
    size_t connections_max, held_max;
    struct listener *listener;
    struct janitor *janitor;
    struct timer *drain_timer;
    int64_t drain_end_at_ms;
    struct error wrong; /* STATUS_INVALID: a setting that turned out to be wrong */
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/*
 * connections_max and changes_max need more descriptors than the default soft limit allows; the hard limit usually is
 * high enough. Decides how many connections there may be: the store and Redis must find descriptors when clients hold
 * all others.
 */
static void descriptors_raise(struct server *server)
{
    const struct settings *settings = server->settings;
    server->connections_max = (size_t)settings->connections_max;
    server->held_max = (size_t)settings->changes_max;
    rlim_t needed = server->connections_max * CONNECTION_DESCRIPTORS + server->held_max + OTHER_DESCRIPTORS;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed)
        return;
    limit.rlim_cur = needed < limit.rlim_max ? needed : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= needed)
        return;
    rlim_t others = limit.rlim_cur / 2 < OTHER_DESCRIPTORS ? limit.rlim_cur / 2 : OTHER_DESCRIPTORS;
    if (others < OTHER_DESCRIPTORS_MIN && limit.rlim_cur > OTHER_DESCRIPTORS_MIN)
        others = OTHER_DESCRIPTORS_MIN;
    size_t possible = (size_t)(limit.rlim_cur - others);
    server->connections_max = smaller(possible / CONNECTION_DESCRIPTORS, server->connections_max);
    server->held_max = smaller(possible - server->connections_max * CONNECTION_DESCRIPTORS, server->held_max);
    server->connections_max += server->connections_max == 0;
    log_warn(NULL, "descriptors_short",
             "needed=%llu limit=%llu connections_max=%zu changes_max=%zu "
             "action=\"raise LimitNOFILE or lower connections_max or changes_max\"",
             (unsigned long long)needed, (unsigned long long)limit.rlim_cur, server->connections_max, server->held_max);
}

static enum status server_open_stats(struct server *server, struct error *error)
{
    const struct settings *settings = server->settings;
    struct error why;
    if (stats_file_open(&server->stats_file, settings->stats_file, (size_t)settings->stats_slots, &why) == STATUS_OK)
        return STATUS_OK;
    log_warn(NULL, "stats_file_unusable", "error=\"%s\" action=\"counting for this worker alone\"", why.text);
    return stats_file_open(&server->stats_file, "", 1, error);
}

static void on_wrong(void *ctx, const struct error *error);

static enum status server_open_backend(struct server *server, struct error *error)
{
    struct backend_options options = {
        .loop = server->loop,
        .settings = server->settings,
        .stats = server->services.stats,
        .trail = stats_file_trail(server->stats_file),
        .board = stats_file_board(server->stats_file),
        .follow = server->settings->follow,
        .audit = true,
        .queue = true,
        .queue_board = stats_file_queue(server->stats_file),
        .on_wrong = on_wrong,
        .ctx = server,
    };
    enum status status = backend_open(&server->backend, &options, error);
    server->services.store = server->backend.store;
    server->services.pool = server->backend.pool;
    server->services.cache = server->backend.cache;
    server->services.queue = server->backend.queue;
    if (status != STATUS_OK)
        return status;
    if (server->settings->follow || strcmp(store_kind(server->backend.store), "sqlite") == 0)
        server->services.feed = feed_new(&(struct feed_options){
            .events = server->events, .store = server->backend.store, .pool = server->backend.pool});
    server->services.limiter = (struct limiter){.redis = cache_redis(server->backend.cache),
                                                .cluster = cache_cluster(server->backend.cache),
                                                .settings = server->settings,
                                                .stats = server->services.stats};
    return STATUS_OK;
}

/* Each step needs those before it. */
static enum status server_open(struct server *server, struct error *error)
{
    struct services *services = &server->services;
    enum status status = write_token_read(server->settings->write_token_file, server->write_token, error);
    if (status != STATUS_OK)
        return status;
    if (*server->write_token)
        services->write_token = slice_of(server->write_token);
    status = loop_new(&server->loop, backend_thread_count(server->settings, server->settings->follow), error);
    if (status != STATUS_OK)
        return status;
    server->events = loop_events(server->loop);
    status = deadline_new(&server->deadline, error);
    if (status != STATUS_OK)
        return status;

    status = server_open_stats(server, error);
    if (status != STATUS_OK)
        return status;
    services->settings = server->settings;
    services->stats = stats_file_own(server->stats_file);
    services->metrics = stats_file_print;
    services->sum = stats_file_sum;
    services->figures = stats_file_figures;
    services->tell = stats_file_tell;
    services->machine = server->stats_file;

    return server_open_backend(server, error);
}

/* The store gets the beat of the last writes at the very end. */
static bool server_is_done(const struct server *server)
{
    return listener_connection_count(server->listener) == 0 && backend_is_idle(&server->backend) &&
           cache_settle(server->backend.cache);
}

static void on_drain_tick(void *ctx)
{
    struct server *server = ctx;
    listener_expire_idle(server->listener);
    if (server_is_done(server) || events_now_ms(server->events) >= server->drain_end_at_ms)
        loop_stop(server->loop);
    else
        server->events->timer_start(server->drain_timer, DRAIN_TICK_MS);
}

static void server_drain(struct server *server, int signal_number)
{
    server->services.draining = true;
    log_info(NULL, "draining", "signal=%d busy=%zu connections=%zu", signal_number,
             listener_busy_count(server->listener), listener_connection_count(server->listener));
    janitor_stop(server->janitor);
    backend_stop(&server->backend);
    listener_drain(server->listener);
    if (server->services.feed)
        feed_stop(server->services.feed);
    server->drain_end_at_ms = events_now_ms(server->events) + server->settings->drain_timeout_ms;
    server->events->timer_start(server->drain_timer, 0);
}

static void on_signal(void *ctx, int signal_number)
{
    struct server *server = ctx;
    if (signal_number == SIGHUP || signal_number == SIGUSR2)
        server->reopen_log();
    else if (!server->services.draining)
        server_drain(server, signal_number);
}

static void on_wrong(void *ctx, const struct error *error)
{
    struct server *server = ctx;
    if (server->services.draining)
        return;
    server->wrong = *error;
    server_drain(server, 0);
}

enum status server_new(struct server **out, const struct server_options *options, struct error *error)
{
    struct server *server = mem_zalloc(sizeof(*server));
    server->settings = options->settings;
    server->reopen_log = options->reopen_log;
    fcgi_setup();
    descriptors_raise(server);
    enum status status = server_open(server, error);
    if (status != STATUS_OK) {
        server_free(server);
        return status;
    }
    server->drain_timer = server->events->timer_new(server->events->loop, on_drain_tick, server);
    server->listener = listener_new(server->events, options->listen_fd, server->connections_max, server->held_max,
                                    &server->services, server->deadline);
    server->janitor =
        janitor_new(server->events, &server->services, &server->backend, server->listener, server->stats_file);
    loop_on_signal(server->loop, on_signal, server);
    *out = server;
    return STATUS_OK;
}

enum status server_run(struct server *server, struct error *error)
{
    struct buf store_uri;
    buf_init(&store_uri);
    settings_mask_uri(&store_uri, server->settings->store);
    log_info(NULL, "started", "version=%s store=%s redis=%s connections_max=%lld", PACKAGE_VERSION, store_uri.data,
             server->settings->redis, (long long)server->settings->connections_max);
    buf_fini(&store_uri);

    loop_run(server->loop);
    log_flush();
    log_info(NULL, "stopped", "busy=%zu connections=%zu", listener_busy_count(server->listener),
             listener_connection_count(server->listener));
    *error = server->wrong;
    return error->status;
}

/*
 * A store call that is still running at drain_timeout_ms can't be stopped. Its thread uses memory that must not be
 * freed, and even exit() would wait for it. Its client gets no answer, and its fence expires by itself.
 */
static void server_leave_if_busy(const struct server *server)
{
    size_t busy = listener_busy_count(server->listener);
    size_t calls = pool_busy_count(server->services.pool);
    const struct cache *cache = server->services.cache;
    if (busy == 0 && calls == 0 && !cache_is_reading(cache) && !backend_is_following(&server->backend) &&
        !backend_is_applying(&server->backend))
        return;
    log_warn(NULL, "drain_timed_out", "requests=%zu store_calls=%zu", busy, calls);
    _exit(EXIT_SUCCESS);
}

void server_free(struct server *server)
{
    if (!server)
        return;
    if (server->listener)
        server_leave_if_busy(server);
    janitor_free(server->janitor);
    listener_free(server->listener);
    feed_free(server->services.feed);
    deadline_free(server->deadline);
    if (server->drain_timer)
        server->events->timer_free(server->drain_timer);
    backend_close(&server->backend);
    coding_fini(&server->services.coding);
    loop_free(server->loop);
    stats_file_close(server->stats_file);
    free(server);
}
