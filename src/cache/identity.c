/* SPDX-License-Identifier: MIT */
/*
 * Which Redis is this? Its own words, in the answer to INFO.
 *
 * The run id is new with each start of the process. That is not enough: one process can be a primary, then a replica
 * that takes over another's data, then a primary again, without its clients noticing. Each promotion makes a new
 * replication id (master_replid). So both together name a Redis and the life of its data. The store's record has room
 * for one id; half of each are 80 bits that were drawn at random.
 *
 * The replication id also changes when a primary gets its first replica, or has had none for an hour. Then the entries
 * are given up without need, once.
 *
 * Two kinds of Redis cannot be trusted, whatever their identity. A replica refuses writes, and its data is late. A
 * Redis that is loading its file answers INFO but no command.
 */
#include "cache/identity.h"

#include <stdio.h>
#include <string.h>

enum { HEX_MAX = 40, HALF = STORE_RUN_ID_MAX / 2 };

/* Copies the value of "name:" at the beginning of a line; empty if there is none, or if it is too long. */
static void info_value(struct slice info, const char *name, char *value, size_t size_bytes)
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

void identity_take(struct identity *identity, struct slice info)
{
    char run_id[HEX_MAX + 1], replication_id[HEX_MAX + 1], role[16], loading[4];
    info_value(info, "run_id", run_id, sizeof(run_id));
    info_value(info, "master_replid", replication_id, sizeof(replication_id));
    info_value(info, "role", role, sizeof(role));
    info_value(info, "loading", loading, sizeof(loading));
    snprintf(identity->id, sizeof(identity->id), "%.*s%.*s", HALF, run_id, HALF, replication_id);
    identity->flaw = NULL;
    if (!run_id[0])
        identity->flaw = "it does not tell its run id";
    else if (strcmp(role, "master") != 0)
        identity->flaw = "it is a replica: give the primary's address, or the sentinels'";
    else if (strcmp(loading, "1") == 0)
        identity->flaw = "it is loading its file";
}
