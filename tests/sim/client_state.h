/* SPDX-License-Identifier: MIT */
/* What a client remembers: client.c asks, client_judge.c judges the answers. */
#ifndef TESTS_SIM_CLIENT_STATE_H
#define TESTS_SIM_CLIENT_STATE_H

#include "base/todo_version.h"
#include "cache/home.h"
#include "client.h"
#include "dice.h"
#include "queue/ticket.h"
#include "truth.h"
#include "worker.h"

enum { KEYS_MAX = 12, TEXT_MAX = 160 };

enum client_kind {
    KIND_GET,
    KIND_LIST,
    KIND_PUT,
    KIND_PATCH,
    KIND_DELETE,
    KIND_POST,
    KIND_KEYED,
    KIND_TICKET,
    KIND_OTHER
};

struct client {
    unsigned number;
    struct dice dice, queue_dice;
    struct worker *worker; /* that works on its request; NULL: it thinks */
    uint64_t request;      /* grows with each */
    enum client_kind kind;
    struct request sent;
    char id[TODO_ID_MAX + 1], path[TEXT_MAX], query[TEXT_MAX], body[TEXT_MAX], etag[80],
        version[TODO_VERSION_TEXT_MAX + 1], name[16];
    char next[TEXT_MAX]; /* the query of the page behind the last one; "": none */
    unsigned key;        /* KEYED: of keys */
    char key_text[16];
    struct handed {
        char text[TICKET_TEXT_MAX + 1]; /* "": none */
        char id[TODO_ID_MAX + 1];       /* "": not told */
    } ticket;                           /* of its last queued write */
    bool shows_ticket;                  /* as its Todo-Version */
    struct truth_time began;
    int64_t sent_us;             /* the world's */
    struct home home, list_home; /* the worker's, taken when it was asked */
    bool froze;                  /* a worker was frozen meanwhile: no time limit holds */
    bool shows_written;
    int shown; /* state whose Todo-Version was shown; TRUTH_NONE: none */
    struct seen {
        char etag[80]; /* "": not seen */
        int64_t v, life;
        bool is_written; /* by this client, and not only read */
        int deleted;     /* the number of the state in which it is absent; TRUTH_NONE: it was there */
    } seen[8];           /* by id */
};

/* An Idempotency-Key: any client may use it, always with the same body. */
struct used_key {
    char name[16];
    char id[TODO_ID_MAX + 1]; /* that it made; "": not known */
    bool is_open;             /* no answer to it was final */
};

extern struct client_plan client_plan;
extern struct used_key client_keys[KEYS_MAX];

/* What it has seen of a todo; NULL: none of those that clients share. */
struct seen *client_seen(struct client *client, const char *id);

/* The value of a header field ("\r\nName: "); absent if there is none. */
struct slice answer_header(const struct request *request, const char *name);

/* Everything that an answer must fulfil. */
void client_judge(struct client *client, const struct request *request);

/* A schedule begins, or the store went back: nothing was changed under any ETag. */
void client_judge_anew(bool went_back);

#endif
