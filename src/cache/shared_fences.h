/* SPDX-License-Identifier: MIT */
/*
 * The fences that many writes ask for in one turn of the loop, as one call; and so their unfences.
 *
 * Of one Redis that has all slots, and of writes of one id each. The call does what a call for each would do.
 * context  loop only; done comes once, later, as redis.h says
 */
#ifndef CACHE_SHARED_FENCES_H
#define CACHE_SHARED_FENCES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/events.h"
#include "base/random.h"
#include "cache/home.h"
#include "cache/scripts.h"

struct shared_fences;

/* reply: of the whole call; is_lost: an unfence has not found this write's mark. */
typedef void (*shared_fence_cb)(void *ctx, const struct redis_reply *reply, bool is_lost);

struct shared_fences *shared_fences_new(const struct events *events);

/* Whoever waits is told NULL, from inside this call. */
void shared_fences_free(struct shared_fences *shared);

/*
 * Of the id, and of the list. script: SCRIPT_FENCE or SCRIPT_UNFENCE; home: the id's, taken in this turn of the loop;
 * window_ms: of a fence. All are copied.
 */
void shared_fences_add(struct shared_fences *shared, enum script script, const struct home *home, const char *id,
                       const struct token *token, int64_t window_ms, shared_fence_cb done, void *ctx);

#endif
