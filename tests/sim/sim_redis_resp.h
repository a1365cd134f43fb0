/* SPDX-License-Identifier: MIT */
/*
 * Redis' serialization protocol (RESP2), from the server's side: commands are read, replies are written.
 * context  any (pure)
 */
#ifndef TESTS_SIM_SIM_REDIS_RESP_H
#define TESTS_SIM_SIM_REDIS_RESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

/* The arguments of one command; they borrow the bytes that were read. */
struct resp_command {
    struct slice *args; /* owned; kept for the next command */
    size_t count, capacity;
};

void resp_command_fini(struct resp_command *command);

/* Takes the first command off the front of bytes; false if it is not whole yet. Bytes that are no command are a bug. */
bool resp_take(struct resp_command *command, struct slice *bytes);

void resp_nil(struct buf *reply);
/* A status '+' or an error '-'; a line's end within text becomes a blank. */
void resp_line(struct buf *reply, char type, const char *text);
void resp_status(struct buf *reply, const char *text);
void resp_integer(struct buf *reply, int64_t value);
void resp_double(struct buf *reply, double value);
void resp_text(struct buf *reply, struct slice text);
void resp_array(struct buf *reply, size_t count); /* the items follow */

/* "CODE text", without the line's end; printf's format. */
void resp_error(struct buf *reply, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
