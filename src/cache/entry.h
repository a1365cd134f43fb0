/* SPDX-License-Identifier: MIT */
/*
 * A cached todo in Redis: a hash with all fields of the todo, "at" (Unix ms: when the store was asked) and "cost" (ms
 * that the store took). A negative entry, "known not to exist", has only "none" = 1 and "at".
 * context  any (pure)
 */
#ifndef CACHE_ENTRY_H
#define CACHE_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/todo.h"
#include "redis/redis.h"

struct entry {
    bool negative;
    struct todo todo; /* texts borrowed from the reply or from the code that filled the entry in; unset if negative */
    int64_t at_ms;
    int64_t cost_ms;
};

enum entry_found {
    ENTRY_FOUND,
    ENTRY_ABSENT,
    ENTRY_BROKEN, /* not a hash, a field is missing, or a value is none that we print */
};

/* Reads the answer to HGETALL for id. */
enum entry_found entry_parse(struct entry *entry, const char *id, const struct redis_reply *reply);

enum { ENTRY_NUMBERS_MAX = TODO_FIELD_COUNT + 2, ENTRY_ARGS_MAX = 2 * ENTRY_NUMBERS_MAX };

/* The entry as arguments of HSET; they borrow from the entry and from this struct. */
struct entry_args {
    struct slice args[ENTRY_ARGS_MAX];
    size_t count;
    char numbers[ENTRY_NUMBERS_MAX][INT64_TEXT_MAX + 1];
    size_t number_count;
};

void entry_print(struct entry_args *args, const struct entry *entry);

/* ttl_ms less up to a tenth, by name and at_ms: entries that are filled together don't expire together. */
int64_t entry_ttl_ms(int64_t ttl_ms, struct slice name, int64_t at_ms);

#endif
