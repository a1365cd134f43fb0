/* SPDX-License-Identifier: MIT */
/*
 * Parsing Redis' address.
 *
 * A path may hold slashes and a host may not, so the database is written differently behind each: "?db=N" and "/N". The
 * port is the text behind the last colon, so an IPv6 address needs no brackets. A unix socket's path has at most 107
 * bytes; hiredis would cut a longer one and connect to another file.
 *
 * Behind sentinel:// come the sentinels, with commas between them, then the name by which they know Redis. The name is
 * checked by Sentinel's own rule, so that a typo is an error at the start, not a primary that no sentinel knows.
 *
 * Behind cluster:// come some servers of a Redis Cluster. It has one database, so none can be given.
 *
 * There is no place for a password. An address with an '@' is refused, and shown with what stands before it masked:
 * operators know URLs with a password in them from other programs.
 *
 * Does not: look hosts up, or connect.
 */
#include "redis/redis_address.h"

#include <stdio.h>
#include <string.h>

#include "base/settings.h"

enum { DATABASE_MAX = 9999, PORT_MAX = 65535 };

static const char SENTINEL_SCHEME[] = "sentinel://", CLUSTER_SCHEME[] = "cluster://";

static enum status address_invalid(const char *text, struct error *error)
{
    struct buf shown;
    buf_init(&shown);
    settings_mask_uri(&shown, text);
    error_set(error, STATUS_INVALID,
              "redis = %.40s: give unix:PATH[?db=N], HOST:PORT[/DB], sentinel://HOST:PORT,.../NAME[/DB] or "
              "cluster://HOST:PORT,...; PATH to %d bytes, DB to %d, %d servers at most; passwords go into "
              "redis_password_file",
              shown.data, REDIS_UNIX_PATH_MAX, DATABASE_MAX, REDIS_PEERS_MAX);
    buf_fini(&shown);
    return STATUS_INVALID;
}

static bool number_take(int *number, struct slice text, int64_t least, int64_t most)
{
    int64_t value;
    bool is_valid = slice_to_int64(text, &value) && value >= least && value <= most;
    *number = is_valid ? (int)value : -1;
    return is_valid;
}

/* Cuts text at the last separator and returns the text behind it; NULL: there is no separator. */
static char *cut_last(char *text, char separator)
{
    char *at = strrchr(text, separator);
    if (!at)
        return NULL;
    *at = '\0';
    return at + 1;
}

bool redis_peer_take(struct redis_peer *peer, struct slice host, struct slice port)
{
    if (!host.data || !port.data || host.len == 0 || host.len > REDIS_HOST_MAX || memchr(host.data, '\0', host.len))
        return false;
    memcpy(peer->host, host.data, host.len);
    peer->host[host.len] = '\0';
    return number_take(&peer->port, port, 1, PORT_MAX);
}

/* HOST:PORT */
static bool peer_parse(struct redis_address *address, char *text)
{
    char *port = cut_last(text, ':');
    return port && redis_peer_take(&address->peers[address->peer_count++], slice_of(text), slice_of(port));
}

static bool unix_parse(struct redis_address *address, char *path)
{
    char *query = strstr(path, "?db=");
    if (query) {
        *query = '\0';
        if (!number_take(&address->database, slice_of(query + 4), 0, DATABASE_MAX))
            return false;
    }
    size_t len = strlen(path);
    if (len == 0 || len > REDIS_UNIX_PATH_MAX)
        return false;
    memcpy(address->peers[address->peer_count++].host, path, len + 1);
    return true;
}

static bool tcp_parse(struct redis_address *address, char *text)
{
    char *database = cut_last(text, '/');
    if (database && !number_take(&address->database, slice_of(database), 0, DATABASE_MAX))
        return false;
    return peer_parse(address, text);
}

/* HOST:PORT,HOST:PORT */
static bool peers_parse(struct redis_address *address, char *text)
{
    while (text) {
        char *next = strchr(text, ',');
        if (next)
            *next++ = '\0';
        if (address->peer_count == REDIS_PEERS_MAX || !peer_parse(address, text))
            return false;
        text = next;
    }
    return true;
}

static bool name_valid(const char *name)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";
    return name[0] && strspn(name, allowed) == strlen(name);
}

static bool sentinel_parse(struct redis_address *address, char *text)
{
    char *name = strchr(text, '/');
    if (!name)
        return false;
    *name++ = '\0';
    char *database = strchr(name, '/');
    if (database)
        *database++ = '\0';
    if (database && !number_take(&address->database, slice_of(database), 0, DATABASE_MAX))
        return false;
    snprintf(address->primary_name, sizeof(address->primary_name), "%s", name);
    return peers_parse(address, text) && name_valid(name);
}

/* What stands behind a scheme; NULL: text has another one. */
static const char *behind(const char *text, const char *scheme)
{
    return strncmp(text, scheme, strlen(scheme)) == 0 ? text + strlen(scheme) : NULL;
}

enum status redis_address_parse(struct redis_address *address, const char *text, struct error *error)
{
    char scratch[REDIS_ADDRESS_MAX + 1];
    const char *path = behind(text, "unix:"), *sentinels = behind(text, SENTINEL_SCHEME);
    const char *cluster = behind(text, CLUSTER_SCHEME);
    *address = (struct redis_address){.is_cluster = cluster};
    snprintf(address->text, sizeof(address->text), "%s", text);
    snprintf(scratch, sizeof(scratch), "%s", path ? path : sentinels ? sentinels : cluster ? cluster : text);
    bool is_valid = path                ? unix_parse(address, scratch)
                    : strchr(text, '@') ? false
                    : sentinels         ? sentinel_parse(address, scratch)
                    : cluster           ? peers_parse(address, scratch)
                                        : tcp_parse(address, scratch);
    return is_valid ? STATUS_OK : address_invalid(text, error);
}
