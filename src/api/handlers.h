/* SPDX-License-Identifier: MIT */
/*
 * The handlers, one per row of the route table (route.c), and what they share.
 *
 * A handler is called with a whole request and answers it once, at once or later. Its own state lies in the request's arena.
 */
#ifndef API_HANDLERS_H
#define API_HANDLERS_H

#include "api/request.h"
#include "api/services.h"
#include "base/slice.h"

/* id is what the path holds behind "/todos/", valid; absent for paths without one. */
typedef void (*handler_fn)(struct services *services, struct request *request, struct slice id);

void todo_get(struct services *services, struct request *request, struct slice id);    /* GET, HEAD /todos/{id} */
void todo_insert(struct services *services, struct request *request, struct slice id); /* POST /todos, /todos/ */
void todo_list(struct services *services, struct request *request, struct slice id);   /* GET, HEAD /todos */
void health_get(struct services *services, struct request *request, struct slice id);  /* GET, HEAD /healthz */
void ready_get(struct services *services, struct request *request, struct slice id);   /* GET, HEAD /readyz */
void metrics_get(struct services *services, struct request *request, struct slice id); /* GET, HEAD /metrics */

/* Cache-Status (RFC 9211) and, on hits, Age (RFC 9111 5.1): where an answer came from. */
void response_trace(struct request *request, const struct cache_trace *trace);

/* For answers to methods that no cache may answer: Cache-Status with fwd=method. */
void response_trace_method(struct request *request);

/* Answers 400 and returns false if the request has a query, for resources that take none. */
bool request_has_no_query(struct request *request);

/* Seconds until it makes sense to come again, for Retry-After. */
uint32_t services_retry_after_s(const struct services *services);

#endif
