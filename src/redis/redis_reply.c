/* SPDX-License-Identifier: MIT */
/*
 * Replies, read where they lie.
 *
 * A hit's reply is an array of some twenty strings. hiredis' reader would copy each of them twice and allocate two
 * pieces of memory for it: a fifth of all that a hit costs. Here a string is a slice of the bytes that came, and an
 * array's items are one piece of an arena, which its owner resets when the callback has returned.
 *
 * A reply that has come in part is read again from its beginning when more of it is there. That is cheap, because of a
 * string only the length is looked at, and rare: what Redis writes at once usually comes at once.
 *
 * Guarantees: an array is made only if bytes for all of its items are there, so a peer that announces many gets no
 * memory for them. Nesting, lines and strings are bounded.
 *
 * Does not: speak RESP3, which is not asked for (HELLO).
 */
#include "redis/redis_reply.h"

enum {
    LEVELS_MAX = 8,             /* of arrays in arrays */
    LINE_BYTES_MAX = 64 * 1024, /* of an error or a status */
    SIZE_MAX_BYTES = 512 << 20, /* Redis' own limit of a string, and more items than any array has */
    ITEM_BYTES_MIN = 3,         /* "+\r\n" */
};

struct reply_source {
    const char *at, *end;
    struct arena *arena;
};

static size_t bytes_left(const struct reply_source *source)
{
    return (size_t)(source->end - source->at);
}

static enum redis_reading end_take(struct reply_source *source)
{
    if (bytes_left(source) < 2)
        return REDIS_READ_PART;
    if (source->at[0] != '\r' || source->at[1] != '\n')
        return REDIS_READ_BROKEN;
    source->at += 2;
    return REDIS_READ_WHOLE;
}

/* A string's length or an array's count; -1 is that of nil. */
static enum redis_reading size_take(struct reply_source *source, int64_t *size)
{
    const char *begin = source->at;
    if (begin < source->end && *begin == '-') {
        if (bytes_left(source) < 2)
            return REDIS_READ_PART;
        source->at += 2;
        *size = -1;
        return begin[1] == '1' ? end_take(source) : REDIS_READ_BROKEN;
    }
    *size = 0;
    for (; source->at < source->end && (unsigned char)(*source->at - '0') <= 9; source->at++) {
        *size = *size * 10 + (*source->at - '0');
        if (*size > SIZE_MAX_BYTES)
            return REDIS_READ_BROKEN;
    }
    enum redis_reading reading = end_take(source);
    return reading == REDIS_READ_WHOLE && source->at == begin + 2 ? REDIS_READ_BROKEN : reading;
}

static enum redis_reading line_take(struct reply_source *source, struct slice *line)
{
    size_t left = bytes_left(source), looked_at = left < LINE_BYTES_MAX ? left : LINE_BYTES_MAX;
    const char *end = memchr(source->at, '\r', looked_at);
    if (!end)
        return left < LINE_BYTES_MAX ? REDIS_READ_PART : REDIS_READ_BROKEN;
    *line = (struct slice){source->at, (size_t)(end - source->at)};
    source->at = end;
    return end_take(source);
}

static enum redis_reading string_take(struct reply_source *source, struct redis_reply *reply)
{
    int64_t size;
    enum redis_reading reading = size_take(source, &size);
    if (reading != REDIS_READ_WHOLE || size < 0)
        return reading;
    if (bytes_left(source) < (size_t)size)
        return REDIS_READ_PART;
    reply->type = REDIS_TYPE_TEXT;
    reply->text = (struct slice){source->at, (size_t)size};
    source->at += size;
    return end_take(source);
}

/*
 * What nearly every item of a hit is: a string below 100 bytes that is all there. Tells where it ends; NULL: it is
 * something else, or more must be known.
 */
static inline const char *short_string_take(const char *at, const char *end, struct redis_reply *reply)
{
    enum { AROUND_BYTES = 7 }; /* "$", two digits, two line ends */
    if (end - at < AROUND_BYTES || *at++ != '$')
        return NULL;
    size_t size = (unsigned char)(*at++ - '0'), digit = (unsigned char)(*at - '0');
    if (size > 9)
        return NULL;
    if (digit <= 9) {
        size = size * 10 + digit;
        at++;
    }
    if ((size_t)(end - at) < size + 4 || memcmp(at, "\r\n", 2) != 0 || memcmp(at + 2 + size, "\r\n", 2) != 0)
        return NULL;
    reply->type = REDIS_TYPE_TEXT;
    reply->text = (struct slice){at + 2, size};
    return at + 2 + size + 2;
}

static enum redis_reading reply_take(struct reply_source *source, struct redis_reply *reply, int levels);

static enum redis_reading array_take(struct reply_source *source, struct redis_reply *reply, int levels)
{
    int64_t size;
    enum redis_reading reading = levels > 0 ? size_take(source, &size) : REDIS_READ_BROKEN;
    if (reading != REDIS_READ_WHOLE || size < 0)
        return reading;
    size_t count = (size_t)size;
    if (bytes_left(source) / ITEM_BYTES_MIN < count)
        return REDIS_READ_PART;
    struct redis_reply *items = arena_alloc(source->arena, count * sizeof(*items));
    for (size_t i = 0; i < count && reading == REDIS_READ_WHOLE; i++) {
        const char *end = short_string_take(source->at, source->end, &items[i]);
        if (end)
            source->at = end;
        else
            reading = reply_take(source, &items[i], levels - 1);
    }
    reply->type = REDIS_TYPE_ARRAY;
    reply->items = items;
    reply->count = count;
    return reading;
}

static enum redis_reading integer_take(struct reply_source *source, struct redis_reply *reply)
{
    struct slice digits;
    enum redis_reading reading = line_take(source, &digits);
    reply->type = REDIS_TYPE_INTEGER;
    if (reading == REDIS_READ_WHOLE && !slice_to_int64(digits, &reply->integer))
        return REDIS_READ_BROKEN;
    return reading;
}

/* Unless a type is found, it is nil. */
static enum redis_reading reply_take(struct reply_source *source, struct redis_reply *reply, int levels)
{
    reply->type = REDIS_TYPE_NIL;
    if (source->at == source->end)
        return REDIS_READ_PART;
    switch (*source->at++) {
    case '$':
        return string_take(source, reply);
    case '*':
        return array_take(source, reply, levels);
    case ':':
        return integer_take(source, reply);
    case '+':
        reply->type = REDIS_TYPE_TEXT;
        return line_take(source, &reply->text);
    case '-':
        reply->type = REDIS_TYPE_ERROR;
        return line_take(source, &reply->text);
    default:
        return REDIS_READ_BROKEN;
    }
}

enum redis_reading redis_reply_read(struct redis_reply *reply, struct slice *bytes, struct arena *arena)
{
    struct reply_source source = {.at = bytes->data, .end = bytes->data + bytes->len, .arena = arena};
    enum redis_reading reading = reply_take(&source, reply, LEVELS_MAX);
    if (reading == REDIS_READ_WHOLE)
        *bytes = (struct slice){source.at, bytes_left(&source)};
    return reading;
}

bool redis_reply_ok(const struct redis_reply *reply)
{
    return reply && reply->type != REDIS_TYPE_ERROR;
}

bool redis_reply_is_error(const struct redis_reply *reply, const char *word)
{
    size_t len = strlen(word);
    return reply && reply->type == REDIS_TYPE_ERROR && reply->text.len >= len &&
           memcmp(reply->text.data, word, len) == 0;
}
