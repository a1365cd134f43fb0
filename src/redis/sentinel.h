/* SPDX-License-Identifier: MIT */
/*
 * Asking sentinels where Redis is.
 *
 * context  loop only, never blocks
 * source   "Guidelines for Redis clients with support for Redis Sentinel", redis.io
 */
#ifndef REDIS_SENTINEL_H
#define REDIS_SENTINEL_H

#include "base/events.h"
#include "base/stats.h"
#include "redis/redis_address.h"

struct sentinel;

struct sentinel_options {
    const struct events *events;         /* borrowed */
    struct stats *stats;                 /* borrowed */
    const struct redis_address *address; /* the sentinels, and the primary's name; copied */
    const char *user;                    /* at the sentinels, not at Redis; as in redis.h */
    const char *password_file;
    uint32_t timeout_ms; /* for each step of each sentinel: connecting, greeting, answering */
    void (*on_answer)(void *ctx, const struct redis_peer *primary); /* borrowed; NULL: no sentinel named one */
    void *ctx;
};

struct sentinel *sentinel_new(const struct sentinel_options *options);

/* on_answer is no longer called. NULL is fine. */

void sentinel_free(struct sentinel *sentinel);

/* Asks one after the other until one answers; on_answer comes once, later. Not while it is asking. */
void sentinel_ask(struct sentinel *sentinel);

#endif
