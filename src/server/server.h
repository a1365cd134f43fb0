/* SPDX-License-Identifier: MIT */
/*
 * A worker as a whole: makes its parts, runs, and frees them in the end.
 * context  the main thread
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "base/error.h"
#include "base/settings.h"

struct server;

struct server_options {
    const struct settings *settings; /* borrowed for the server's life */
    int listen_fd;                   /* stays the caller's */
    void (*reopen_log)(void);        /* on SIGHUP and SIGUSR2 */
};

/*
 * Before any other thread exists.
 * A store or a Redis that is away is no error: the worker starts without them.
 * errors  STATUS_INVALID: a setting is wrong, or a file that it names can't be read; STATUS_UNAVAILABLE: the system
 * gives no
 *         event loop, or libcurl can't start
 */
enum status server_new(struct server **server, const struct server_options *options,
                       struct error *error) STATUS_MUST_CHECK;

/*
 * Serves until SIGTERM, SIGINT or SIGQUIT. Returns when all requests are answered, or after drain_timeout_ms.
 * errors  STATUS_INVALID: a setting turned out to be wrong: Redis hides who it is, or the journal of write_queue is not
 *         durable. It has ended by itself
 */
enum status server_run(struct server *server, struct error *error) STATUS_MUST_CHECK;

/* Ends the process with status 0 if store calls are still under way; NULL is fine. */
void server_free(struct server *server);

#endif
