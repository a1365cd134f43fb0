/* SPDX-License-Identifier: MIT */
/*
 * The keys of a fake_server.h. All three types of value are a list of pairs: a hash has names and values, a sorted set names and
 * scores, a string one pair.
 */
#ifndef TESTS_UNIT_FAKE_KEYS_H
#define TESTS_UNIT_FAKE_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "fake_server.h"

enum { KEY_NAME_MAX = 128 };

enum fake_type { FAKE_TEXT, FAKE_HASH, FAKE_SET };

struct fake_pair {
    char *name, *value; /* owned */
    size_t value_len;
    int64_t score;
};

struct fake_key {
    struct fake_key *next;
    char name[KEY_NAME_MAX];
    enum fake_type type;
    struct fake_pair *pairs;
    size_t count;
    int64_t expires_at_ms; /* 0: never */
};

/* Absent ones: NULL, false, an absent slice. */
void pair_free(struct fake_pair *pair);
bool key_remove(struct fake_server *server, const char *name);
struct fake_key *key_find(struct fake_server *server, const char *name);
struct fake_key *key_make(struct fake_server *server, const char *name, enum fake_type type);
struct fake_pair *pair_find(const struct fake_key *key, const char *name);
struct fake_pair *pair_make(struct fake_key *key, const char *name);
void pair_set(struct fake_pair *pair, struct slice value);
bool pair_remove(struct fake_server *server, struct fake_key *key, const char *name);
struct slice pair_value(const struct fake_pair *pair);
void text_set(struct fake_server *server, const char *name, struct slice value, int64_t ttl_ms);

#endif
