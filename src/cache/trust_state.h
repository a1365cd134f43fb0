/* SPDX-License-Identifier: MIT */
/* What trust.c, which changes it, and hold.c, which tells of it, share. context loop only */
#ifndef CACHE_TRUST_STATE_H
#define CACHE_TRUST_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "cache/grants.h"
#include "cache/options.h"
#include "cache/sight.h"
#include "redis/redis.h"

enum { TRUST_REASON_MAX = 159 };

struct drain;
struct record;

enum trust_state {
    TRUST_DOWN,     /* no connection */
    TRUST_ASKING,   /* INFO is under way */
    TRUST_CHECKING, /* the store's record is being read, moved on, compared */
    TRUST_DRAINING, /* the outbox goes first */
    TRUST_FAILED,   /* the store was away, or Redis refused: asked again at the next tend */
    TRUST_GIVEN,
};

struct trust {
    const struct cache_options *options;
    struct redis *redis;
    struct grants *grants;  /* of a cluster; NULL: one Redis has all slots */
    struct slot_set claims; /* of a cluster: as told last, of whatever Redis is there now */
    struct drain *drain;
    enum trust_state state;
    uint64_t period; /* begins at 1, counts withdrawals */
    int64_t epoch;
    char run_id[STORE_RUN_ID_MAX + 1];
    struct record *record;
    struct sight sight;    /* of the store */
    unsigned settles_left; /* at the end: tries for a last beat */
    unsigned drains_left;  /* writes that end meanwhile make it drain again, but not for ever */
    bool is_behind;        /* failed only because an earlier check or drain still ran: asked again when that ends */
    unsigned wrong_count;  /* connections in a row whose peer was a wrong one (identity.h) */
    bool was_logged;       /* this failure is in the log */
    char reason[TRUST_REASON_MAX + 1]; /* of the last failure, since Redis was last up or trusted; "": none */
    bool is_stores;                    /* that was the store's, not Redis' */
};

#endif
