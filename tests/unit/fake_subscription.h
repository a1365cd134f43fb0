/* SPDX-License-Identifier: MIT */
/*
 * redis/subscription.h without sockets: messages that a fake_server.h publishes, a millisecond later.
 */
#ifndef TESTS_UNIT_FAKE_SUBSCRIPTION_H
#define TESTS_UNIT_FAKE_SUBSCRIPTION_H

#include <stdbool.h>

#include "redis/subscription.h"

/* sim_redis_options' on_publish; ctx is the server. */
int64_t fake_subscription_publish(void *ctx, struct slice channel, struct slice message);

/* From now on messages that begin with word are lost; "": none. */
void fake_subscription_lose(const char *word);

#endif
