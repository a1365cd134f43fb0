/* SPDX-License-Identifier: MIT */
/*
 * What a fence, an unfence or an invalidation does, for a slot of a cluster whose keys are on their way.
 *
 * While a slot moves, some of its keys are at its owner and some at the server that it goes to. A script with keys of
 * both does not run (ASK, TRYAGAIN). Single commands do, each where its key is.
 * context  loop only
 */
#ifndef CACHE_PARTED_H
#define CACHE_PARTED_H

#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "cache/home.h"
#include "cache/keys.h"
#include "redis/redis_reply.h"

struct parted;

enum parted_kind {
    PARTED_FENCE,      /* the mark, then entries and leases go */
    PARTED_UNFENCE,    /* they go, then the mark */
    PARTED_INVALIDATE, /* they go, and nothing may be published by a write that is under way */
};

/*
 * reply: the last one's, if all were taken; else the first one's that was not. lost_count: marks that an unfence did
 * not find.
 */
typedef void (*parted_cb)(void *ctx, const struct redis_reply *reply, int64_t lost_count);

/* For keys of this home's slot. window_ms: how long a mark lasts if nothing removes it. */
struct parted *parted_new(const struct home *home, enum parted_kind kind, const struct token *token, int64_t window_ms);

/* writers has the marks of these entries and leases. All are copied. */
void parted_add(struct parted *parted, const struct key *writers, const struct key *const *doomed, size_t count);

/* Whether this answer to the script says that its keys are on their way. */
bool parted_is_needed(const struct parted *parted, const struct redis_reply *reply);

/* Once. */
void parted_run(struct parted *parted, parted_cb done, void *ctx);

/* Not while it runs. NULL is fine. */
void parted_free(struct parted *parted);

#endif
