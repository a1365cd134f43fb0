/* SPDX-License-Identifier: MIT */
/*
 * A Redis that connections of fake_redis.h find under its address: tests/sim/sim_redis.h on fake_events.h's clock, which writes
 * each command into the journal. What a test may do to it stands in that struct and below.
 */
#ifndef TESTS_UNIT_FAKE_SERVER_H
#define TESTS_UNIT_FAKE_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "tests/sim/sim_redis.h"

struct redis;

struct fake_server {
    char address[32]; /* the setting "redis" that leads here */
    bool away;        /* connections fail; fake_server_leave() cuts those that are */
    bool frozen;      /* takes commands, carries none out */
    struct sim_redis *redis;
    struct redis *connections;
    struct fake_server *next; /* all servers */
};

/* It knows all scripts already. */
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
int64_t fake_server_ttl_ms(struct fake_server *server, const char *key); /* -1: it has none, or is not there */
void fake_server_set_text(struct fake_server *server, const char *key, const char *value);
void fake_server_set_ttl(struct fake_server *server, const char *key, int64_t ttl_ms); /* it is there */
void fake_server_set_field(struct fake_server *server, const char *key, const char *field, const char *value);

#endif
