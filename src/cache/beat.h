/* SPDX-License-Identifier: MIT */
/*
 * The store's beat: how workers see that the store has gone back in time. context  loop only, unless it says otherwise
 */
#ifndef CACHE_BEAT_H
#define CACHE_BEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/settings.h"
#include "cache/home.h"
#include "redis/redis.h"
#include "store/store.h"

/* The latest state of the store's record that is known. Zero: nothing is. */
struct beat {
    int64_t epoch, number;
};

/* Whether the store had a later epoch or beat than meta before, so that it has gone back. any thread */
bool beat_is_lost(const struct beat *known, const struct store_meta *meta);

/*
 * Tells Redis the store's beat and asks for the latest one. Of home, where, in which slot and under which epoch are
 * used. on_reply as in redis.h
 */
void beat_tell(const struct home *home, const struct settings *settings, int64_t number, redis_reply_cb on_reply,
               void *ctx);

/* Tells Redis that this epoch was left: if the store brings it back, no worker trusts it while its entries may live. */
void beat_leave(const struct home *home, const struct settings *settings);

/* The latest beat by Redis' answer to beat_tell(); false: it was an error. */
bool beat_take(const struct redis_reply *reply, int64_t *latest);

/* pool thread. Moves the beat on, if the record still is what is known; *known is then the new one, else unchanged. */
enum status beat_move(struct store *store, struct beat *known, const char *run_id,
                      struct error *error) STATUS_MUST_CHECK;

#endif
