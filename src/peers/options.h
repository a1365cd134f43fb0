/* SPDX-License-Identifier: MIT */
/*
 * What this room works with, and how telling ends.
 */
#ifndef PEERS_OPTIONS_H
#define PEERS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/events.h"
#include "base/settings.h"
#include "base/stats.h"
#include "l1/table.h"
#include "redis/redis.h"
#include "redis/redis_script.h"

struct peers_options {
    const struct events *events;
    const struct settings *settings;
    struct stats *stats;
    struct redis *(*redis)(const void *ctx); /* which holds what machines tell each other; its commands are answered */
    struct cluster *cluster;                 /* that this one is of; NULL: there is none */
    struct l1_table *l1;                /* this machine's; NULL: this process is of no machine, and tells all holders */
    const struct redis_script *discard; /* redis_script.h */
    int64_t (*epoch)(const void *ctx);  /* of the entries in a Redis that is trusted; 0: it is not */
    const void *ctx;
};

enum peers_outcome {
    PEERS_TOLD,
    PEERS_ELSEWHERE,  /* of a cluster: the list's slot is on its way, or has moved */
    PEERS_REFUSED,    /* Redis answered with an error */
    PEERS_UNANSWERED, /* it may have told, or may later */
};

typedef void (*peers_told_cb)(void *ctx, enum peers_outcome outcome);

#endif
