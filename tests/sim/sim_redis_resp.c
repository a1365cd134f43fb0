/* SPDX-License-Identifier: MIT */
/*
 * Commands come as "*count", then "$length argument" for each; a client may cut them anywhere. What is not whole is read
 * again from its first byte when more has come: commands are short.
 */
#include "sim_redis_resp.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* The number of a line "*12\r\n" or "$12\r\n"; false if the line is not whole. */
static bool take_number(struct slice *bytes, char type, size_t *number)
{
    const char *end = bytes->len > 0 ? memchr(bytes->data, '\n', bytes->len) : NULL;
    if (!end)
        return false;
    bug_unless(bytes->data[0] == type, "a command is no RESP2");
    *number = 0;
    for (const char *at = bytes->data + 1; *at != '\r'; at++)
        *number = *number * 10 + (size_t)(*at - '0');
    bytes->len -= (size_t)(end + 1 - bytes->data);
    bytes->data = end + 1;
    return true;
}

static bool take_text(struct slice *bytes, struct slice *text)
{
    size_t len;
    if (!take_number(bytes, '$', &len) || bytes->len < len + 2)
        return false;
    *text = (struct slice){bytes->data, len};
    bytes->data += len + 2;
    bytes->len -= len + 2;
    return true;
}

bool resp_take(struct resp_command *command, struct slice *bytes)
{
    struct slice rest = *bytes;
    if (!take_number(&rest, '*', &command->count))
        return false;
    bug_unless(command->count > 0, "a command has no name");
    if (command->count > command->capacity) {
        command->capacity = 2 * command->count;
        command->args = mem_resize(command->args, command->capacity * sizeof(*command->args));
    }
    for (size_t i = 0; i < command->count; i++)
        if (!take_text(&rest, &command->args[i]))
            return false;
    *bytes = rest;
    return true;
}

void resp_command_fini(struct resp_command *command)
{
    free(command->args);
}

static void append_line(struct buf *reply, char type, int64_t number)
{
    buf_append_char(reply, type);
    buf_append_int(reply, number);
    buf_append(reply, "\r\n", 2);
}

void resp_nil(struct buf *reply)
{
    append_line(reply, '$', -1);
}

void resp_line(struct buf *reply, char type, const char *text)
{
    buf_append_char(reply, type);
    for (; *text; text++)
        buf_append_char(reply, *text == '\r' || *text == '\n' ? ' ' : *text);
    buf_append(reply, "\r\n", 2);
}

void resp_status(struct buf *reply, const char *text)
{
    resp_line(reply, '+', text);
}

void resp_integer(struct buf *reply, int64_t value)
{
    append_line(reply, ':', value);
}

void resp_double(struct buf *reply, double value)
{
    char text[40];
    int len = snprintf(text, sizeof(text), "%.17g", value);
    resp_text(reply, (struct slice){text, (size_t)len});
}

void resp_text(struct buf *reply, struct slice text)
{
    append_line(reply, '$', (int64_t)text.len);
    buf_append_slice(reply, text);
    buf_append(reply, "\r\n", 2);
}

void resp_array(struct buf *reply, size_t count)
{
    append_line(reply, '*', (int64_t)count);
}

void resp_error(struct buf *reply, const char *format, ...)
{
    char text[1000];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    resp_line(reply, '-', text);
}
