/* SPDX-License-Identifier: MIT */
/*
 * The cache's real code over fakes: one Redis, one store, and two workers with a cache, a connection and a pool each.
 *
 * bed_settle() lets everything happen that can happen at this moment; a worker that is held takes no step by itself, so a test
 * can move it through an interleaving with bed_execute(), bed_deliver(), bed_work() and bed_done(), while the other runs freely.
 */
#ifndef TESTS_UNIT_CACHE_BED_H
#define TESTS_UNIT_CACHE_BED_H

#include "testing.h"

#include "cache/cache.h"
#include "fake_events.h"
#include "fake_follow.h"
#include "fake_http.h"
#include "fake_journal.h"
#include "fake_pool.h"
#include "fake_purges.h"
#include "fake_redis.h"
#include "fake_server.h"
#include "fake_store.h"
#include "fake_subscription.h"

enum { BED_WORKERS = 2 };

struct worker {
    struct cache *cache;
    struct auditor *auditor;
    struct follow *follow; /* with the setting follow */
    struct pool *pool;
    struct pool *follow_pool; /* the follower's; only bed_follow() moves it */
    struct stats stats;
    struct l1_table *l1;   /* of this machine; NULL: they share the bed's */
    unsigned hidden_count; /* it was told that Redis hides who it is */
};

struct bed {
    const struct events *events;
    struct feed *feed; /* of the API's tests; NULL: none */
    struct settings settings;
    struct fake_server *server;
    struct store *store;
    struct l1_table *l1; /* NULL: there is none */
    bool has_machines;   /* each worker is a machine with an L1 of its own */
    struct worker workers[BED_WORKERS];
};

/* Sets up and settles: both workers trust Redis, in epoch 1. state is cmocka's; *state becomes the bed. */
int bed_begin(void **state);
int bed_end(void **state);

/* With an L1 of 1 MB, which both workers share; only reader_ask_l1() asks it. */
int bed_begin_l1(void **state);

/* Each worker is a machine with an L1 of 1 MB, and both hold licences. */
int bed_begin_machines(void **state);

/* The same in two steps, for tests that prepare something before the second; bed_start_workers() leaves the store as it is. */
int bed_begin_idle(void **state);
void bed_begin_trusted(struct bed *bed);
void bed_start_workers(struct bed *bed);

/* The store's record, as others have left it. Numbers as small as these come before all that workers make. */
void bed_set_meta(struct bed *bed, int64_t epoch, const char *run_id);
void bed_stop_workers(struct bed *bed);

/* As a purge of all entries does it, by this worker; returns the new epoch. */
int64_t bed_move_epoch(struct worker *worker);

/* The name of a key under the epoch that the store has now; it lives until the fourth call from here. */
const char *bed_key(const struct bed *bed, const char *before, const char *behind);

/* Everything that can happen now; bed_pass() also moves the clock, firing timers in their time. */
void bed_settle(struct bed *bed);
void bed_pass(struct bed *bed, int64_t ms);

/* A worker's periodic duties, as its janitor does them once a second; then for every worker, and all settles. */
void worker_tend(struct worker *worker);
void bed_tend(struct bed *bed);

/* The next job of a worker's follower is done, and all settles; false if there is none. */
bool bed_follow(struct bed *bed, struct worker *worker);

void bed_hold(struct worker *worker, bool held);

/* The first worker is held no longer, and all settles: before a test ends, for readers and writers live on its stack. */
void bed_let_go(struct bed *bed);

/* One step of one worker; each fails the test if there is none to take. */
void bed_execute(struct worker *worker);
void bed_deliver(struct worker *worker);
void bed_work(struct worker *worker);
void bed_done(struct worker *worker);

/* bed_execute() and bed_deliver(), or bed_work() and bed_done(). */
void bed_redis(struct worker *worker);
void bed_store(struct worker *worker);

struct redis *bed_connection(struct worker *worker);

#define assert_journal(want) assert_text("journal", fake_journal(), slice_of(want))

/* A read and what came of it. */
struct reader {
    struct cache_get get;
    unsigned answers;
    enum status status;
    int64_t v; /* 0: no todo */
    struct cache_trace trace;
};

void reader_start(struct reader *reader, struct worker *worker, const char *id);

/* The same for a reader that asks something of the cache. */
void reader_start_asking(struct reader *reader, struct worker *worker, const char *id, struct cache_demand demand);

/* Whether the L1 answers, at once; nothing else is asked. */
bool reader_ask_l1_asking(struct reader *reader, struct worker *worker, const char *id, struct cache_demand demand);
bool reader_ask_l1(struct reader *reader, struct worker *worker, const char *id);

/* start and settle; returns v, 0 for "not found"; any other status fails the test. */
int64_t bed_read(struct bed *bed, struct worker *worker, const char *id);

/* The first worker, held from here on, missed todo "a", has its lease and has read the store, but doesn't know it yet. */
void bed_fetch(struct bed *bed, struct reader *reader);

/* A write of one or more todos: each gets its next version. */
struct writer {
    struct cache_write write;
    const char *ids[4];
    struct todo made; /* the first, as the store has it */
    unsigned answers;
    enum status status;
    char error[240];
};

void writer_start(struct writer *writer, struct worker *worker, const char *id);
void writer_start_many(struct writer *writer, struct worker *worker, const char *const *ids, size_t count);

/* The first worker, held from here on, has fenced todo "a" and is about to call the store. */
void bed_fence(struct bed *bed, struct writer *writer);

/* Records in the outbox, open and closed. */
size_t bed_outbox_count(const struct bed *bed);

/* start and settle; returns its status. */
enum status bed_write(struct bed *bed, struct worker *worker, const char *id);

uint64_t bed_counter(const struct worker *worker, enum stat_counter stat);

#endif
