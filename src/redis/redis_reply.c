/* SPDX-License-Identifier: MIT */
/*
 * Replies in an arena, and access to them.
 *
 * A hit's reply is an array of some twenty strings. hiredis' own functions allocate two pieces of memory for each and
 * free them a moment later. Here a string and its text are one piece of an arena, which its owner resets when the
 * callback has returned. The struct is hiredis' own, because its code looks into replies too.
 *
 * A reply that no command awaits ends the connection: hiredis would end the process over it. An error is let through,
 * because that is how Redis says that it has too many clients.
 *
 * Callers see a struct redis_reply without members. So none of our headers needs one of hiredis', and unit tests can
 * use replies of their own.
 */
#include "redis/redis_reply.h"

#include <hiredis/hiredis.h>
#include <string.h>

/* ---- What hiredis' reader calls; NULL ends the connection. ---- */

/* With room for text_bytes behind the struct. */
static redisReply *reply_make(const redisReadTask *task, int type, size_t text_bytes)
{
    struct reply_room *room = task->privdata;
    if (!task->parent && *room->awaited == 0 && type != REDIS_REPLY_ERROR) {
        room->was_unasked = true;
        return NULL;
    }
    redisReply *reply = arena_alloc(&room->arena, sizeof(*reply) + text_bytes);
    *reply = (redisReply){.type = type};
    if (task->parent) {
        redisReply *parent = task->parent->obj;
        parent->element[task->idx] = reply;
    }
    return reply;
}

static void *reply_new_string(const redisReadTask *task, char *text, size_t len)
{
    redisReply *reply = reply_make(task, task->type, len + 1);
    if (!reply)
        return NULL;
    reply->str = (char *)(reply + 1);
    reply->len = len;
    memcpy(reply->str, text, len);
    reply->str[len] = '\0';
    return reply;
}

static void *reply_new_array(const redisReadTask *task, int count)
{
    struct reply_room *room = task->privdata;
    redisReply *reply = reply_make(task, REDIS_REPLY_ARRAY, 0);
    if (!reply)
        return NULL;
    if (count > 0) {
        reply->element = arena_alloc(&room->arena, (size_t)count * sizeof(*reply->element));
        memset(reply->element, 0, (size_t)count * sizeof(*reply->element));
    }
    reply->elements = (size_t)count;
    return reply;
}

static void *reply_new_integer(const redisReadTask *task, long long value)
{
    redisReply *reply = reply_make(task, REDIS_REPLY_INTEGER, 0);
    if (reply)
        reply->integer = value;
    return reply;
}

static void *reply_new_nil(const redisReadTask *task)
{
    return reply_make(task, REDIS_REPLY_NIL, 0);
}

/* All at once, when the arena is reset. */
static void reply_free(void *reply)
{
    (void)reply;
}

static redisReplyObjectFunctions reply_functions = {
    .createString = reply_new_string,
    .createArray = reply_new_array,
    .createInteger = reply_new_integer,
    .createNil = reply_new_nil,
    .freeObject = reply_free,
};

void reply_room_serve(struct reply_room *room, struct redisReader *reader)
{
    reader->fn = &reply_functions;
    reader->privdata = room;
    room->was_unasked = false;
}

/* ---- What callers see ---- */

enum redis_type redis_reply_type(const struct redis_reply *reply)
{
    switch (((const redisReply *)reply)->type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
        return REDIS_TYPE_TEXT;
    case REDIS_REPLY_INTEGER:
        return REDIS_TYPE_INTEGER;
    case REDIS_REPLY_ARRAY:
        return REDIS_TYPE_ARRAY;
    case REDIS_REPLY_ERROR:
        return REDIS_TYPE_ERROR;
    default:
        return REDIS_TYPE_NIL;
    }
}

struct slice redis_reply_text(const struct redis_reply *reply)
{
    const redisReply *raw = (const redisReply *)reply;
    return (struct slice){.data = raw->str, .len = raw->len};
}

int64_t redis_reply_integer(const struct redis_reply *reply)
{
    return ((const redisReply *)reply)->integer;
}

size_t redis_reply_count(const struct redis_reply *reply)
{
    return ((const redisReply *)reply)->elements;
}

const struct redis_reply *redis_reply_item(const struct redis_reply *reply, size_t index)
{
    return (const struct redis_reply *)((const redisReply *)reply)->element[index];
}

bool redis_reply_ok(const struct redis_reply *reply)
{
    return reply && redis_reply_type(reply) != REDIS_TYPE_ERROR;
}

bool redis_reply_is_error(const struct redis_reply *reply, const char *word)
{
    return reply && redis_reply_type(reply) == REDIS_TYPE_ERROR &&
           strncmp(((const redisReply *)reply)->str, word, strlen(word)) == 0;
}
