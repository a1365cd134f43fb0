/* SPDX-License-Identifier: MIT */
/* A list of keys; one that has run out is removed when somebody looks at it. */
#include "fake_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fake_events.h"

void pair_free(struct fake_pair *pair)
{
    free(pair->name);
    free(pair->value);
}

bool key_remove(struct fake_server *server, const char *name)
{
    for (struct fake_key **at = &server->keys; *at; at = &(*at)->next) {
        struct fake_key *key = *at;
        if (strcmp(key->name, name) != 0)
            continue;
        *at = key->next;
        for (size_t i = 0; i < key->count; i++)
            pair_free(&key->pairs[i]);
        free(key->pairs);
        free(key);
        return true;
    }
    return false;
}

struct fake_key *key_find(struct fake_server *server, const char *name)
{
    struct fake_key *key = server->keys;
    while (key && strcmp(key->name, name) != 0)
        key = key->next;
    if (key && key->expires_at_ms && key->expires_at_ms <= fake_now_ms()) {
        key_remove(server, name);
        return NULL;
    }
    return key;
}

struct fake_key *key_make(struct fake_server *server, const char *name, enum fake_type type)
{
    struct fake_key *key = key_find(server, name);
    if (key)
        return key;
    bug_unless(strlen(name) < KEY_NAME_MAX, "a key's name is longer than the fake has room for");
    key = mem_zalloc(sizeof(*key));
    snprintf(key->name, sizeof(key->name), "%s", name);
    key->type = type;
    key->next = server->keys;
    server->keys = key;
    return key;
}

struct fake_pair *pair_find(const struct fake_key *key, const char *name)
{
    for (size_t i = 0; key && i < key->count; i++)
        if (strcmp(key->pairs[i].name, name) == 0)
            return &key->pairs[i];
    return NULL;
}

struct fake_pair *pair_make(struct fake_key *key, const char *name)
{
    struct fake_pair *pair = pair_find(key, name);
    if (pair)
        return pair;
    key->pairs = mem_resize(key->pairs, (key->count + 1) * sizeof(*key->pairs));
    pair = &key->pairs[key->count++];
    *pair = (struct fake_pair){.name = mem_strdup(name)};
    return pair;
}

void pair_set(struct fake_pair *pair, struct slice value)
{
    free(pair->value);
    pair->value = mem_zalloc(value.len + 1);
    memcpy(pair->value, value.data, value.len);
    pair->value_len = value.len;
}

bool pair_remove(struct fake_server *server, struct fake_key *key, const char *name)
{
    struct fake_pair *pair = pair_find(key, name);
    if (!pair)
        return false;
    pair_free(pair);
    *pair = key->pairs[--key->count];
    if (key->count == 0)
        key_remove(server, key->name);
    return true;
}

struct slice pair_value(const struct fake_pair *pair)
{
    return pair ? (struct slice){.data = pair->value, .len = pair->value_len} : (struct slice){0};
}

void text_set(struct fake_server *server, const char *name, struct slice value, int64_t ttl_ms)
{
    key_remove(server, name);
    struct fake_key *key = key_make(server, name, FAKE_TEXT);
    pair_set(pair_make(key, ""), value);
    key->expires_at_ms = ttl_ms ? fake_now_ms() + ttl_ms : 0;
}
