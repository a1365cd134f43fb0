/* SPDX-License-Identifier: MIT */
/*
 * Clients: each sends one request after the other to any worker, and the checker is told of each answer.
 *
 * What a client sends depends on what it was told before: it changes todos under the ETag that it has seen, repeats a
 * POST with its Idempotency-Key, and shows the Todo-Version of its writes.
 */
#ifndef TESTS_SIM_CLIENT_H
#define TESTS_SIM_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct worker;

enum { CLIENTS_MAX = 12, CLIENT_IDS = 8 };

struct client_plan {
    unsigned client_count;
    unsigned id_count;        /* todos that they share */
    unsigned write_in;        /* one request in so many writes */
    unsigned list_in, key_in; /* of the rest: a page; of the writes: a POST with a key */
    unsigned queue_in;        /* of writes without a condition one in so many is queued; 0: there is no queue */
    int64_t think_most_us;
    bool only_reads; /* for now: cluster.c */
    uint64_t seed;
    uint32_t silent; /* bits of clients that do nothing: to shrink a story */
};

struct client_counts {
    uint64_t asked, answered, lost; /* lost: the worker died */
    uint64_t reads, hits, writes;   /* answered with success */
    uint64_t queued;                /* accepted by the queue */
};

extern struct client_counts client_counts;

void clients_begin(const struct client_plan *plan);

/* No new requests for a while. */
void clients_pause(bool paused);

/* The store was restored: what was changed under an ETag may be changed under it again. */
void clients_went_back(void);

/* The store has forgotten all keys; no client waits for an answer. */
void clients_forget_keys(void);

/* From now on they only read: what is old by now stays so. */
void clients_only_read(void);

/* No new requests. */
void clients_stop(void);
bool clients_are_idle(void);

/* A write has waited for as long as one waits for Redis. */
bool clients_have_waited(void);

/* A worker is frozen: requests under way have no time limit. */
void clients_froze(void);

/* The worker has died: its requests are lost. */
void clients_lost(const struct worker *worker);

/* Keys whose request was never answered for good: how many, and one is tried once more, by a client that has stopped. */
unsigned clients_open_keys(void);
void clients_retry_key(void);

/* A key has made one todo at most. */
void clients_judge_keys(void);

/* The name of one of the todos that they share. */
const char *client_id(unsigned number);

/* A name that nothing had before. */
void client_name(char name[16]);

#endif
