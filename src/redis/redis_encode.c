/* SPDX-License-Identifier: MIT */
/*
 * Encoding commands.
 *
 * Lengths stand before the bytes, so arguments may hold anything, and nothing is escaped or scanned. A command is encoded once
 * and kept as bytes: a script's call is sent again with another name in front, without looking at its keys and arguments
 * (scripts.c). hiredis has functions for this too, but they take formats or arrays of pointers and ask for memory each time.
 */
#include "redis/redis_encode.h"

void redis_encode_count(struct buf *command, size_t count)
{
    buf_append_char(command, '*');
    buf_append_int(command, (int64_t)count);
    buf_append(command, "\r\n", 2);
}

void redis_encode(struct buf *command, struct slice arg)
{
    buf_append_char(command, '$');
    buf_append_int(command, (int64_t)arg.len);
    buf_append(command, "\r\n", 2);
    buf_append_slice(command, arg);
    buf_append(command, "\r\n", 2);
}

void redis_encode_all(struct buf *command, const struct slice *args, size_t count)
{
    buf_reset(command);
    redis_encode_count(command, count);
    for (size_t i = 0; i < count; i++)
        redis_encode(command, args[i]);
}
