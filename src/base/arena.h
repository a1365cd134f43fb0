/* SPDX-License-Identifier: MIT */
/*
 * A bump allocator: many small pieces with one lifetime (a page of todos, a batch of rows, a parsed body).
 *
 * ownership  pieces belong to the arena and are freed by arena_fini, or made reusable at once by arena_reset
 * errors     none (mem.h)
 * context    any (pure); one user at a time
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/slice.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *chunks; /* newest first */
};

void arena_init(struct arena *arena);
void arena_fini(struct arena *arena);

/* Forgets all pieces; keeps the newest chunk for what comes next. */
void arena_reset(struct arena *arena);

/* size_bytes of memory, aligned for any type, not cleared. */
void *arena_alloc(struct arena *arena, size_t size_bytes);

/* A copy of text, with a NUL behind it that its length doesn't count. An absent slice stays absent. */
struct slice arena_copy(struct arena *arena, struct slice text);

/* Bytes handed out since the last reset: batches are bounded by it. */
size_t arena_used_bytes(const struct arena *arena);

#endif
