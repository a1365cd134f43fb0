/* SPDX-License-Identifier: MIT */
/*
 * The listening socket, and the worker's FastCGI connections as a whole.
 *
 * Several workers share one listening socket. A worker that has settings->connections_max connections accepts no more
 * until one of them ends. Meanwhile new connections wait in the socket's backlog, for this worker or another.
 * context  loop only; nothing here blocks, see fcgi.h for the one exception
 */
#ifndef SERVER_LISTENER_H
#define SERVER_LISTENER_H

#include <stddef.h>
#include <stdint.h>

#include "api/services.h"
#include "base/events.h"

struct deadline;
struct listener;

/*
 * Accepts on listen_fd (fd 0 under spawn-fcgi), which stays the caller's, up to connections_max connections, and held
 * ones up to held_max besides. All else is borrowed.
 */
struct listener *listener_new(const struct events *events, int listen_fd, size_t connections_max, size_t held_max,
                              struct services *services, struct deadline *deadline);

/* Requests being answered now; connections, these included. */
size_t listener_busy_count(const struct listener *listener);
size_t listener_connection_count(const struct listener *listener);

/* Ends connections that are idle for longer than settings->idle_timeout_s; called by the janitor. */
void listener_expire_idle(struct listener *listener);

/*
 * Stops accepting and asks the peer to close its connections as they become idle; requests that are under way, or on
 * their way, are answered. listener_expire_idle() then closes connections that the peer does not close within a second.
 */
void listener_drain(struct listener *listener);

/* Closes everything and frees. No request may be under way; NULL is fine. */
void listener_free(struct listener *listener);

#endif
