/* SPDX-License-Identifier: MIT */
/*
 * A FastCGI peer for unit tests: writes records byte by byte as told, reads them back, and knows no more than that.
 */
#ifndef TESTS_UNIT_FCGI_CLIENT_H
#define TESTS_UNIT_FCGI_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

enum record_type {
    RECORD_BEGIN = 1,
    RECORD_ABORT = 2,
    RECORD_END = 3,
    RECORD_PARAMS = 4,
    RECORD_STDIN = 5,
    RECORD_STDOUT = 6,
    RECORD_STDERR = 7,
};

/* One record; content of more than 65535 bytes is the test's mistake. */
void record_append(struct buf *out, enum record_type type, const void *content, size_t len);

void param_append(struct buf *out, const char *name, const char *value);

/* A whole request: BEGIN, PARAMS, STDIN in records of up to 32 KB, its end. keep: FCGI_KEEP_CONN. */
void request_append(struct buf *out, const char *method, const char *path, const char *body, size_t body_len,
                    bool keep);

/* A blocking connection to the socket at path, with 5 s for each read; fails the test if there is none. */
int client_connect(const char *path);
void client_send(int fd, const struct buf *bytes);

struct client_answer {
    struct buf out;        /* stdout's content */
    size_t stderr_records; /* with or without content */
    bool ended;            /* END_REQUEST came; false: the peer closed or was silent before */
};

/* Reads records up to END_REQUEST. answer_fini() frees. */
void client_read(int fd, struct client_answer *answer);
void answer_fini(struct client_answer *answer);

/* What recv() says within wait_ms: 1 data, 0 the end, -1 nothing came. */
int client_peek(int fd, int wait_ms);

#endif
