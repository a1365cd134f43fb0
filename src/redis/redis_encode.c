/* SPDX-License-Identifier: MIT */
/*
 * Encoding commands.
 *
 * Each argument's length comes before its bytes, so arguments may hold anything, and no byte is escaped or scanned. A
 * command is encoded once and kept as bytes. When a script's call must be sent again, only its name changes; keys and
 * arguments are not read again (cache/scripts.c).
 *
 * An argument is one step of the buffer, because each hit encodes a command.
 *
 * Why not hiredis' functions: they take formats or arrays of pointers, and allocate memory each time.
 */
#include "redis/redis_encode.h"

enum { END_BYTES = 2, NUMBER_BYTES = 1 + INT64_TEXT_MAX + END_BYTES };

size_t redis_encoded_bytes_max(const struct slice *args, size_t count)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += NUMBER_BYTES + args[i].len + END_BYTES;
    return sum;
}

/* Most lengths have one or two digits. */
static char *number_print(char *at, char mark, size_t number)
{
    *at++ = mark;
    if (number < 100) {
        *at = (char)('0' + number / 10);
        at += number >= 10;
        *at++ = (char)('0' + number % 10);
    } else {
        at += slice_of_int64(at, (int64_t)number).len;
    }
    memcpy(at, "\r\n", END_BYTES);
    return at + END_BYTES;
}

void redis_encode_count(struct buf *command, size_t count)
{
    char *begin = buf_reserve(command, NUMBER_BYTES);
    buf_advance(command, (size_t)(number_print(begin, '*', count) - begin));
}

void redis_encode(struct buf *command, struct slice arg)
{
    char *begin = buf_reserve(command, NUMBER_BYTES + arg.len + END_BYTES);
    char *at = number_print(begin, '$', arg.len);
    if (arg.len > 0) /* memcpy() wants a pointer even for nothing */
        memcpy(at, arg.data, arg.len);
    memcpy(at + arg.len, "\r\n", END_BYTES);
    buf_advance(command, (size_t)(at - begin) + arg.len + END_BYTES);
}

void redis_encode_all(struct buf *command, const struct slice *args, size_t count)
{
    buf_reset(command);
    redis_encode_count(command, count);
    for (size_t i = 0; i < count; i++)
        redis_encode(command, args[i]);
}
