/* SPDX-License-Identifier: MIT */
/* Whether a Redis keeps what it has acknowledged, as far as it tells. context any (pure) */
#ifndef QUEUE_DURABLE_H
#define QUEUE_DURABLE_H

#include <stdbool.h>

#include "base/error.h"
#include "redis/redis_reply.h"

struct durability {
    int version; /* 702 is 7.2 */
    bool waits;  /* it syncs once a second: a write is durable when WAITAOF says so */
};

/*
 * What it answered to INFO, and then to CONFIG GET *appendfsync*.
 *
 * cache_id    identity of the cache's Redis (cache/identity.h); "": not known
 * timeout_ms  longest time of one call
 * errors      STATUS_INVALID: it is not durable, and the text says what to do; UNAVAILABLE: it gave no answer, or
 *             serves nobody now
 */
enum status durability_take_info(struct durability *durability, const struct redis_reply *info, const char *cache_id,
                                 struct error *error) STATUS_MUST_CHECK;
enum status durability_take_config(struct durability *durability, const struct redis_reply *config, int64_t timeout_ms,
                                   struct error *error) STATUS_MUST_CHECK;

#endif
