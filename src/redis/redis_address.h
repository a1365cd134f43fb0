/* SPDX-License-Identifier: MIT */
/*
 * Where Redis is: the setting "redis", parsed.
 * context  any (pure)
 */
#ifndef REDIS_REDIS_ADDRESS_H
#define REDIS_REDIS_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/slice.h"

enum { REDIS_ADDRESS_MAX = 512, REDIS_UNIX_PATH_MAX = 107, REDIS_HOST_MAX = 253, REDIS_PEERS_MAX = 16 };

/* One server to connect to. */
struct redis_peer {
    char host[REDIS_HOST_MAX + 1]; /* or the socket's path */
    int port;                      /* 0: a unix socket */
};

struct redis_address {
    char text[REDIS_ADDRESS_MAX + 1]; /* as it was given, for the log */
    struct redis_peer peers[REDIS_PEERS_MAX];
    size_t peer_count;                        /* one, Redis itself; or the sentinels, or some of a cluster */
    char primary_name[REDIS_ADDRESS_MAX + 1]; /* by which the sentinels know Redis; "": the peer is Redis itself */
    int database;
    bool is_cluster; /* whose other servers these peers know */
};

/*
 * unix:PATH, unix:PATH?db=N, HOST:PORT, HOST:PORT/DB, sentinel://HOST:PORT,HOST:PORT/NAME, sentinel://.../NAME/DB,
 * cluster://HOST:PORT,HOST:PORT. STATUS_INVALID: none of these.
 */
enum status redis_address_parse(struct redis_address *address, const char *text, struct error *error) STATUS_MUST_CHECK;

/* A peer from what a sentinel answered; false: these are no host and port. */
bool redis_peer_take(struct redis_peer *peer, struct slice host, struct slice port);

#endif
