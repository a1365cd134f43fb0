/* SPDX-License-Identifier: MIT */
/*
 * The state that the files of this room share: the parts, and the command under way.
 */
#ifndef CONTROL_CONTROL_STATE_H
#define CONTROL_CONTROL_STATE_H

#include "control/control.h"

struct control {
    struct control_options options;
    struct timer *tend, *wait;
    int64_t wait_end_at_ms; /* loop time */
    struct pool_job job;
    int64_t *epoch; /* where the new one goes */
    control_done_cb done;
    void *ctx;
};

#endif
