/* SPDX-License-Identifier: MIT */
/*
 * What a cached todo looks like in Redis: a hash with the todo's seven fields, "at" (Unix ms: when the store was asked) and
 * "cost" (ms that the store took). A negative entry, "known not to exist", has "none" = 1 and "at" alone.
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
    struct todo todo; /* texts borrowed from the reply, or from whoever filled the entry in; unset if negative */
    int64_t at_ms;
    int64_t cost_ms;
};

enum entry_found {
    ENTRY_FOUND,
    ENTRY_ABSENT,
    ENTRY_BROKEN, /* not a hash, or fields are missing: no entry of ours */
};

/* Reads HGETALL's answer for id. */
enum entry_found entry_parse(struct entry *entry, const char *id, const struct redis_reply *reply);

enum { ENTRY_ARGS_MAX = 18, ENTRY_NUMBERS_MAX = 5 };

/* The entry as HSET's arguments; they borrow from the entry and from this struct. */
struct entry_args {
    struct slice args[ENTRY_ARGS_MAX];
    size_t count;
    char numbers[ENTRY_NUMBERS_MAX][INT64_TEXT_MAX + 1];
    size_t number_count;
};

void entry_print(struct entry_args *args, const struct entry *entry);

#endif
