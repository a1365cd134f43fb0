/* SPDX-License-Identifier: MIT */
/*
 * Memory for things that end together: the texts of one request, one page of todos, one batch of rows.
 *
 * Pieces are cut from chunks one behind the other. A single piece can't be given back, and needs not be. Each chunk is
 * twice as large as the one before, up to a bound. So a small request costs one small chunk, and a large batch costs a
 * few large ones. arena_reset() keeps the newest chunk, which is the largest or the one that a huge piece needed: an
 * arena in steady use has one chunk and allocates no more.
 *
 * Guarantees: a piece never moves and stays until reset or fini; it is aligned for any type. AddressSanitizer sees
 * bytes as poisoned before they are handed out and after a reset, so it finds a slice that outlives its request.
 *
 * Does not: clear memory, run destructors, serve two threads at once.
 */
#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(data, size_bytes)   ((void)(data), (void)(size_bytes))
#define ASAN_UNPOISON_MEMORY_REGION(data, size_bytes) ((void)(data), (void)(size_bytes))
#endif

enum { CHUNK_MIN_BYTES = 2048, CHUNK_MAX_BYTES = 65536, ALIGNMENT = _Alignof(max_align_t) };

struct arena_chunk {
    struct arena_chunk *older;
    size_t capacity;   /* bytes in data */
    size_t used_bytes; /* of them, handed out; a multiple of ALIGNMENT */
    _Alignas(max_align_t) char data[];
};

static struct arena_chunk *chunk_new(struct arena *arena, size_t size_bytes)
{
    size_t capacity = CHUNK_MIN_BYTES;
    if (arena->chunks)
        capacity = arena->chunks->capacity < CHUNK_MAX_BYTES / 2 ? arena->chunks->capacity * 2 : CHUNK_MAX_BYTES;
    if (capacity < size_bytes)
        capacity = size_bytes;
    struct arena_chunk *chunk = mem_alloc(sizeof(*chunk) + capacity);
    *chunk = (struct arena_chunk){.older = arena->chunks, .capacity = capacity};
    ASAN_POISON_MEMORY_REGION(chunk->data, capacity);
    arena->chunks = chunk;
    return chunk;
}

static void chunks_free(struct arena_chunk *chunk)
{
    while (chunk) {
        struct arena_chunk *older = chunk->older;
        free(chunk);
        chunk = older;
    }
}

void arena_init(struct arena *arena)
{
    arena->chunks = NULL;
}

void arena_fini(struct arena *arena)
{
    chunks_free(arena->chunks);
    arena->chunks = NULL;
}

void arena_reset(struct arena *arena)
{
    struct arena_chunk *chunk = arena->chunks;
    if (!chunk)
        return;
    chunks_free(chunk->older);
    chunk->older = NULL;
    chunk->used_bytes = 0;
    ASAN_POISON_MEMORY_REGION(chunk->data, chunk->capacity);
}

void *arena_alloc(struct arena *arena, size_t size_bytes)
{
    bug_unless(size_bytes <= SIZE_MAX / 2, "a piece larger than memory");
    size_t rounded = (size_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct arena_chunk *chunk = arena->chunks;
    if (!chunk || chunk->capacity - chunk->used_bytes < rounded)
        chunk = chunk_new(arena, rounded);
    char *piece = chunk->data + chunk->used_bytes;
    chunk->used_bytes += rounded;
    ASAN_UNPOISON_MEMORY_REGION(piece, size_bytes); /* the padding behind it stays poisoned */
    return piece;
}

struct slice arena_copy(struct arena *arena, struct slice text)
{
    if (!text.data)
        return text;
    char *copy = arena_alloc(arena, text.len + 1);
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return (struct slice){.data = copy, .len = text.len};
}

size_t arena_used_bytes(const struct arena *arena)
{
    size_t used_bytes = 0;
    for (const struct arena_chunk *chunk = arena->chunks; chunk; chunk = chunk->older)
        used_bytes += chunk->used_bytes;
    return used_bytes;
}
