/* SPDX-License-Identifier: MIT */
/*
 * Workers: everything of src/server/server.c but sockets and signals, in a simulated process. And an operator, who runs
 * todoctl purge in a process of its own.
 */
#ifndef TESTS_SIM_WORKER_H
#define TESTS_SIM_WORKER_H

#include <stdbool.h>

#include "api/request.h"
#include "api/services.h"
#include "process.h"

enum { WORKERS_MAX = 4, OPERATOR = WORKERS_MAX };

enum worker_state { WORKER_DOWN, WORKER_UP, WORKER_DRAINING };

struct worker {
    struct process *process;
    enum worker_state state;
    struct backend *backend; /* these three in its process' memory */
    struct services *services;
    struct janitor *janitor;
    struct timer *drain_timer;
    int64_t drain_end_at_ms;
    size_t busy_count; /* requests under way */
    struct stats stats;
    uint64_t redis_losses; /* timeouts and failed attempts of its earlier lives */
};

extern struct worker workers[WORKERS_MAX];

/* Nobody starts workers that have ended (a supervisor that was stopped). */
extern bool workers_are_held;

/* settings are borrowed for the worker's life. */
void worker_start(struct worker *worker, const struct settings *settings, int64_t wall_offset_ms);

/* Asks it to end, as SIGTERM does; it is down a moment later. Nobody may send it requests any more. */
void worker_stop(struct worker *worker);

void worker_kill(struct worker *worker);

/*
 * Sends a request, its slices borrowed until the answer. done is called once, in the world, unless the worker dies
 * before; the request is borrowed until it returns.
 */
typedef void (*worker_answer_fn)(void *ctx, const struct request *request);
void worker_ask(struct worker *worker, const struct request *request, worker_answer_fn done, void *ctx);

/* Whether the workers have ever found Redis slow or away. */
bool workers_lost_redis(void);

/* ---- operator.c ---- */

/* Runs todoctl purge, of one id or (NULL) of all; false: it is still at something. */
bool operator_purge(const struct settings *settings, const char *id);
bool operator_errs(const struct settings *settings, size_t number); /* with one of several wrong settings */
bool operator_is_idle(void);
void operator_kill(void);

#endif
