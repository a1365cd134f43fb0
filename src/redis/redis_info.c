/* SPDX-License-Identifier: MIT */
/*
 * Reading INFO: lines "name:value", parted by CR LF, with sections ("# Server") and empty lines between them. Names
 * come once. It doesn't know what a value means (cache/identity.c, queue/durable.c), and takes none that is cut off.
 */
#include "redis/redis_info.h"

#include <string.h>

void redis_info_value(struct slice info, const char *name, char *value, size_t size_bytes)
{
    size_t name_len = strlen(name);
    const char *end = info.data + info.len;
    value[0] = '\0';
    for (const char *line = info.data; line && line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        const char *line_end = stop ? stop : end;
        if ((size_t)(line_end - line) > name_len && memcmp(line, name, name_len) == 0 && line[name_len] == ':') {
            const char *from = line + name_len + 1;
            size_t len = (size_t)(line_end - from);
            if (len > 0 && from[len - 1] == '\r')
                len--;
            if (len < size_bytes) {
                memcpy(value, from, len);
                value[len] = '\0';
            }
            return;
        }
        line = stop ? stop + 1 : NULL;
    }
}
