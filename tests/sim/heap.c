/* SPDX-License-Identifier: MIT */
/*
 * The memory of simulated processes: malloc() and its family, wrapped by the linker.
 *
 * Each piece remembers whose it is. So a killed process loses all at once, and one that has ended in order must have
 * none left. Pieces are the C library's own, so that AddressSanitizer sees each.
 */
#include <stdlib.h>
#include <string.h>

#include "process.h"

struct block {
    struct block *prev, *next;
    struct process *owner; /* NULL: the world's, which are in no list */
    size_t size_bytes;
};

void *__real_malloc(size_t size_bytes);
void *__real_realloc(void *old, size_t size_bytes);
void __real_free(void *memory);
void *__wrap_malloc(size_t size_bytes);
void *__wrap_calloc(size_t count, size_t size_bytes);
void *__wrap_realloc(void *old, size_t size_bytes);
void __wrap_free(void *memory);
char *__wrap_strdup(const char *text);

static void block_link(struct block *block)
{
    struct process *owner = block->owner;
    if (!owner)
        return;
    block->prev = NULL;
    block->next = owner->blocks;
    if (owner->blocks)
        owner->blocks->prev = block;
    owner->blocks = block;
    owner->block_count++;
}

static void block_unlink(struct block *block)
{
    struct process *owner = block->owner;
    if (!owner)
        return;
    if (block->prev)
        block->prev->next = block->next;
    else
        owner->blocks = block->next;
    if (block->next)
        block->next->prev = block->prev;
    owner->block_count--;
}

void *__wrap_malloc(size_t size_bytes)
{
    struct block *block = __real_malloc(sizeof(*block) + size_bytes);
    if (!block)
        return NULL;
    block->owner = process_current();
    block->size_bytes = size_bytes;
    block_link(block);
    return block + 1;
}

void *__wrap_calloc(size_t count, size_t size_bytes)
{
    void *memory = __wrap_malloc(count * size_bytes);
    return memory ? memset(memory, 0, count * size_bytes) : NULL;
}

void __wrap_free(void *memory)
{
    if (!memory)
        return;
    struct block *block = (struct block *)memory - 1;
    block_unlink(block);
    __real_free(block);
}

void *__wrap_realloc(void *old, size_t size_bytes)
{
    if (!old)
        return __wrap_malloc(size_bytes);
    struct block *block = (struct block *)old - 1;
    block_unlink(block);
    struct block *moved = __real_realloc(block, sizeof(*block) + size_bytes);
    block = moved ? moved : block;
    block_link(block);
    if (!moved)
        return NULL;
    block->size_bytes = size_bytes;
    return block + 1;
}

char *__wrap_strdup(const char *text)
{
    size_t size_bytes = strlen(text) + 1;
    char *copy = __wrap_malloc(size_bytes);
    return copy ? memcpy(copy, text, size_bytes) : NULL;
}

void heap_drop_all(struct process *process)
{
    while (process->blocks) {
        struct block *block = process->blocks;
        process->blocks = block->next;
        __real_free(block);
    }
    process->block_count = 0;
}
