/* SPDX-License-Identifier: MIT */
/*
 * The workers of a supervisor, and processes that are started as one of them was. context  main thread, no others run
 */
#ifndef CONTROL_TWIN_H
#define CONTROL_TWIN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"

enum { PIDS_MAX = 512, TWIN_ARGUMENTS_MAX = 64, TWIN_VARIABLES_MAX = 512 };

struct pids {
    pid_t list[PIDS_MAX];
    size_t count;
};

bool pids_have(const struct pids *pids, pid_t pid);
void pids_add(struct pids *pids, pid_t pid); /* beyond PIDS_MAX: not */
void pids_of_children(struct pids *pids, pid_t parent);

/* How a process was started; twin_init() comes first. */
struct twin {
    struct buf arguments_text, variables_text;
    char *arguments[TWIN_ARGUMENTS_MAX + 2]; /* one more than it has, and NULL */
    char *variables[TWIN_VARIABLES_MAX + 1];
    size_t argument_count;
    int folder_fd;
    int input_fd; /* its listening socket */
    int log_fd;   /* its standard error; -1: ours */
};

void twin_init(struct twin *twin);

/* errors  STATUS_UNAVAILABLE: no such process, or it is not ours to look at */
enum status twin_read(struct twin *twin, pid_t pid, struct error *error) STATUS_MUST_CHECK;
void twin_free(struct twin *twin);

/* Starts the same again. It is told to end (SIGTERM) when this process ends in any way. -1: it can't be started. */
pid_t twin_start(struct twin *twin);

/* Runs the same with one argument more, as "--check", with our standard error; its exit status, -1: it has none. */
int twin_run(struct twin *twin, const char *argument);

#endif
