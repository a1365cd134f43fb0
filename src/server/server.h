/* SPDX-License-Identifier: MIT */
/*
 * A worker as a whole: makes its parts, runs, and takes them apart again.
 * context  the main thread
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "base/error.h"
#include "base/settings.h"

struct server;

/*
 * Before any other thread exists. listen_fd stays the caller's, settings are borrowed.
 * errors  STATUS_INVALID: a setting that can't be (the store's URI, Redis' address); STATUS_UNAVAILABLE: no SQLite file
 */
enum status server_new(struct server **server, const struct settings *settings, int listen_fd,
                       struct error *error) STATUS_MUST_CHECK;

/* Serves until SIGTERM, SIGINT or SIGQUIT has come and what was under way is answered, or drain_timeout_ms is over. */
void server_run(struct server *server);

/* Ends the process with status 0 if store calls are still under way then; NULL is fine. */
void server_free(struct server *server);

#endif
