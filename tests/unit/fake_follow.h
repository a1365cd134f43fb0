/* SPDX-License-Identifier: MIT */
/*
 * store/follow.h and store/feed.h in memory, linked beside fake_store.h: one history of changes and one record, for all stores.
 *
 * A place is a number: how many changes lie before it. Reads never wait.
 */
#ifndef TESTS_UNIT_FAKE_FOLLOW_H
#define TESTS_UNIT_FAKE_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/feed.h"
#include "store/follow.h"

/* Nothing has happened, and nobody follows. */
void fake_follow_reset(void);

/* Somebody has changed a todo, and said what it is now (v 0: not said); or deleted it; or dropped the collection. */
void fake_follow_change(const char *id, int64_t v, int64_t updated_at_ms);
void fake_follow_insert(const char *id, int64_t v, int64_t updated_at_ms, int64_t life);
void fake_follow_delete(const char *id);
void fake_follow_drop(void);

/* What has happened so far can't be read any more. */
void fake_follow_lose_history(void);

/* Claims (or only streams) are not to be had. */
void fake_follow_set_unsupported(bool claims, bool streams);

/* The next call that the journal calls so ends with status. */
void fake_follow_fail(const char *call, enum status status);

/* Another takes the lease, whoever has it. */
void fake_follow_take_lease(void);

bool fake_follow_is_leased(void);
int64_t fake_follow_resume_token(void); /* the saved one; -1: none */
unsigned fake_follow_stream_count(void);

/* The feed: what store_feed_add() has added, or a test. A row's mark is its number. */
void fake_feed_begin(int64_t seq);
void fake_feed_add(const char *id, enum feed_kind kind);
size_t fake_feed_count(void);
const struct feed_row *fake_feed_row(size_t at);
unsigned fake_feed_calls(void); /* reads, and questions for the last place */

/* From now on reads end so; STATUS_OK ends that. */
void fake_feed_fail(enum status status);

#endif
