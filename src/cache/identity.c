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
 *
 * A node of a Redis Cluster has only some of the keys. Behind the address of one Redis it would refuse most commands.
 *
 * A proxy that passes commands on to a Redis of its choice hides the identity: it answers INFO with words of its own
 * or an error, or closes the connection (twemproxy). Another Redis behind it, with old entries, would not be noticed.
 */
#include "cache/identity.h"

#include <stdio.h>
#include <string.h>

#include "redis/redis_address.h"
#include "redis/redis_info.h"

enum { HEX_MAX = 40, HALF = STORE_RUN_ID_MAX / 2 };

static const char *flaw_of(const char *run_id, const char *role, const char *loading)
{
    if (!run_id[0])
        return "it hides which Redis it is (no run_id in its INFO), as a proxy does: give the address of Redis "
               "itself, or the sentinels'";
    if (strcmp(role, "master") != 0)
        return "it is a replica: give the primary's address, or the sentinels'";
    return strcmp(loading, "1") == 0 ? "it is loading its file" : NULL;
}

static bool is_stray_node(struct slice info, const char *address)
{
    static const char scheme[] = "cluster://";
    char mode[16];
    redis_info_value(info, "redis_mode", mode, sizeof(mode));
    return strcmp(mode, "cluster") == 0 && strncmp(address, scheme, sizeof(scheme) - 1) != 0;
}

static const char *node_flaw(struct identity *identity, const char *address)
{
    struct redis_address node;
    struct error error;
    char place[REDIS_HOST_MAX + 16] = "HOST:PORT";
    bool is_known = redis_address_parse(&node, address, &error) == STATUS_OK && !node.primary_name[0];
    if (is_known && node.peers[0].port > 0)
        snprintf(place, sizeof(place), "%s:%d", node.peers[0].host, node.peers[0].port);
    snprintf(identity->text, sizeof(identity->text),
             "it is one node of a Redis Cluster: give cluster://%s, and more of its nodes behind commas", place);
    return identity->text;
}

void identity_take(struct identity *identity, struct slice info, const char *address)
{
    char run_id[HEX_MAX + 1], replication_id[HEX_MAX + 1], role[16], loading[4];
    bool is_node = is_stray_node(info, address);
    redis_info_value(info, "run_id", run_id, sizeof(run_id));
    redis_info_value(info, "master_replid", replication_id, sizeof(replication_id));
    redis_info_value(info, "role", role, sizeof(role));
    redis_info_value(info, "loading", loading, sizeof(loading));
    snprintf(identity->id, sizeof(identity->id), "%.*s%.*s", HALF, run_id, HALF, replication_id);
    identity->flaw = is_node ? node_flaw(identity, address) : flaw_of(run_id, role, loading);
    identity->is_wrong = is_node || !run_id[0];
}
