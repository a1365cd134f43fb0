/* SPDX-License-Identifier: MIT */
/*
 * Idempotency-Key on a POST: the first answer is kept and given again to a client that repeats the request.
 * context  loop only, never blocks
 */
#ifndef API_IDEMPOTENCY_H
#define API_IDEMPOTENCY_H

#include "api/request.h"
#include "api/services.h"
#include "base/etag.h"
#include "cache/cache.h"
#include "clients/kept_answer.h"

/* Stands inside the handler's own struct in the request's arena. The handler fills in the first five. */
struct idempotency {
    struct services *services;
    struct request *request;
    struct cache_insert *insert; /* runs when the key is taken, with the id and the times of the key's first request */
    void (*answer)(void *ctx);   /* answers by insert->status */
    void *ctx;
    struct kept_answer kept;
    char etag[ETAG_MAX + 1]; /* of the kept body */
};

/* Reads the request's key, and what is kept with it but the answer itself. False: it has answered 400. */
bool idempotency_read(struct idempotency *self);

/* Takes the key and runs the insert, or answers: the first answer again, 409, 422 or 503. */
void idempotency_begin(struct idempotency *self);

/* The whole answer to keep, for the insert's todo as it is now; it lives as long as the request. */
const struct store_answer *idempotency_answer(struct idempotency *self, int http_status);

/* For insert->done: keeps the outcome in insert, then calls answer. */
void idempotency_end(struct idempotency *self);

#endif
