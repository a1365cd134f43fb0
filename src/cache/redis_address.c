/* SPDX-License-Identifier: MIT */
/*
 * Taking an address of Redis apart.
 *
 * A path may hold slashes and a host may not, so the database is written differently behind each: "?db=N" and "/N". The
 * port is what stands behind the last colon, so an IPv6 address needs no brackets. A unix socket's path has a limit of its
 * own, 107 bytes, beyond which hiredis would cut it and connect to another file.
 */
#include "cache/redis_address.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/slice.h"

enum { DATABASE_MAX = 9999, PORT_MAX = 65535 };

static enum status address_invalid(const char *text, struct error *error)
{
    return error_set(error, STATUS_INVALID,
                     "redis = %s: give unix:PATH, unix:PATH?db=N, HOST:PORT or HOST:PORT/DB, with DB 0 to %d", text,
                     DATABASE_MAX);
}

/* Cuts text at the last separator and reads the number behind it; -1 if it is none. False: there is no separator. */
static bool cut_number(char *text, char separator, int64_t least, int64_t most, int *number)
{
    char *at = strrchr(text, separator);
    if (!at)
        return false;
    int64_t value;
    bool is_valid = slice_to_int64(slice_of(at + 1), &value) && value >= least && value <= most;
    *at = '\0';
    *number = is_valid ? (int)value : -1;
    return true;
}

static void cut_unix(struct redis_address *address)
{
    char *query = strstr(address->host, "?db=");
    if (!query)
        return;
    cut_number(query, '=', 0, DATABASE_MAX, &address->database);
    *query = '\0';
}

static void cut_tcp(struct redis_address *address)
{
    cut_number(address->host, '/', 0, DATABASE_MAX, &address->database);
    if (!cut_number(address->host, ':', 1, PORT_MAX, &address->port))
        address->port = -1;
}

enum status redis_address_parse(struct redis_address *address, const char *text, struct error *error)
{
    bool is_unix = strncmp(text, "unix:", 5) == 0;
    *address = (struct redis_address){0};
    snprintf(address->text, sizeof(address->text), "%s", text);
    snprintf(address->host, sizeof(address->host), "%s", text + (is_unix ? 5 : 0));
    if (is_unix)
        cut_unix(address);
    else
        cut_tcp(address);
    if (is_unix && strlen(address->host) > REDIS_UNIX_PATH_MAX)
        return error_set(error, STATUS_INVALID, "redis = %s: a unix socket's path has at most %d bytes", text,
                         REDIS_UNIX_PATH_MAX);
    if (!address->host[0] || address->database < 0 || address->port < 0)
        return address_invalid(text, error);
    return STATUS_OK;
}
