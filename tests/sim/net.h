/* SPDX-License-Identifier: MIT */
/*
 * The network: connections of processes to simulated servers, whose bytes take their time and come in pieces.
 *
 * redis_wire.c and hiredis make their usual calls (connect, read, write, close ...); the linker leads them here.
 * Descriptors of the world are numbers above NET_FD_BASE.
 */
#ifndef TESTS_SIM_NET_H
#define TESTS_SIM_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "process.h"

struct sim_redis;

enum {
    NET_FD_BASE = 1000,
    NET_SERVERS = 9,
    NET_JOURNAL = 2,
    NET_CLUSTER = 3, /* the first of so many */
    NET_CLUSTER_SERVERS = 6,
    NET_SENTINELS = 2,
    NET_PORT = 7000,
    NET_SENTINEL_PORT = 26000
};

/* A server is known as the socket's path "/rN" and as the port NET_PORT + N of any host. */
struct net_server {
    struct sim_redis *redis; /* owned; NULL: nobody is there */
    bool refuses;            /* connections; those that were there have been cut */
    bool is_frozen;          /* takes bytes, does nothing */
};

struct net {
    struct net_server servers[NET_SERVERS];
    unsigned primary; /* what sentinels say */
    bool sentinels_away;
    const char *sentinels_say;      /* in place of the primary's address; NULL: that */
    bool is_cut_off[PROCESSES_MAX]; /* from all servers: bytes wait, connections are not made */
    int64_t most_us;                /* of the usual latencies */
    bool cuts;                      /* pieces of any length */
    bool has_no_memory;             /* for a connection's context */
    unsigned messages_lost_in;      /* of so many to subscribers one is lost; 0: none */
    bool is_unheard[PROCESSES_MAX]; /* all to that process are lost */
};

extern struct net net;

void net_begin(int64_t most_us, bool cuts);
void net_end(void);

bool net_is_readable(int fd);
bool net_is_writable(int fd);

/* Its connections break: the servers still get what is under way, or a part of it. */
void net_drop_all(struct process *process);

/* Connections of a process (NULL: of all) to any server end, as if a router had reset them. */
void net_cut(const struct process *process);

/* Whether it waits for what a server has been asked, or will be. */
bool net_is_awaiting(const struct process *process);

/* Those alone on which a process gets messages; false: there is none. */
bool net_cut_messages(const struct process *process);

/* The servers lose the connections of a process; to it they are open, and silent. */
void net_forget(const struct process *process);

/* What others' commands have brought to a server's subscribers goes to them; or is lost. */
void net_push(unsigned server);

/* The server's connections end; whatever was under way is lost. */
void net_cut_server(unsigned server);

/* After a freeze or a cut: what has waited goes on. */
void net_go_on(void);

#endif
