/* SPDX-License-Identifier: MIT */
/*
 * Whether a worker is ready, told from one process to another. context  any thread, never blocks
 */
#ifndef SERVER_READY_H
#define SERVER_READY_H

#include <stdbool.h>
#include <sys/types.h>

/* This process is ready from now on, until the descriptor is closed. -1: the counters' file can't be opened. */
int ready_say(const char *stats_file);

/* Whether the process has said so, and still runs. */
bool ready_is_said(const char *stats_file, pid_t pid);

#endif
