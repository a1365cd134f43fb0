/* SPDX-License-Identifier: MIT */
/* A queue that keeps what is put into it, and settles nothing by itself. Its answers come a turn of the loop later. */
#ifndef TESTS_UNIT_FAKE_QUEUE_H
#define TESTS_UNIT_FAKE_QUEUE_H

#include "queue/queue.h"

struct fake_queued {
    struct ticket ticket;
    bool is_insert;
    enum store_change_kind kind;
    unsigned fields;
    char id[TODO_ID_MAX + 1], name[32];
    char key[STORE_KEY_MAX + 1], fingerprint[STORE_FINGERPRINT_LEN + 1], body[512]; /* of its answer; "": none */
    int http_status;
    struct journal_found found;
};

/* An empty one, in place of the last; it is off. */
struct queue *fake_queue_begin(const struct events *events);
void fake_queue_set_on(bool is_on);

/* How puts and finds end from now on; STATUS_OK: well. */
void fake_queue_fail(enum status put, enum status find);

size_t fake_queue_count(void);
struct fake_queued *fake_queue_last(void);

/* What became of a write; those who wait for it are told. */
void fake_queue_settle(struct fake_queued *queued, enum ticket_state state, enum status status,
                       struct store_version version);

/* Waits that have neither ended nor been left. */
unsigned fake_queue_waits(void);

#endif
