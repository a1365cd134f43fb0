/* SPDX-License-Identifier: MIT */
/* The API over cache_bed.h: requests by hand, and looking into what they are answered. */
#ifndef TESTS_UNIT_API_BED_H
#define TESTS_UNIT_API_BED_H

#include "testing.h"

#include "api/api.h"
#include "cache_bed.h"
#include "fake_queue.h"

/* Setup for cmocka, with bed_end() as its teardown; *state is the bed. services are of the bed's first worker. */
int api_begin(void **state);
extern struct services api_services;

struct exchange {
    struct request request;
    unsigned answers;
    bool held;       /* request_hold() */
    struct buf sent; /* what request_send() has taken */
};

/* method and path may be NULL: not sent. More is set in exchange->request before exchange_run(). */
void exchange_init(struct exchange *exchange, const char *method, const char *path);
void exchange_fini(struct exchange *exchange);

/* Hands it to the API and settles; fails the test unless it is answered once. */
void exchange_run(struct exchange *exchange);

/* A field's value; absent if there is no such field. */
/* The same without an answer: to be held. */
void exchange_wait(struct exchange *exchange);

/* Of a held request: its client goes. */
void exchange_leave(struct exchange *exchange);

struct slice exchange_header(const struct exchange *exchange, const char *name);
struct slice exchange_body(const struct exchange *exchange);
bool exchange_body_has(const struct exchange *exchange, const char *text);

void assert_status(const char *row, const struct exchange *exchange, int want);

/* Every problem is one of RFC 9457, is never stored, and says its status twice alike. */
void assert_problem(const char *row, const struct exchange *exchange, int status, const char *slug);

#endif
