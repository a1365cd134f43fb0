/* SPDX-License-Identifier: MIT */
/*
 * A sentinel on the test's own loop: it greets whoever comes, and answers what the test wants. tests/e2e/test_sentinel.py has
 * real ones.
 */
#ifndef TESTS_UNIT_FAKE_SENTINEL_H
#define TESTS_UNIT_FAKE_SENTINEL_H

#include <stdbool.h>

enum { FAKE_SENTINEL_CLIENTS = 16 };

struct fake_sentinel {
    int port;
    char answer[128];   /* to get-master-addr-by-name, as it goes over the wire; "": none, ever */
    char password[32];  /* "": it wants none */
    unsigned asked;     /* get-master-addr-by-name so far */
    char question[160]; /* the last one, as it came */
    int listener;
    struct watch *watch;
    struct fake_client {
        struct fake_sentinel *sentinel;
        int fd; /* -1: none */
        bool is_in;
        struct watch *watch;
    } clients[FAKE_SENTINEL_CLIENTS];
};

/* Listens at a port of its own; knows no primary yet. */
void fake_sentinel_begin(struct fake_sentinel *sentinel);
void fake_sentinel_end(struct fake_sentinel *sentinel);

/* From now on the primary is at that port of 127.0.0.1. */
void fake_sentinel_name(struct fake_sentinel *sentinel, int port);

#endif
