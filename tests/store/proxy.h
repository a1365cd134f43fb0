/* SPDX-License-Identifier: MIT */
/* A proxy before MongoDB that can swallow its answers. */
#ifndef PROXY_H
#define PROXY_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "store/store.h"

struct fixture;

enum { PROXY_FD_MAX = 256 }; /* the driver connects anew each half second while nothing is answered */

struct proxy {
    int listen_fd;
    unsigned port;
    struct sockaddr_in server;
    atomic_bool mute;              /* no answer comes back */
    const char *_Atomic mute_from; /* NULL; or it becomes mute with the next request that has this word */
    atomic_bool stop;
    int fds[PROXY_FD_MAX]; /* pairs: client, server */
    size_t fd_count;
    pthread_t thread;
};

/* A port of 127.0.0.1 on which something listens and nobody accepts. */
int proxy_listen(unsigned *port);

/* Before a set's primary, whichever of the URI's hosts it is. False: a proxy can't stand before it. */
bool proxy_start(struct proxy *proxy, const char *uri);
void proxy_stop(struct proxy *proxy);

/* A store by way of the proxy; the options of the fixture's URI count. A call may take a second. */
struct store *proxy_open(const struct proxy *proxy, const struct fixture *fixture);

/* Lets answers through again, and waits until the store's driver has found the server. */
void proxy_open_again(struct proxy *proxy, struct store *store);

#endif
