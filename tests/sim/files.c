/* SPDX-License-Identifier: MIT */
/*
 * Files of the simulated machine: fixed texts. The password's may hold an old one for a while, or not be there.
 */
#include "files.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct files files;

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode);

static const char *text_of(const char *path)
{
    static const struct {
        const char *path, *text;
    } texts[] = {
        {"sim:headers", "# for the CDN\n\r\nAuthorization: Bearer token\r\nX-More: 1\n"},
        {"sim:no-field", "X-More: 1\nno field\n"},
        {"sim:no-name", ": 1\n"},
        {"sim:two-words", "two words: 1\n"},
    };
    if (strcmp(path, "sim:password") == 0)
        return files.has_no_password ? NULL : files.has_old_password ? "an old one\n" : FILES_PASSWORD "\n";
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        if (strcmp(path, texts[i].path) == 0)
            return texts[i].text;
    return NULL;
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
    if (strncmp(path, "sim:", 4) != 0)
        return __real_fopen(path, mode);
    const char *text = text_of(path);
    errno = ENOENT;
    return text ? fmemopen((void *)(uintptr_t)text, strlen(text), "r") : NULL;
}

/* The C library's name of it where files may be large. */
FILE *__wrap_fopen64(const char *path, const char *mode)
{
    return __wrap_fopen(path, mode);
}
