/* SPDX-License-Identifier: MIT */
/*
 * A private redis-server on a unix socket in a folder of its own, without persistence, for tests; it dies with the test program.
 */
#ifndef TESTS_UNIT_REDIS_PROCESS_H
#define TESTS_UNIT_REDIS_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

struct redis_process {
    char folder[64];
    char socket[96];
    char address[104]; /* "unix:SOCKET" */
    pid_t pid;         /* 0: it doesn't run */
};

/* Makes the folder; the server is not started. */
void redis_process_init(struct redis_process *process);

/* Starts it and waits until it answers; option and value, may be NULL, go to its command line. */
void redis_process_start(struct redis_process *process, const char *option, const char *value);

/* A connection of its own, blocking: sends one inline command and returns the socket; the caller closes it. */
int redis_process_tell(const struct redis_process *process, const char *command);

/* The same, and waits for the answer, which must be "+OK". */
void redis_process_do(const struct redis_process *process, const char *command);

/* A port of 127.0.0.1 that nobody listens on. */
int redis_process_free_port(void);

/* Ends it by SIGKILL, stopped or not. */
void redis_process_kill(struct redis_process *process);

/* Ends it and removes the folder. */
void redis_process_fini(struct redis_process *process);

/* Runs the tests, or tells loudly that they can't be run. */
#define run_redis_tests(name, tests, begin, end)                                                                       \
    (redis_tests_skipped() ? redis_skip_status() : cmocka_run_group_tests_name(name, tests, begin, end))
bool redis_tests_skipped(void);
int redis_skip_status(void);

#endif
