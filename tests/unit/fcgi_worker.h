/* SPDX-License-Identifier: MIT */
/*
 * A worker for unit tests: server/'s loop, listener and connections over an API that tells what reached it.
 *
 * It runs in a child process, listens on a socket of its own, and ends by SIGTERM as a worker does.
 *
 * Paths: /later answers after LATER_MS, /big with BIG_BYTES bytes, /count with the number of requests so far,
 * /held with "begun" after LATER_MS and " ended" after another LATER_MS, being held (up to HELD_MAX), /gone with the number of held
 * requests whose peer went; all others
 * with "METHOD PATH BODY_LENGTH BODY_STATE".
 */
#ifndef TESTS_UNIT_FCGI_WORKER_H
#define TESTS_UNIT_FCGI_WORKER_H

#include <stdint.h>
#include <sys/types.h>

enum { BODY_MAX = 65536, LATER_MS = 100, BIG_BYTES = 4 << 20, HELD_MAX = 2 };

struct worker {
    pid_t pid;
    char folder[64];
    char path[80];
};

struct worker worker_start(int64_t connections_max, int64_t idle_timeout_s);

/* Sends SIGTERM; returns how long the end took. Another exit status than 0 fails the test, and so does 5 s without an end. */
int64_t worker_stop(struct worker *worker);

/* The same for a SIGTERM that was sent already. */
int64_t worker_join(struct worker *worker, int64_t began_at_ms);

/* Monotonic. */
int64_t now_ms(void);

#endif
