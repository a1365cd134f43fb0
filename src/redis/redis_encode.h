/* SPDX-License-Identifier: MIT */
/*
 * Commands in Redis' serialization protocol (RESP2): "*count", then "$length argument" for each argument.
 * context  any (pure)
 */
#ifndef REDIS_REDIS_ENCODE_H
#define REDIS_REDIS_ENCODE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/slice.h"

void redis_encode_count(struct buf *command, size_t count);
void redis_encode(struct buf *command, struct slice arg);

/* At least what these take, encoded one after another: a command that is kept is then allocated once. */
size_t redis_encoded_bytes_max(const struct slice *args, size_t count);

/* Replaces the content of command by a whole command. */
void redis_encode_all(struct buf *command, const struct slice *args, size_t count);

#endif
