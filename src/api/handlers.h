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
#include "base/condition.h"
#include "base/slice.h"

/* id is what the path holds behind "/todos/", valid; absent for paths without one. */
typedef void (*handler_fn)(struct services *services, struct request *request, struct slice id);

/* GET means HEAD too. */
void todo_get(struct services *services, struct request *request, struct slice id);     /* GET /todos/{id} */
void todo_replace(struct services *services, struct request *request, struct slice id); /* PUT /todos/{id} */
void todo_merge(struct services *services, struct request *request, struct slice id);   /* PATCH /todos/{id} */
void todo_delete(struct services *services, struct request *request, struct slice id);  /* DELETE /todos/{id} */
void todo_list(struct services *services, struct request *request, struct slice id);    /* GET /todos */
void todo_insert(struct services *services, struct request *request, struct slice id);  /* POST /todos, /todos/ */
void health_get(struct services *services, struct request *request, struct slice id);   /* GET /healthz */
void ready_get(struct services *services, struct request *request, struct slice id);    /* GET /readyz */
void metrics_get(struct services *services, struct request *request, struct slice id);  /* GET /metrics */

/* Where an answer came from: Cache-Status (RFC 9211), Age on hits (RFC 9111 5.1); and for Server-Timing, how long that took. */
void response_trace(struct request *request, const struct cache_trace *trace);

/* The same for a write: Cache-Status with fwd=method. */
void response_trace_write(struct request *request);

/* What the request's conditions say of a representation (base/condition.h). */
enum condition_outcome request_condition(const struct request *request, struct slice etag, int64_t modified_at_ms);

/* What the request's Cache-Control and Todo-Version ask of the cache; id NULL: for a list, which no Todo-Version is about. */
struct cache_demand request_demand(const struct request *request, const char *id);

/* These answer and return false if the request has a query that the resource doesn't take, or accepts no JSON. */
bool request_has_no_query(struct request *request);
bool request_accepts_json(struct request *request);

#endif
