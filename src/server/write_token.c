/* SPDX-License-Identifier: MIT */
/*
 * Reads the token that writes must show. A worker that can't read it must not start: it would let every client write.
 *
 * Does not: compare tokens (api/), or look whether the file has changed since the start.
 */
#include "server/write_token.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum status write_token_read(const char *path, char token[WRITE_TOKEN_MAX + 2], struct error *error)
{
    token[0] = '\0';
    if (!*path)
        return STATUS_OK;
    FILE *file = fopen(path, "re");
    bool is_read = file && fgets(token, WRITE_TOKEN_MAX + 2, file);
    if (file)
        fclose(file);
    size_t len = is_read ? strcspn(token, "\r\n") : 0;
    token[len] = '\0';
    if (len > 0 && len <= WRITE_TOKEN_MAX)
        return STATUS_OK;
    return error_set(error, STATUS_INVALID,
                     "write_token_file = %s: its first line can't be read, is empty, or has more than %d bytes", path,
                     (int)WRITE_TOKEN_MAX);
}
