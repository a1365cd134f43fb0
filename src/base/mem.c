/* SPDX-License-Identifier: MIT */
/*
 * Allocation that does not fail, and the check for bugs.
 *
 * Why: a path for "out of memory" behind every small allocation would be code that never runs and is never tested.
 * Large sizes, and sizes that a client chooses, are bounded before they get here. The other allocations are a few
 * kilobytes. A process that can't have these can't answer any request, so it prints an error and ends, and its
 * supervisor starts another.
 *
 * bug_abort() ends the process where only a mistake in our code can lead. Both write their line with write(2), not
 * through stdio or the log, because the heap or the log's sink may be broken. Besides the log's stderr this is the only
 * output in base.
 *
 * Does not: pool, count, or limit memory; that is for malloc and for the service manager.
 */
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void die(const char *line, int len, size_t line_max) __attribute__((noreturn));

static void die(const char *line, int len, size_t line_max)
{
    size_t line_len = len < 0 ? 0 : (size_t)len;
    if (line_len >= line_max)
        line_len = line_max - 1; /* snprintf() returns the length of the uncut text */
    ssize_t written = write(STDERR_FILENO, line, line_len);
    (void)written; /* the process ends in any case */
    abort();
}

static void die_of_memory(size_t size_bytes)
{
    char line[96];
    int len = snprintf(line, sizeof(line), "fatal: no memory for %zu bytes\n", size_bytes);
    die(line, len, sizeof(line));
}

void *mem_alloc(size_t size_bytes)
{
    void *memory = malloc(size_bytes ? size_bytes : 1); /* malloc(0) may be NULL without being out of memory */
    if (!memory)
        die_of_memory(size_bytes);
    return memory;
}

void *mem_zalloc(size_t size_bytes)
{
    void *memory = calloc(1, size_bytes ? size_bytes : 1);
    if (!memory)
        die_of_memory(size_bytes);
    return memory;
}

void *mem_resize(void *old, size_t size_bytes)
{
    void *memory = realloc(old, size_bytes ? size_bytes : 1);
    if (!memory)
        die_of_memory(size_bytes);
    return memory;
}

char *mem_strdup(const char *text)
{
    size_t size_bytes = strlen(text) + 1;
    return memcpy(mem_alloc(size_bytes), text, size_bytes);
}

void bug_abort(const char *condition, const char *file, int line, const char *message)
{
    char text[512];
    int len = snprintf(text, sizeof(text), "bug: %s:%d: %s: %s\n", file, line, condition, message);
    die(text, len, sizeof(text));
}
