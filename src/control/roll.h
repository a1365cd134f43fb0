/* SPDX-License-Identifier: MIT */
/*
 * Replacing all workers of a supervisor while they serve.
 */
#ifndef CONTROL_ROLL_H
#define CONTROL_ROLL_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct roll_options {
    pid_t supervisor;                       /* multiwatch: it starts a worker for each that ends */
    bool (*is_ready)(void *ctx, pid_t pid); /* whether a worker has all that it needs */
    void *ctx;
    void (*tell)(const char *text); /* a line for each step */
};

/*
 * Returns when all workers are new ones and ready. It takes some seconds per worker.
 *
 * errors   STATUS_UNAVAILABLE: nothing was changed, or the roll stopped; the text says at which worker, and why
 * context  main thread, no others run
 */
enum status control_roll(const struct roll_options *options, struct error *error) STATUS_MUST_CHECK;

#endif
