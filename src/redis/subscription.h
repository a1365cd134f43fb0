/* SPDX-License-Identifier: MIT */
/*
 * A second connection to the Redis that a first one leads to, for messages of channels.
 *
 * Messages are lost whenever a connection is. Who needs to know sends one to itself, and looks whether it comes.
 *
 * context  loop only; callbacks come later, never from inside the call that asked for them
 */
#ifndef REDIS_SUBSCRIPTION_H
#define REDIS_SUBSCRIPTION_H

#include "redis/redis.h"

struct subscription;

struct subscription_options {
    const struct events *events;
    struct stats *stats;
    const struct settings *settings;                     /* user, password file, times */
    const char *channels[2];                             /* borrowed */
    void (*on_message)(void *ctx, struct slice message); /* borrowed until it returns */
    void *ctx;
};

struct subscription *subscription_new(const struct subscription_options *options);
void subscription_free(struct subscription *subscription);

/*
 * Connects where the first connection is, unless it is. Call it now and then: there are no attempts in between. In a
 * cluster the first connection may be another one each time.
 */
void subscription_tend(struct subscription *subscription, const struct redis *first);

/* Whether Redis has confirmed all channels on this connection. */
bool subscription_is_up(const struct subscription *subscription);

/* Ends the connection: messages seem to be lost. */
void subscription_drop(struct subscription *subscription);

#endif
