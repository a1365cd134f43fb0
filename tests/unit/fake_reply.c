/* SPDX-License-Identifier: MIT */
/* What redis.c takes from hiredis, as a plain struct; with the functions of redis/redis.h that look into it. */
#include "fake_reply.h"

#include <stdlib.h>

#include "base/mem.h"

struct redis_reply {
    enum redis_type type;
    char *text; /* owned */
    size_t len;
    int64_t integer;
    struct redis_reply **items; /* owned */
    size_t count;
};

static struct redis_reply *reply_new(enum redis_type type)
{
    struct redis_reply *reply = mem_zalloc(sizeof(*reply));
    reply->type = type;
    return reply;
}

struct redis_reply *fake_reply_nil(void)
{
    return reply_new(REDIS_TYPE_NIL);
}

struct redis_reply *fake_reply_text(struct slice text)
{
    struct redis_reply *reply = reply_new(REDIS_TYPE_TEXT);
    reply->text = mem_zalloc(text.len + 1);
    reply->len = text.len;
    if (text.len > 0)
        memcpy(reply->text, text.data, text.len);
    return reply;
}

struct redis_reply *fake_reply_error(const char *text)
{
    struct redis_reply *reply = fake_reply_text(slice_of(text));
    reply->type = REDIS_TYPE_ERROR;
    return reply;
}

struct redis_reply *fake_reply_integer(int64_t value)
{
    struct redis_reply *reply = reply_new(REDIS_TYPE_INTEGER);
    reply->integer = value;
    return reply;
}

struct redis_reply *fake_reply_array(void)
{
    return reply_new(REDIS_TYPE_ARRAY);
}

void fake_reply_add(struct redis_reply *array, struct redis_reply *item)
{
    array->items = mem_resize(array->items, (array->count + 1) * sizeof(*array->items));
    array->items[array->count++] = item;
}

void fake_reply_free(struct redis_reply *reply)
{
    if (!reply)
        return;
    for (size_t i = 0; i < reply->count; i++)
        fake_reply_free(reply->items[i]);
    free(reply->items);
    free(reply->text);
    free(reply);
}

enum redis_type redis_reply_type(const struct redis_reply *reply)
{
    return reply->type;
}

struct slice redis_reply_text(const struct redis_reply *reply)
{
    return (struct slice){.data = reply->text, .len = reply->len};
}

int64_t redis_reply_integer(const struct redis_reply *reply)
{
    return reply->integer;
}

size_t redis_reply_count(const struct redis_reply *reply)
{
    return reply->count;
}

const struct redis_reply *redis_reply_item(const struct redis_reply *reply, size_t index)
{
    bug_unless(index < reply->count, "an item behind the last one");
    return reply->items[index];
}

bool redis_reply_ok(const struct redis_reply *reply)
{
    return reply && reply->type != REDIS_TYPE_ERROR;
}

bool redis_reply_is_error(const struct redis_reply *reply, const char *word)
{
    return reply && reply->type == REDIS_TYPE_ERROR && strncmp(reply->text, word, strlen(word)) == 0;
}
