/* SPDX-License-Identifier: MIT */
/* Hashes as Redis answers HGETALL, for fuzzers of what lies there. */
#ifndef TESTS_FUZZ_HASH_H
#define TESTS_FUZZ_HASH_H

#include "tests/unit/fake_reply.h"

/* The reply with these fields and values in turn; it lives until hash_forget(). */
const struct redis_reply *hash_reply(const struct slice *args, size_t count);

/* The same from lines, each of them a field or a value; the last line may be a field without one. A hash names no
 * field twice: it ends before that line. */
const struct redis_reply *hash_of_lines(struct slice lines);

/* Frees all replies so far. */
void hash_forget(void);

#endif
