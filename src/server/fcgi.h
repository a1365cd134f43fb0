/* SPDX-License-Identifier: MIT */
/*
 * FastCGI connections: from an accepted socket to struct request, and from its answer back. The only place that sees libfcgi.
 *
 * One connection carries one request at a time (nginx doesn't pipeline). libfcgi's reads and writes block, which is safe only
 * because the peer is nginx, which buffers both ways; each socket has SO_RCVTIMEO and SO_SNDTIMEO of 2 s all the same.
 * Whatever happens, the request's body is read to its end before the connection is used again: what is left unread would be
 * taken for the next request's records.
 */
#ifndef SERVER_FCGI_H
#define SERVER_FCGI_H

#include <stddef.h>

#include "api/services.h"
#include "base/error.h"
#include "server/loop.h"

struct listener;

/*
 * Accepts on listen_fd (fd 0 under spawn-fcgi) until listener_close(). At most settings->connections_max connections at once;
 * idle ones are closed after settings->idle_timeout_s.
 */
enum status listener_new(struct listener **listener, struct loop *loop, int listen_fd, struct services *services,
                         struct error *error) STATUS_MUST_CHECK;

/* Requests being answered now. */
size_t listener_busy_count(const struct listener *listener);
size_t listener_connection_count(const struct listener *listener);

/* Closes idle connections older than the limit; called by the janitor. */
void listener_expire_idle(struct listener *listener);

/* Stops accepting; connections go on. */
void listener_stop(struct listener *listener);

/* Closes everything and frees; when nothing is busy or the patience is over. */
void listener_close(struct listener *listener);

#endif
