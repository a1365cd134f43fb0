/* SPDX-License-Identifier: MIT */
/*
 * Encoding commands.
 *
 * Each argument's length comes before its bytes, so arguments may hold anything, and no byte is escaped or scanned. A
 * command is encoded once and kept as bytes. When a script's call must be sent again, only its name changes; keys and
 * arguments are not read again (cache/scripts.c).
 *
 * Why not hiredis' functions: they take formats or arrays of pointers, and allocate memory each time.
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
