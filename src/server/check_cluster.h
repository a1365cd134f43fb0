/* SPDX-License-Identifier: MIT */
/*
 * The part of --check that asks the nodes of a Redis Cluster: each of them, and whether all slots have one.
 * context  loop only; callbacks come later
 */
#ifndef SERVER_CHECK_CLUSTER_H
#define SERVER_CHECK_CLUSTER_H

#include "base/error.h"
#include "base/events.h"
#include "base/settings.h"
#include "base/stats.h"

struct check_cluster;

struct check_cluster_options {
    const struct events *events;     /* borrowed, as all of these */
    const struct settings *settings; /* redis = cluster://... */
    struct stats *stats;
    /* STATUS_INVALID: a person must mend it; STATUS_OK: a worker would work, and this is how it would work better. */
    void (*on_found)(void *ctx, const struct error *error);
    void (*on_done)(void *ctx); /* within some seconds */
    void *ctx;
};

/* STATUS_INVALID: the address. */
enum status check_cluster_new(struct check_cluster **check, const struct check_cluster_options *options,
                              struct error *error) STATUS_MUST_CHECK;

/* NULL is fine. */
void check_cluster_free(struct check_cluster *check);

#endif
