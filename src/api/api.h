/* SPDX-License-Identifier: MIT */
/*
 * The API: one call takes a request, and the request is answered at once or later. No sockets, so tests and fuzzers
 * call it as well.
 */
#ifndef API_API_H
#define API_API_H

#include <stddef.h>

#include "api/request.h"
#include "api/services.h"

/*
 * Finds the handler by path and method and calls it. Every request gets an answer: an unknown path 404, another method
 * 405 with Allow, a body too large 413, all as problem+json (RFC 9457).
 */
void api_handle(struct services *services, struct request *request);

/* Names of the routes for metrics, in the order of enum route; count is set to their number. */
const char *const *api_route_names(size_t *count);

#endif
