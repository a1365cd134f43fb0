/* SPDX-License-Identifier: MIT */
/*
 * Keys in a hash table that remembers their order, values as arrays.
 *
 * The order of everything that is walked is the order in which it came, or that of its bytes, and never that of
 * addresses: so the same commands give the same replies in each process. Arrays are searched from their beginning,
 * because entries have a dozen fields, and sets of writers one to three members.
 */
#include "sim_redis_keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* ---- Keys ---- */

bool sim_key_is_over(const struct sim_keys *keys, const struct sim_key *key)
{
    return keys->now_ms > key->expires_at_ms;
}

static void key_free(struct sim_key *key)
{
    for (size_t i = 0; i < key->count; i++)
        free((char *)key->pairs[i].name.data);
    free(key->pairs);
    free(key);
}

void sim_key_remove(struct sim_keys *keys, struct sim_key *key)
{
    HASH_DEL(keys->keys, key);
    key_free(key);
}

struct sim_key *sim_key_find(struct sim_keys *keys, struct slice name)
{
    struct sim_key *key;
    HASH_FIND(hh, keys->keys, name.data, name.len, key);
    if (!key || !sim_key_is_over(keys, key))
        return key;
    sim_key_remove(keys, key);
    return NULL;
}

struct sim_key *sim_key_make(struct sim_keys *keys, struct slice name, enum sim_type type)
{
    struct sim_key *key = mem_alloc(sizeof(*key) + name.len + 1);
    memset(key, 0, sizeof(*key));
    key->serial = ++keys->last_serial;
    key->type = type;
    key->expires_at_ms = SIM_FOREVER;
    key->name = (struct slice){key->name_bytes, name.len};
    memcpy(key->name_bytes, name.data, name.len);
    key->name_bytes[name.len] = '\0';
    HASH_ADD_KEYPTR(hh, keys->keys, key->name.data, key->name.len, key);
    return key;
}

void sim_keys_clear(struct sim_keys *keys)
{
    struct sim_key *key, *next;
    HASH_ITER(hh, keys->keys, key, next)
    sim_key_remove(keys, key);
}

/* ---- Pairs ---- */

static struct sim_pair pair_make(struct slice name, struct slice value, double score)
{
    char *bytes = mem_alloc(name.len + value.len + 1);
    memcpy(bytes, name.data, name.len);
    if (value.len > 0)
        memcpy(bytes + name.len, value.data, value.len);
    bytes[name.len + value.len] = '\0';
    return (struct sim_pair){{bytes, name.len}, {bytes + name.len, value.len}, score};
}

static void pair_insert(struct sim_key *key, size_t place, struct sim_pair pair)
{
    if (key->count == key->capacity) {
        key->capacity = key->capacity ? 2 * key->capacity : 1;
        key->pairs = mem_resize(key->pairs, key->capacity * sizeof(*key->pairs));
    }
    memmove(key->pairs + place + 1, key->pairs + place, (key->count - place) * sizeof(*key->pairs));
    key->pairs[place] = pair;
    key->count++;
}

static struct sim_pair pair_take(struct sim_key *key, struct sim_pair *pair)
{
    struct sim_pair taken = *pair;
    key->count--;
    memmove(pair, pair + 1, (size_t)(key->pairs + key->count - pair) * sizeof(*pair));
    return taken;
}

struct sim_pair *sim_pair_find(const struct sim_key *key, struct slice name)
{
    for (size_t i = 0; key && i < key->count; i++)
        if (slice_equal(key->pairs[i].name, name))
            return &key->pairs[i];
    return NULL;
}

bool sim_pair_set(struct sim_key *key, struct slice name, struct slice value)
{
    struct sim_pair *old = sim_pair_find(key, name), pair = pair_make(name, value, 0);
    if (!old) {
        pair_insert(key, key->count, pair);
        return true;
    }
    free((char *)old->name.data);
    *old = pair;
    return false;
}

static bool pair_is_before(const struct sim_pair *a, const struct sim_pair *b)
{
    if (a->score != b->score)
        return a->score < b->score;
    int order = memcmp(a->name.data, b->name.data, a->name.len < b->name.len ? a->name.len : b->name.len);
    return order ? order < 0 : a->name.len < b->name.len;
}

bool sim_pair_rank(struct sim_key *key, struct slice name, double score)
{
    struct sim_pair *old = sim_pair_find(key, name);
    struct sim_pair pair = old ? pair_take(key, old) : pair_make(name, (struct slice){0}, 0);
    pair.score = score;
    size_t place = 0;
    while (place < key->count && pair_is_before(&key->pairs[place], &pair))
        place++;
    pair_insert(key, place, pair);
    return !old;
}

bool sim_pair_remove(struct sim_keys *keys, struct sim_key *key, struct sim_pair *pair)
{
    free((char *)pair_take(key, pair).name.data);
    if (key->count > 0)
        return false;
    sim_key_remove(keys, key);
    return true;
}

struct sim_key *sim_key_copy(struct sim_keys *to, const struct sim_key *key)
{
    struct sim_key *copy = sim_key_make(to, key->name, key->type);
    copy->expires_at_ms = key->expires_at_ms;
    for (size_t i = 0; i < key->count; i++)
        pair_insert(copy, i, pair_make(key->pairs[i].name, key->pairs[i].value, key->pairs[i].score));
    return copy;
}

void sim_keys_copy(struct sim_keys *to, const struct sim_keys *from)
{
    sim_keys_clear(to);
    for (const struct sim_key *key = from->keys; key; key = key->hh.next)
        sim_key_copy(to, key)->serial = key->serial;
    to->last_serial = from->last_serial;
}
