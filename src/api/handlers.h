/* SPDX-License-Identifier: MIT */
/*
 * The handlers, one per row of the route table (route.c), and the functions that they share.
 *
 * A handler gets a whole request and answers it once, at once or later. It keeps its own state in the request's arena.
 */
#ifndef API_HANDLERS_H
#define API_HANDLERS_H

#include "api/request.h"
#include "api/services.h"
#include "base/condition.h"
#include "base/slice.h"

/* id is the path's part behind "/todos/", valid; absent for paths without one. */
typedef void (*handler_fn)(struct services *services, struct request *request, struct slice id);

/* GET means HEAD too. */
void todo_get(struct services *services, struct request *request, struct slice id);         /* GET /todos/{id} */
void todo_replace(struct services *services, struct request *request, struct slice id);     /* PUT /todos/{id} */
void todo_merge(struct services *services, struct request *request, struct slice id);       /* PATCH /todos/{id} */
void todo_delete(struct services *services, struct request *request, struct slice id);      /* DELETE /todos/{id} */
void todo_list(struct services *services, struct request *request, struct slice id);        /* GET /todos */
void todo_list_moved(struct services *services, struct request *request, struct slice id);  /* GET /todos/ */
void todo_insert(struct services *services, struct request *request, struct slice id);      /* POST /todos, /todos/ */
void changes_get(struct services *services, struct request *request, struct slice id);      /* GET /changes */
void queue_get(struct services *services, struct request *request, struct slice id);        /* GET /queue/{ticket} */
void health_get(struct services *services, struct request *request, struct slice id);       /* GET /healthz */
void ready_get(struct services *services, struct request *request, struct slice id);        /* GET /readyz */
void metrics_get(struct services *services, struct request *request, struct slice id);      /* GET /metrics */
void cache_health_get(struct services *services, struct request *request, struct slice id); /* GET /healthz/cache */
void why_get(struct services *services, struct request *request, struct slice id);          /* GET /why/{id} */
void summary_get(struct services *services, struct request *request, struct slice id);      /* GET /stats */

/* Answers an operator; nobody keeps it. */
void health_answer(struct request *request, int status, const char *type, struct slice body);

/*
 * Writes where an answer came from: Cache-Status (RFC 9211), Age on hits (RFC 9111 5.1). Keeps times for Server-Timing.
 */
void response_trace(struct request *request, const struct cache_trace *trace);

/* The same for a write: Cache-Status with fwd=method. */
void response_trace_write(struct request *request);

/* Decides the request's conditions for a representation (base/condition.h). */
enum condition_outcome request_condition(const struct request *request, struct slice etag, int64_t modified_at_ms);

/*
 * The demands in the request's Cache-Control and Todo-Version. id NULL: a list, for which Todo-Version has no meaning.
 */
struct cache_demand request_demand(const struct request *request, const char *id);

/*
 * Prefer (preference.c): reads the field; says which of its preferences the request may have, a set of enum preference.
 * False: the client wants all of them or nothing, and it has answered 400. Then the answer's Preference-Applied.
 */
void request_prefer(struct request *request);
bool request_applies(struct request *request, unsigned possible);
void response_preferences(struct request *request);

/* For how long an answer may be waited for, as the request applies it: at most PREFER_WAIT_MAX_S. */
enum { PREFER_WAIT_MAX_S = 30 };
uint32_t request_wait_ms(const struct request *request);

/* These answer and return false if the resource takes no query and there is one, or if the client accepts no JSON. */
bool request_has_no_query(struct request *request);
bool request_accepts_json(struct request *request);

#endif
