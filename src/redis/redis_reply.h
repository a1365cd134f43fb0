/* SPDX-License-Identifier: MIT */
/*
 * Replies of Redis: what a caller sees of one, and how one is read from bytes (RESP2).
 *
 * Texts lie where the bytes lie; the items of arrays lie in an arena.
 * context  any (pure)
 */
#ifndef REDIS_REDIS_REPLY_H
#define REDIS_REDIS_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"

enum redis_type { REDIS_TYPE_NIL, REDIS_TYPE_TEXT, REDIS_TYPE_INTEGER, REDIS_TYPE_ARRAY, REDIS_TYPE_ERROR };

/* Its members are for the functions below. */
struct redis_reply {
    enum redis_type type;
    union {
        struct slice text;
        int64_t integer;
        struct {
            const struct redis_reply *items;
            size_t count;
        };
    };
};

/* reply is borrowed until the callback returns; NULL: no answer came, and it is unknown whether the command ran. */
typedef void (*redis_reply_cb)(void *ctx, const struct redis_reply *reply);

static inline enum redis_type redis_reply_type(const struct redis_reply *reply)
{
    return reply->type;
}

/* TEXT, ERROR; else absent. No NUL is behind it. */
static inline struct slice redis_reply_text(const struct redis_reply *reply)
{
    bool is_text = reply->type == REDIS_TYPE_TEXT || reply->type == REDIS_TYPE_ERROR;
    return is_text ? reply->text : (struct slice){0};
}

/* INTEGER; else 0. */
static inline int64_t redis_reply_integer(const struct redis_reply *reply)
{
    return reply->type == REDIS_TYPE_INTEGER ? reply->integer : 0;
}

/* ARRAY; else 0. */
static inline size_t redis_reply_count(const struct redis_reply *reply)
{
    return reply->type == REDIS_TYPE_ARRAY ? reply->count : 0;
}

static inline const struct redis_reply *redis_reply_item(const struct redis_reply *reply, size_t index)
{
    return &reply->items[index];
}

/* Whether an answer came and is no error. */
bool redis_reply_ok(const struct redis_reply *reply);

/* Whether an error came that begins with word: "NOSCRIPT", "WRONGTYPE". */
bool redis_reply_is_error(const struct redis_reply *reply, const char *word);

enum redis_reading {
    REDIS_READ_WHOLE,
    REDIS_READ_PART,   /* more bytes must come */
    REDIS_READ_BROKEN, /* this is no reply, and never will be one */
};

/* Takes a reply off the front of bytes if all of it is there; else bytes stays, and reply is unset. */
enum redis_reading redis_reply_read(struct redis_reply *reply, struct slice *bytes, struct arena *arena);

#endif
