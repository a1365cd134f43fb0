/* SPDX-License-Identifier: MIT */
/*
 * Reading what the servers of a Redis Cluster tell about slots.
 *
 * CLUSTER SLOTS answers ranges: first slot, last slot, the primary (host, port, and more that we don't need), then its
 * replicas, which we never ask. A redirection is an error: "MOVED 3999 127.0.0.1:6381", "ASK 3999 127.0.0.1:6381". A
 * server that does not know its own host leaves it out (absent, empty or "?"): then it is where that one was asked.
 *
 * All of it is hearsay: a server that is cut off from the others tells how it was before. Who follows a wrong hint is
 * redirected, or finds nobody, and asks again (cluster.c).
 *
 * Does not: decide whom to ask, or what to do with a redirection.
 */
#include "redis/slot_map.h"

#include <string.h>

static bool peer_equal(const struct redis_peer *a, const struct redis_peer *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

/* The owner's number, as in owners[]; 0: there is no room. */
static uint8_t owner_of(struct slot_map *map, const struct redis_peer *server)
{
    size_t i = 0;
    while (i < map->server_count && !peer_equal(&map->servers[i], server))
        i++;
    if (i == SLOT_SERVERS_MAX)
        return 0;
    if (i == map->server_count)
        map->servers[map->server_count++] = *server;
    return (uint8_t)(i + 1);
}

static bool peer_take_at(struct redis_peer *peer, struct slice host, struct slice port, const struct redis_peer *from)
{
    bool is_left_out = host.len == 0 || slice_equal(host, SLICE("?"));
    return redis_peer_take(peer, is_left_out ? slice_of(from->host) : host, port);
}

/* HOST:PORT; an IPv6 address has more colons. */
static bool peer_read(struct redis_peer *peer, struct slice text, const struct redis_peer *from)
{
    size_t at = text.len;
    while (at > 0 && text.data[at - 1] != ':')
        at--;
    if (at == 0)
        return false;
    return peer_take_at(peer, (struct slice){text.data, at - 1}, (struct slice){text.data + at, text.len - at}, from);
}

/* ---- CLUSTER SLOTS ---- */

static bool is_slot(const struct redis_reply *reply)
{
    int64_t slot = redis_reply_integer(reply);
    return redis_reply_type(reply) == REDIS_TYPE_INTEGER && slot >= 0 && slot < SLOT_COUNT;
}

static bool primary_take(struct redis_peer *peer, const struct redis_reply *server, const struct redis_peer *from)
{
    char digits[INT64_TEXT_MAX + 1];
    if (redis_reply_count(server) < 2)
        return false;
    int64_t port = redis_reply_integer(redis_reply_item(server, 1));
    return peer_take_at(peer, redis_reply_text(redis_reply_item(server, 0)), slice_of_int64(digits, port), from);
}

static bool range_take(struct slot_map *map, const struct redis_reply *range, const struct redis_peer *from)
{
    struct redis_peer primary;
    if (redis_reply_count(range) < 3 || !is_slot(redis_reply_item(range, 0)) || !is_slot(redis_reply_item(range, 1)) ||
        !primary_take(&primary, redis_reply_item(range, 2), from))
        return false;
    size_t first = (size_t)redis_reply_integer(redis_reply_item(range, 0));
    size_t last = (size_t)redis_reply_integer(redis_reply_item(range, 1));
    uint8_t owner = owner_of(map, &primary);
    if (owner == 0 || last < first)
        return false;
    memset(map->owners + first, owner, last - first + 1);
    return true;
}

bool slot_map_take(struct slot_map *map, const struct redis_reply *reply, const struct redis_peer *from)
{
    *map = (struct slot_map){0};
    if (!redis_reply_ok(reply))
        return false;
    for (size_t i = 0; i < redis_reply_count(reply); i++)
        if (!range_take(map, redis_reply_item(reply, i), from))
            return false;
    return map->server_count > 0;
}

/* ---- One slot ---- */

const struct redis_peer *slot_map_server(const struct slot_map *map, unsigned slot)
{
    uint8_t owner = map->owners[slot];
    return owner ? &map->servers[owner - 1] : NULL;
}

struct slot_set slot_map_of(const struct slot_map *map, const struct redis_peer *server)
{
    struct slot_set set = {0};
    for (unsigned slot = 0; slot < SLOT_COUNT; slot++) {
        const struct redis_peer *owner = slot_map_server(map, slot);
        if (owner && peer_equal(owner, server))
            slot_set_add(&set, slot);
    }
    return set;
}

void slot_map_move(struct slot_map *map, unsigned slot, const struct redis_peer *server)
{
    map->owners[slot] = owner_of(map, server);
}

/* ---- Redirections ---- */

/* "SLOT HOST:PORT" */
static bool redirect_take(struct redirect *redirect, struct slice text, const struct redis_peer *from)
{
    struct slice place;
    int64_t slot;
    if (!slice_to_int64(slice_split(text, ' ', &place), &slot) || slot < 0 || slot >= SLOT_COUNT)
        return false;
    redirect->slot = (unsigned)slot;
    return peer_read(&redirect->server, place, from);
}

struct redirect redirect_of(struct slice error, const struct redis_peer *from)
{
    struct redirect redirect = {.kind = REDIRECT_NONE};
    static const char torn[] = "ERR Script attempted to access a non local key";
    struct slice rest, word = slice_split(error, ' ', &rest);
    if (SLICE_IS(word, "TRYAGAIN"))
        redirect.kind = REDIRECT_AGAIN;
    else if (error.len >= sizeof(torn) - 1 && memcmp(error.data, torn, sizeof(torn) - 1) == 0)
        redirect.kind = REDIRECT_TORN;
    else if (SLICE_IS(word, "CLUSTERDOWN"))
        redirect.kind = REDIRECT_DOWN;
    else if (SLICE_IS(word, "MOVED") && redirect_take(&redirect, rest, from))
        redirect.kind = REDIRECT_MOVED;
    else if (SLICE_IS(word, "ASK") && redirect_take(&redirect, rest, from))
        redirect.kind = REDIRECT_ASK;
    return redirect;
}
