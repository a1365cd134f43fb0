/* SPDX-License-Identifier: MIT */
/*
 * What the store's tests share: an empty store for each test, and todos that are easy to tell apart.
 */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "base/arena.h"
#include "store/store.h"

struct CMUnitTest;

enum { FIXTURE_CONCURRENCY = 16, FIXTURE_TIMEOUT_MS = 30000 };

/* Of a busy machine. What would not end in time takes longer: the driver's own limits are 30 s and more. */
enum { FIXTURE_PATIENCE_MS = 10000 };

struct fixture {
    struct store *store;
    struct arena arena; /* for what tests read */
    char uri[1024];
};

/* The stores that tests run on: a prefix ("sqlite:/tmp/x") or a URI whose database's name gets a number. */
void fixture_use(const char *base_uri);

/* main()'s end for tests on SQLite alone: runs them in a folder of their own, which goes; returns the exit status. */
int fixture_run_on_sqlite(const char *group_name, const struct CMUnitTest *tests, size_t test_count);

/* cmocka's: *state is a struct fixture over a store that nobody else has. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* cmocka's, of a group that may run on MongoDB: waits for the stores that teardowns have begun to close. */
int fixture_end(void **state);

/* Opens one more store over what the fixture's is open on; aborts the test if that fails. */
struct store *fixture_open(const struct fixture *fixture, uint32_t timeout_ms);

/* A todo with id "t<number>", and other fields that follow from number; texts live in the arena. */
struct todo fixture_todo(struct arena *arena, unsigned number);

/* Reads id, and whether all fields are those of wanted. */
void assert_stored(struct fixture *fixture, const struct todo *wanted);

/* The database that a MongoDB URI names is dropped; a document is written as it stands in JSON, past all our rules. */
void fixture_mongo_drop(const char *uri);
void fixture_mongo_write(const char *uri, const char *collection, const char *json);

/* Runs a command in the database that the URI names; its answer's "n": how many documents it found. */
int64_t fixture_mongo_run(const char *uri, const char *json);

/* Which of the URI's hosts takes writes, as texts. False: none was found in time. */
enum { FIXTURE_HOST_MAX = 256 };
bool fixture_mongo_primary(const char *uri, char host[FIXTURE_HOST_MAX], char port[8]);

#endif
