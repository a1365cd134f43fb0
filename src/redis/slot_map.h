/* SPDX-License-Identifier: MIT */
/*
 * Which server of a Redis Cluster has which slot, as its servers tell: all by CLUSTER SLOTS, one by a redirection.
 * context  any (pure)
 */
#ifndef REDIS_SLOT_MAP_H
#define REDIS_SLOT_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "base/slot.h"
#include "redis/redis_address.h"
#include "redis/redis_reply.h"

enum { SLOT_SERVERS_MAX = 128 };

/* All zero: nothing is known. */
struct slot_map {
    struct redis_peer servers[SLOT_SERVERS_MAX]; /* primaries */
    size_t server_count;
    uint8_t owners[SLOT_COUNT]; /* of each slot: a server's index + 1; 0: not known */
};

/*
 * Takes the answer to CLUSTER SLOTS; from is the server that gave it. False: it is none, or names too many servers; the
 * map is unset then.
 */
bool slot_map_take(struct slot_map *map, const struct redis_reply *reply, const struct redis_peer *from);

/* NULL: not known. */
const struct redis_peer *slot_map_server(const struct slot_map *map, unsigned slot);

/* The slots that this server has. */
struct slot_set slot_map_of(const struct slot_map *map, const struct redis_peer *server);

/* From now on this server has the slot. If there is no room for a new server, nobody is known to have it. */
void slot_map_move(struct slot_map *map, unsigned slot, const struct redis_peer *server);

enum redirect_kind {
    REDIRECT_NONE,  /* the error is about something else */
    REDIRECT_MOVED, /* another server has the slot from now on */
    REDIRECT_ASK,   /* the slot is on its way there; this key is no longer, or not yet, here: there, behind ASKING */
    REDIRECT_AGAIN, /* of several keys, one is on its way */
    REDIRECT_TORN,  /* of a script: one of its keys went on its way when it was deleted, and the rest did not run */
    REDIRECT_DOWN,  /* no server has the slot now */
};

struct redirect {
    enum redirect_kind kind;
    struct redis_peer server; /* MOVED, ASK */
    unsigned slot;            /* MOVED, ASK */
};

/* By an error's text; the command was not run, unless the kind is NONE or TORN. from is the server that answered it. */
struct redirect redirect_of(struct slice error, const struct redis_peer *from);

#endif
