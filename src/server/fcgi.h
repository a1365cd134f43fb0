/* SPDX-License-Identifier: MIT */
/*
 * FastCGI connections: from an accepted socket to struct request, and from its answer back. Only fcgi.c sees libfcgi.
 *
 * One connection carries one request at a time (nginx doesn't pipeline). libfcgi's reads and writes block. That is safe
 * only because the peer is nginx, which buffers both ways. Reading a request has a deadline besides, and so has sending
 * its answer (deadline.h). A request's body is always read to its end before the connection is used again: unread bytes
 * would be taken for the next request's records.
 * context  loop only
 */
#ifndef SERVER_FCGI_H
#define SERVER_FCGI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/services.h"
#include "base/error.h"
#include "base/events.h"

struct deadline;
struct fcgi_connection;

typedef void (*fcgi_closed_cb)(void *ctx);

/* A worker's connections. Its owner may read it; only fcgi.c changes it. */
struct fcgi {
    const struct events *events;
    struct services *services;
    fcgi_closed_cb on_closed; /* one connection fewer, or one more is held */
    void *ctx;
    struct deadline *deadline;           /* of what blocks the loop */
    struct fcgi_connection *connections; /* newest first */
    size_t connection_count;
    size_t busy_count; /* those with a request under way that isn't held */
    size_t held_count; /* those with one that is (api/request.h) */
    size_t held_max;
    bool draining;
    bool wants_room; /* until a connection ends */
};

/*
 * Sets libfcgi up and ignores SIGPIPE and SIGUSR1. Once, before the first thread, because it changes the environment.
 */
void fcgi_setup(void);

void fcgi_init(struct fcgi *fcgi, const struct events *events, struct services *services, struct deadline *deadline,
               fcgi_closed_cb on_closed, void *ctx);

/* Connections that count against a limit: a held request's does not, and has a limit of its own. */
static inline size_t fcgi_open_count(const struct fcgi *fcgi)
{
    return fcgi->connection_count - fcgi->held_count;
}

/* Closes all connections; no request may be under way. */
void fcgi_fini(struct fcgi *fcgi);

/*
 * Takes over an accepted, blocking socket, and serves a request that has come with it; on an error it is closed.
 * STATUS_UNAVAILABLE: no descriptor left.
 */
enum status fcgi_adopt(struct fcgi *fcgi, int fd, struct error *error) STATUS_MUST_CHECK;

/* Asks the peers of connections that are idle for idle_limit_ms to close them; closes those asked a second ago. */
void fcgi_expire_idle(struct fcgi *fcgi, int64_t idle_limit_ms);

/*
 * Others wait for a place: asks the peer of the connection that has been idle longest to close it, or of the first one
 * that becomes idle.
 */
void fcgi_make_room(struct fcgi *fcgi);

/* From now on each connection's peer is asked as soon as the connection is idle. */
void fcgi_drain(struct fcgi *fcgi);

#endif
