/* SPDX-License-Identifier: MIT */
/*
 * Moving the epoch on: all entries and pages are out of reach as soon as the workers notice, within some two seconds.
 */
#ifndef CACHE_EPOCH_H
#define CACHE_EPOCH_H

#include <stdint.h>

#include "base/error.h"
#include "base/settings.h"
#include "cdn/purger.h"
#include "store/store.h"

/*
 * The number of the next epoch, or of the next beat (beat.h). It never comes twice, whatever happens to the store: it
 * has the time in milliseconds, and 20 random bits.
 *
 * last     the one that it replaces, 0 if none is known; the result is greater
 * context  any thread
 */
int64_t epoch_next(int64_t last);

/*
 * A little later, caches in front are told to forget all. Needs no Redis.
 *
 * purger   NULL: there are no caches in front
 * epoch    the new one
 * errors   the store's; STATUS_BUSY: others moved it on at the same time, again and again
 * context  pool thread, may block
 */
enum status epoch_move(struct store *store, const struct settings *settings, const struct purger *purger,
                       int64_t *epoch, struct error *error) STATUS_MUST_CHECK;

#endif
