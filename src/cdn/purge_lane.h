/* SPDX-License-Identifier: MIT */
/*
 * A lane: purges on their way to one cache in front, one round of calls at a time. It knows nothing of records.
 * context  loop only
 */
#ifndef CDN_PURGE_LANE_H
#define CDN_PURGE_LANE_H

#include "base/events.h"
#include "base/http_call.h"
#include "base/settings.h"
#include "base/stats.h"
#include "cdn/purge_item.h"
#include "cdn/purge_target.h"
#include "store/pool.h"
#include "store/store.h"

enum {
    PURGE_WAITING_MAX = 4096, /* items per list in memory; further ones are found again by their records */
    PURGE_EXTRA_MAX = 8,      /* lines of purge_header_file */
};

/* What this room works with; all borrowed for the purger's life. */
struct purger_options {
    const struct events *events;
    const struct settings *settings; /* purge_* */
    struct store *store;
    struct pool *pool;
    struct stats *stats;
    const struct http *http; /* may be NULL if purge_url is empty */
};

/* The operator's header fields: "Name: value" each. */
struct purge_extra {
    const char *lines[PURGE_EXTRA_MAX];
    size_t count;
};

struct purge_lane;

/* Owns an item that is acknowledged for the last time. */
typedef void (*purge_last_fn)(void *ctx, struct purge_lane *lane, struct purge_item *item);

/* Plain data, so that purger_send() can see how full it is; only purge_lane.c writes to it. */
struct purge_lane {
    const struct purger_options *options;
    const struct purge_extra *extra;
    purge_last_fn on_last;
    void *ctx;
    struct purge_target target;
    struct purge_list waiting, under_way, again;
    struct purge_keys keys; /* of the round under way */
    size_t calls_left;
    bool round_failed;
    struct timer *timer; /* the next round */
    bool is_scheduled;
    uint32_t pause_ms; /* before the next round; 0: the cache answers, or has not been asked */
};

/* Copies target. */
void purge_lane_init(struct purge_lane *lane, const struct purger_options *options, const struct purge_target *target,
                     const struct purge_extra *extra, purge_last_fn on_last, void *ctx);

/* When no call is under way. */
void purge_lane_fini(struct purge_lane *lane);

/* Once a second: what is due for its second time. */
void purge_lane_tend(struct purge_lane *lane);

/* Sends the item with the next round; owns it from here on. */
void purge_lane_add(struct purge_lane *lane, struct purge_item *item);

/* Whether the cache answers, as far as is known. */
bool purge_lane_answers(const struct purge_lane *lane);

/* Whether something waits for a cache that answers; what waits for its second time does not count. */
bool purge_lane_is_busy(const struct purge_lane *lane);

#endif
