/* SPDX-License-Identifier: MIT */
/*
 * A cluster of two primaries under the cache. Both workers trust both primaries at first: a has the lower half of the slots, b the
 * upper one. Todo `low` is in a's half, `high` in b's, both at version 1 and in Redis.
 */
#ifndef SHARDS_BED_H
#define SHARDS_BED_H

#include "cache_bed.h"

#include "base/clock.h"
#include "base/slot.h"
#include "cache/cache_state.h"
#include "cache/keys.h"
#include "cache/shards.h"
#include "cache/trust.h"
#include "fake_cluster.h"

enum { HALF = SLOT_COUNT / 2 };

extern struct fake_server *server_b;
extern char low[16], high[16];

/* Of each test. Idle: the workers are still to be started. */
int shards_begin_idle(void **state);
int shards_begin(void **state);
int shards_end(void **state);

/* Until nothing is under way; for so long; each worker's tend. */
void settle(struct bed *bed);
void pass(struct bed *bed, int64_t ms);
void tend(struct bed *bed);

/* The version that is read. source: where from; NULL is fine. */
int64_t read_by(struct bed *bed, int worker, const char *id, enum cache_source *source);
bool hits(struct bed *bed, int worker, const char *id);
enum status write_by(struct bed *bed, int worker, const char *id);

unsigned slot_of(const char *id);
struct home home(const struct bed *bed, int worker, const char *id);
size_t trusted_count(const struct bed *bed, int worker);
void assert_all_trusted(const struct bed *bed);

#define SHARDS_TEST(name) cmocka_unit_test_setup_teardown(name, shards_begin, shards_end)

#endif
