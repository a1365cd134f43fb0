/* SPDX-License-Identifier: MIT */
/*
 * redis.c as it is, on a poll(2) loop, with a redis-server of the test's own: one connection, and what its callbacks were told.
 */
#ifndef TESTS_UNIT_REDIS_BED_H
#define TESTS_UNIT_REDIS_BED_H

#include "testing.h"

#include "base/clock.h"
#include "poll_events.h"
#include "redis/redis.h"
#include "redis_process.h"

enum { TIMEOUT_MS = 100, PATIENCE_MS = 5000 };

/* Set by the callbacks; a test may set is_up to false before it waits for the next time. */
extern struct redis_process server;
extern struct redis *redis;
extern struct stats stats;
extern bool is_up, is_down;
extern unsigned up_count, down_count;

/* Setup and teardown for cmocka; the server is not started yet. */
int redis_begin(void **state);
int redis_end(void **state);

struct redis_options options_of(const char *address);
void open_with(struct redis_options options);

/* Starts the server, and waits until the connection is up. */
void open_up(uint32_t timeout_ms);

/* A command and what it was answered. */
struct asked {
    unsigned answers;
    bool answered;
    bool is_null; /* no answer came */
    enum redis_type type;
    char text[128];
    size_t len;
    int64_t integer;
    size_t count;
    unsigned order; /* among all answers */
    bool was_down;  /* when it was answered, on_down had been called */
};

void on_reply(void *asked, const struct redis_reply *reply);

/* words: parted by single blanks */
void ask(struct asked *asked, const char *words);
void ask_and_wait(struct asked *asked, const char *words);

/* That the connection works: word, without blanks, comes back. */
void assert_echo(const char *word);

#endif
