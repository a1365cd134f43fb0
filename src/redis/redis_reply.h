/* SPDX-License-Identifier: MIT */
/*
 * Replies of Redis: what a caller sees of one, and where the connection puts them.
 * context  loop only
 */
#ifndef REDIS_REDIS_REPLY_H
#define REDIS_REDIS_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"

struct redis_reply;

enum redis_type { REDIS_TYPE_NIL, REDIS_TYPE_TEXT, REDIS_TYPE_INTEGER, REDIS_TYPE_ARRAY, REDIS_TYPE_ERROR };

/* reply is borrowed until the callback returns; NULL: no answer came, and it is unknown whether the command ran. */
typedef void (*redis_reply_cb)(void *ctx, const struct redis_reply *reply);

enum redis_type redis_reply_type(const struct redis_reply *reply);
struct slice redis_reply_text(const struct redis_reply *reply); /* TEXT, ERROR; else absent */
int64_t redis_reply_integer(const struct redis_reply *reply);   /* INTEGER; else 0 */
size_t redis_reply_count(const struct redis_reply *reply);      /* ARRAY; else 0 */
const struct redis_reply *redis_reply_item(const struct redis_reply *reply, size_t index);

/* Whether an answer came and is no error. */
bool redis_reply_ok(const struct redis_reply *reply);

/* Whether an error came that begins with word: "NOSCRIPT", "WRONGTYPE". */
bool redis_reply_is_error(const struct redis_reply *reply, const char *word);

/* ---- For redis_wire.c ---- */

struct redisReader; /* hiredis' */

/* hiredis' reader builds its replies in an arena. */
struct reply_room {
    struct arena arena;    /* reset by the owner, after each reply */
    const size_t *awaited; /* replies that are still to come; a reply that was not asked for ends the connection */
    bool was_unasked;      /* such a reply came */
};

/* From now on reader builds its replies in room, which must outlive it. */
void reply_room_serve(struct reply_room *room, struct redisReader *reader);

#endif
