/* SPDX-License-Identifier: MIT */
/*
 * Allocation without error paths: if memory runs out, the process prints the size and aborts.
 *
 * A worker that has no memory for a few kilobytes can't answer any request, and the supervisor starts a new one. So
 * callers need no error path. Sizes that a client could choose are bounded before they come here.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t size_bytes) __attribute__((malloc, returns_nonnull));
void *mem_zalloc(size_t size_bytes) __attribute__((malloc, returns_nonnull));
void *mem_resize(void *old, size_t size_bytes) __attribute__((returns_nonnull));
char *mem_strdup(const char *text) __attribute__((malloc, returns_nonnull));

/*
 * A check for bugs that stays in release builds: prints the condition, the place and the message, then aborts. Only for
 * states that a mistake in our code leads to, never for what a network, a store, a client or a setting can cause.
 */
#define bug_unless(condition, message) ((condition) ? (void)0 : bug_abort(#condition, __FILE__, __LINE__, (message)))
void bug_abort(const char *condition, const char *file, int line, const char *message) __attribute__((noreturn));

#endif
