/* SPDX-License-Identifier: MIT */
/*
 * Periodic work that doesn't depend on requests: one function per duty, all of them here.
 * context  loop only, never blocks
 */
#ifndef SERVER_JANITOR_H
#define SERVER_JANITOR_H

#include "api/services.h"
#include "base/events.h"
#include "server/backend.h"
#include "server/listener.h"

struct janitor;
struct stats_file;

/* Starts at once; everything is borrowed. */
struct janitor *janitor_new(const struct events *events, struct services *services, struct backend *backend,
                            struct listener *listener, struct stats_file *stats_file);

/* Ends the periodic work; a store call may still be under way in the pool. */
void janitor_stop(struct janitor *janitor);

/* When the pool has no more jobs; NULL is fine. */
void janitor_free(struct janitor *janitor);

#endif
