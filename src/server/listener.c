/* SPDX-License-Identifier: MIT */
/*
 * The listening socket: accepts for fcgi.c, within limits.
 *
 * All workers share the socket, so that an idle worker takes the next connection. nginx keeps its connections open for
 * long, so their first distribution decides how much each worker has to do. Hence one connection per turn of the loop
 * and no more: a busy worker's loop turns slowly, and the other workers accept the other connections.
 *
 *   ACCEPTING --one more than connections_max--> FULL --one ends--> ACCEPTING
 *   ACCEPTING --no descriptor or memory left--> PAUSED --RETRY_MS, or one ends--> ACCEPTING
 *   any --listener_drain()--> STOPPED
 *
 * Connections that are not accepted wait in the backlog. Another worker may take them there, and nginx' own timeouts
 * apply. No connection is refused, and no error of accept4() ends the loop. nginx keeps its connections, each of its
 * processes some. So a process without one would wait until another's idle one expires. Therefore, while one waits, the
 * peer is asked to close the connection that has been idle longest (fcgi_make_room()).
 *
 * Does not: make the listening socket (listen_socket.c), or read a connection's bytes (fcgi.c).
 */
#include "server/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "server/fcgi.h"

enum { RETRY_MS = 100 };

enum listener_state { LISTENER_ACCEPTING, LISTENER_FULL, LISTENER_PAUSED, LISTENER_STOPPED };

struct listener {
    struct fcgi fcgi;
    const struct events *events;
    struct services *services;
    int fd;
    size_t connections_max;
    enum listener_state state;
    struct watch *watch;
    struct timer *retry;
    bool short_of_descriptors; /* this is in the log; false again when an accept succeeds */
};

static void listener_enter(struct listener *listener, enum listener_state state)
{
    listener->state = state;
    listener->events->watch_want(listener->watch, state == LISTENER_ACCEPTING, false);
}

static void on_retry(void *ctx)
{
    struct listener *listener = ctx;
    if (listener->state == LISTENER_PAUSED)
        listener_enter(listener, LISTENER_ACCEPTING);
}

static void on_connection_closed(void *ctx)
{
    struct listener *listener = ctx;
    if (listener->state != LISTENER_STOPPED)
        listener_enter(listener, LISTENER_ACCEPTING);
}

/* No descriptors or memory: the listening socket stays readable, so trying again at once would spin. */
static void listener_back_off(struct listener *listener, const char *text)
{
    stats_add(listener->services->stats, STAT_CONNECTION_REFUSED, 1);
    if (!listener->short_of_descriptors)
        log_error(NULL, "accept_failed", "error=\"%s\" connections=%zu retry_ms=%d", text,
                  listener->fcgi.connection_count, RETRY_MS);
    listener->short_of_descriptors = true;
    listener_enter(listener, LISTENER_PAUSED);
    fcgi_make_room(&listener->fcgi);
    listener->events->timer_start(listener->retry, RETRY_MS);
}

static void on_connection(void *ctx, bool readable, bool writable)
{
    struct listener *listener = ctx;
    struct error error;
    (void)readable;
    (void)writable;
    if (fcgi_open_count(&listener->fcgi) >= listener->connections_max) {
        listener_enter(listener, LISTENER_FULL);
        fcgi_make_room(&listener->fcgi);
        return;
    }
    int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        /* Another worker was faster, or the peer has closed again. */
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
            listener_back_off(listener, strerror(errno));
        return;
    }
    if (fcgi_adopt(&listener->fcgi, fd, &error) != STATUS_OK) {
        listener_back_off(listener, error.text);
        return;
    }
    stats_add(listener->services->stats, STAT_CONNECTION, 1);
    listener->short_of_descriptors = false;
}

struct listener *listener_new(const struct events *events, int listen_fd, size_t connections_max, size_t held_max,
                              struct services *services, struct deadline *deadline)
{
    struct listener *listener = mem_zalloc(sizeof(*listener));
    listener->events = events;
    listener->services = services;
    listener->fd = listen_fd;
    listener->connections_max = connections_max;
    fcgi_init(&listener->fcgi, events, services, deadline, on_connection_closed, listener);
    listener->fcgi.held_max = held_max;
    listener->retry = events->timer_new(events->loop, on_retry, listener);
    listener->watch = events->watch_new(events->loop, listen_fd, on_connection, listener);
    listener_enter(listener, LISTENER_ACCEPTING);
    return listener;
}

size_t listener_busy_count(const struct listener *listener)
{
    return listener->fcgi.busy_count;
}

size_t listener_connection_count(const struct listener *listener)
{
    return listener->fcgi.connection_count;
}

void listener_expire_idle(struct listener *listener)
{
    fcgi_expire_idle(&listener->fcgi, listener->services->settings->idle_timeout_s * 1000);
}

void listener_drain(struct listener *listener)
{
    listener_enter(listener, LISTENER_STOPPED);
    fcgi_drain(&listener->fcgi);
}

void listener_free(struct listener *listener)
{
    if (!listener)
        return;
    listener->state = LISTENER_STOPPED; /* so that a connection's end doesn't resume accepting */
    fcgi_fini(&listener->fcgi);
    listener->events->watch_free(listener->watch);
    listener->events->timer_free(listener->retry);
    free(listener);
}
