/* SPDX-License-Identifier: MIT */
/*
 * Who has subscribed to which channels of a simulated Redis. Messages are appended to a subscriber's output.
 * context  one thread
 */
#ifndef TESTS_SIM_SIM_REDIS_CHANNELS_H
#define TESTS_SIM_SIM_REDIS_CHANNELS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

struct sim_subscriber {
    struct sim_subscriber *prev, *next;
    struct slice *channels; /* owned, their bytes too */
    size_t count;           /* 0: it has not subscribed, and is in no list */
    struct buf *output;
};

/* Appends the confirmation to its output. */
void sim_subscribe(struct sim_subscriber **all, struct sim_subscriber *subscriber, struct slice channel);
void sim_unsubscribe_all(struct sim_subscriber **all, struct sim_subscriber *subscriber);

/* Returns how many got the message. */
int64_t sim_publish(struct sim_subscriber *all, struct slice channel, struct slice message);

#endif
