/* SPDX-License-Identifier: MIT */
/*
 * Arrays of texts, by their bytes. A fence has each id once (cache/write.h), so whoever writes many ids sorts them
 * first: the same ones are neighbours then.
 *
 * Does not: copy a text, or look into it.
 */
#include "base/texts.h"

#include <stdlib.h>
#include <string.h>

int texts_compare(const void *one, const void *other)
{
    return strcmp(*(const char *const *)one, *(const char *const *)other);
}

size_t texts_unique(const char **texts, size_t count)
{
    size_t kept_count = 0;
    qsort(texts, count, sizeof(*texts), texts_compare);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || strcmp(texts[i], texts[kept_count - 1]) != 0)
            texts[kept_count++] = texts[i];
    return kept_count;
}
