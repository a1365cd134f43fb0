/* SPDX-License-Identifier: MIT */
/* What cluster.c (servers) and cluster_call.c (commands) share. context loop only */
#ifndef REDIS_CLUSTER_STATE_H
#define REDIS_CLUSTER_STATE_H

#include "redis/cluster_node.h"
#include "redis/slot_map.h"

struct call;

struct server {
    struct cluster_node node;
    struct server *next;
    struct cluster *cluster;
    struct redis_peer peer;
    struct slot_set claims;  /* none while it is down */
    size_t call_count;       /* commands under way, and those that wait for this server */
    unsigned unwanted_count; /* maps in a row that did not name it */
    bool is_asked;           /* CLUSTER SLOTS is under way */
    bool is_serving;         /* by its last CLUSTER INFO */
    bool is_node, is_up;     /* told so */
};

struct cluster {
    struct redis_options options;
    struct cluster_events tell;
    struct redis_address address;
    struct slot_map *map, *next_map; /* the second one is scratch */
    struct server *servers;
    struct server *teller;                   /* whose map is taken; NULL: nobody's until the next second */
    struct error untold;                     /* by a server that does not tell the slots, since one has; or OK */
    struct server *owners[SLOT_SERVERS_MAX]; /* as in map->servers; NULL: not looked for yet */
    struct call *waiting;
    struct call *spare; /* that have ended, for new ones: as many as there ever were at once */
    struct timer *wait_timer, *learn_timer;
    struct slot_set moving[2]; /* lately, and the time before */
    int64_t moving_at_ms;      /* loop time: lately began */
    size_t turn;               /* whose map is next */
    bool is_soon;              /* learn_timer runs, and comes soon */
    bool is_ending;
};

/* The one at this place; it is connected to if it is a new one. */
struct server *cluster_server(struct cluster *cluster, const struct redis_peer *peer);

/* NULL: none is known. */
struct server *cluster_owner(struct cluster *cluster, unsigned slot);

void cluster_note_moving(struct cluster *cluster, unsigned slot);

void calls_init(struct cluster *cluster);

/* At the end: those that wait; then what they were made of. */
void calls_fail(struct cluster *cluster);
void calls_fini(struct cluster *cluster);

#endif
