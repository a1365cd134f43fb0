/* SPDX-License-Identifier: MIT */
/*
 * todo-fcgi --check: whether a worker with these settings would find all that it needs.
 * context  the main thread, before anything else runs
 */
#ifndef SERVER_CHECK_H
#define SERVER_CHECK_H

#include "base/settings.h"

enum check_result {
    CHECK_WELL,
    CHECK_AWAY,  /* something is away or full: a worker starts, and serves what it can */
    CHECK_WRONG, /* a setting, a file, a right, a version: only a person can mend it */
};

/* Calls tell for each thing that is wrong, with a line about it; returns the worst. Takes some seconds at most. */
enum check_result check_run(const struct settings *settings, void (*tell)(const char *text));

#endif
