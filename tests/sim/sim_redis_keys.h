/* SPDX-License-Identifier: MIT */
/*
 * The keys of a simulated Redis. All types of value are a list of pairs: a string is one pair, a hash has names and values
 * in the order in which they came, a sorted set names and scores in the order of Redis, a stream ids and items
 * (sim_redis_streams.c).
 *
 * A key whose time is up is removed when somebody looks for it; now_ms is the time of the command that is carried out.
 * context  any (pure); one user at a time
 */
#ifndef TESTS_SIM_SIM_REDIS_KEYS_H
#define TESTS_SIM_SIM_REDIS_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uthash.h>

#include "base/slice.h"

enum sim_type { SIM_TEXT, SIM_HASH, SIM_SET, SIM_STREAM };

#define SIM_FOREVER INT64_MAX

struct sim_pair {
    struct slice name, value; /* owned, one piece of memory */
    double score;
};

struct sim_key {
    UT_hash_handle hh; /* its order is that of the keys' creation */
    uint64_t serial;   /* grows in that order: SCAN's cursor */
    enum sim_type type;
    int64_t expires_at_ms;
    struct sim_pair *pairs; /* owned */
    size_t count, capacity;
    struct slice name;
    char name_bytes[];
};

struct sim_keys {
    struct sim_key *keys; /* the first one; the next is hh.next */
    uint64_t last_serial;
    int64_t now_ms;
};

/* Frees all keys; the keyspace can be used again. */
void sim_keys_clear(struct sim_keys *keys);

/* to becomes a copy of from; its own time stays. */
void sim_keys_copy(struct sim_keys *to, const struct sim_keys *from);

/* NULL: there is none, or no more. */
struct sim_key *sim_key_find(struct sim_keys *keys, struct slice name);

/* There must be none of that name. It has no pair yet, and lives forever. */
struct sim_key *sim_key_make(struct sim_keys *keys, struct slice name, enum sim_type type);

/* Into keys that have none of its name. */
struct sim_key *sim_key_copy(struct sim_keys *to, const struct sim_key *key);

void sim_key_remove(struct sim_keys *keys, struct sim_key *key);
bool sim_key_is_over(const struct sim_keys *keys, const struct sim_key *key);

/* NULL: there is none; key may be NULL. */
struct sim_pair *sim_pair_find(const struct sim_key *key, struct slice name);

/* Both say whether there was none of that name. A string's pair has the name "". */
bool sim_pair_set(struct sim_key *key, struct slice name, struct slice value);
bool sim_pair_rank(struct sim_key *key, struct slice name, double score);

/* A key without pairs is gone as well; whether it is. */
bool sim_pair_remove(struct sim_keys *keys, struct sim_key *key, struct sim_pair *pair);

#endif
