/* SPDX-License-Identifier: MIT */
/*
 * A write's marks in Redis: set before the store's write, removed after it.
 *
 * Each call runs one script for all todos of one slot and one for the list, or one for both, and tells the outcome of
 * all together.
 * context  loop only; done comes once, later, as redis.h says
 */
#ifndef CACHE_FENCE_H
#define CACHE_FENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "base/settings.h"
#include "cache/entry.h"
#include "cache/home.h"
#include "cache/shared_fences.h"
#include "peers/peers.h"
#include "store/follow.h"

enum fence_outcome {
    FENCE_TAKEN,      /* Redis ran all scripts */
    FENCE_ELSEWHERE,  /* of a cluster: one of them did not run, because its slot is on its way, or has moved */
    FENCE_REFUSED,    /* Redis answered one of them with an error: it may still have the entries */
    FENCE_UNANSWERED, /* one of them has no answer: it may have run, or may run later */
};

/* count: the sum of what the todos' scripts count, as each function below says; 0 if there are none. */
typedef void (*fence_done_cb)(void *ctx, enum fence_outcome outcome, int64_t count);

struct fence_call {
    const struct settings *settings;
    const struct store *store;
    const struct token *token; /* the write's */
    const char *const *ids;
    const struct home *homes; /* of the ids, taken in this turn of the loop */
    size_t id_count;
    const struct home *list;      /* the list's home, likewise; NULL: fences and unfences leave out its part */
    struct shared_fences *shared; /* by the writes of this turn; NULL: the call is sent alone */
    int64_t window_ms;            /* of a fence: how long it lasts if nothing removes it; unused by the others */
    const char *refusal;          /* with this reason the trust of a home that refuses is withdrawn; NULL: it is not */
};

/* What call points to is copied, but for refusal. count: 0. */
void fence_send(const struct fence_call *call, fence_done_cb done, void *ctx);

/* count: how many ids had lost their mark. */
void unfence_send(const struct fence_call *call, fence_done_cb done, void *ctx);

/* An unfence of one id that also stores entry, if no other write overlapped; count: publish.lua's answer. */
void publish_send(const struct fence_call *call, const struct entry *entry, int64_t ttl_ms, fence_done_cb done,
                  void *ctx);

/*
 * What others changed, as the store told it: an entry is deleted unless it is what the change made; the list's pages
 * are out of reach. events are those of call's ids, in their order; its token is not used. count: how many entries
 * stayed.
 */
void invalidate_send(const struct fence_call *call, const struct change_event *events, fence_done_cb done, void *ctx);

/*
 * Tells the other machines' L1s of ids whose entries Redis has deleted (peers/peers.h); call's ids, list and refusal
 * are used. In a cluster a list's home that does not hold any more has no answer; one without trust is the caller's to
 * know. done may come at once: call it from a callback only. count: 0.
 */
void fence_tell(struct peers *peers, const struct fence_call *call, bool waits, fence_done_cb done, void *ctx);

#endif
