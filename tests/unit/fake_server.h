/* SPDX-License-Identifier: MIT */
/*
 * A Redis in memory, as far as the cache needs one: HGETALL, GET, DEL, INFO, and the protocol's scripts, told by their SHA-1 and
 * carried out in C. tests/cache/test_scripts.py holds the real scripts against the same contracts.
 *
 * Lifetimes run on fake_events.h's clock. What a test may do to it stands in the struct and below.
 */
#ifndef TESTS_UNIT_FAKE_SERVER_H
#define TESTS_UNIT_FAKE_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "cache/scripts.h"
#include "redis/redis.h"

struct fake_key;
struct redis;

/* The protocol's scripts, and the client limit's. */
enum { FAKE_SCRIPT_LIMIT = SCRIPT_COUNT, FAKE_SCRIPT_COUNT };

struct fake_server {
    char address[32]; /* the setting "redis" that leads here */
    char run_id[41];
    char replication_id[41]; /* "" at first: not told */
    bool is_replica;
    bool is_loading;
    bool away;   /* connections fail; fake_server_leave() cuts those that are */
    bool frozen; /* takes commands, carries none out */
    bool full;   /* at maxmemory with noeviction */
    bool loaded[FAKE_SCRIPT_COUNT];
    char refused_words[80]; /* fake_server_refuse() */
    char refusal[64];
    unsigned command_count;
    struct fake_key *keys;
    struct redis *connections;
    struct fake_server *next; /* all servers */
};

struct fake_server *fake_server_new(const char *address, const char *run_id);
void fake_server_free(struct fake_server *server);
struct fake_server *fake_server_find(const char *address);

/* Goes away: connections are cut, new ones fail until away is false again. */
void fake_server_leave(struct fake_server *server);

/* Comes back under another run id, with its data or empty, and without scripts. */
void fake_server_restart(struct fake_server *server, const char *run_id, bool keeps_data);

/* From now on commands and scripts of these names (with blanks between them) answer error and do nothing; NULL ends that. */
void fake_server_refuse(struct fake_server *server, const char *words, const char *error);

void fake_server_evict(struct fake_server *server, const char *key);
void fake_server_flush(struct fake_server *server);
void fake_server_forget_scripts(struct fake_server *server);

/* Looking in and putting in: a hash's field, a string, a sorted set's size. Absent keys: absent slice, 0. */
bool fake_server_has(struct fake_server *server, const char *key);
struct slice fake_server_field(struct fake_server *server, const char *key, const char *field);
struct slice fake_server_text(struct fake_server *server, const char *key);
size_t fake_server_members(struct fake_server *server, const char *key);
int64_t fake_server_ttl_ms(struct fake_server *server, const char *key);
void fake_server_set_text(struct fake_server *server, const char *key, const char *value);
void fake_server_set_field(struct fake_server *server, const char *key, const char *field, const char *value);

/* Carries out one command; the answer is the caller's. */
struct redis_reply *fake_server_run(struct fake_server *server, const struct slice *args, size_t count);

#endif
