/* SPDX-License-Identifier: MIT */
/*
 * The limit per client, between a request and its handler: RateLimit and RateLimit-Policy
 * (draft-ietf-httpapi-ratelimit-headers), 429 with Retry-After.
 */
#ifndef API_LIMIT_H
#define API_LIMIT_H

#include "api/handlers.h"
#include "api/request.h"
#include "api/services.h"

/*
 * Calls handler, now or when the client is known to be within its limit; or answers 429. A read that asks Redis anyway
 * is not delayed: its handler is called at once and calls limit_admits() when it has its answer.
 */
void limit_pass(struct services *services, struct request *request, handler_fn handler, struct slice id);

/*
 * Whether the answer may be given; if not, the request has been answered. For the handlers that limit_pass() doesn't
 * delay.
 */
bool limit_admits(struct request *request);

#endif
