/* SPDX-License-Identifier: MIT */
/* Arrays of texts. context any (pure) */
#ifndef BASE_TEXTS_H
#define BASE_TEXTS_H

#include <stddef.h>

/* For qsort() and bsearch(): two pointers to texts. */
int texts_compare(const void *one, const void *other);

/* Sorts them, and drops those that come again; returns how many are left. */
size_t texts_unique(const char **texts, size_t count);

#endif
