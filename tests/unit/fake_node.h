/* SPDX-License-Identifier: MIT */
/*
 * A server of a Redis Cluster on the test's own loop: it answers what the test has told it to, and counts what it was asked.
 * test_real_cluster.c has real ones.
 */
#ifndef TESTS_UNIT_FAKE_NODE_H
#define TESTS_UNIT_FAKE_NODE_H

#include <stdbool.h>

#include "base/buf.h"

enum { FAKE_NODE_CLIENTS = 8, FAKE_NODE_RULES = 8 };

struct fake_node {
    int port;
    char slots[512]; /* its answer to CLUSTER SLOTS, as it goes over the wire */
    bool is_cut_off; /* cluster_state:fail */
    struct fake_rule {
        char command[64]; /* words with blanks between them; behind a '*' at the end may be more */
        char answer[128]; /* "": it hangs up */
        int times_left;
    } rules[FAKE_NODE_RULES]; /* the first one that is left; others answer the node's port */
    char story[512];          /* what it was asked, with "; " between; greetings, CLUSTER INFO and SLOTS are left out */
    unsigned slots_asked;
    int listener; /* -1: it is away */
    struct watch *watch;
    struct fake_node_client {
        struct fake_node *node;
        int fd; /* -1: none */
        struct watch *watch;
        struct buf in;
    } clients[FAKE_NODE_CLIENTS];
};

/* Listens at a port of its own; it tells no slots yet. */
void fake_node_begin(struct fake_node *node);
void fake_node_end(struct fake_node *node);

/* From now on the command gets this answer, so often. */
void fake_node_rule(struct fake_node *node, const char *command, const char *answer, int times);

/* Connections end, and no new ones come; then it is back at its port. */
void fake_node_leave(struct fake_node *node);
void fake_node_return(struct fake_node *node);

#endif
