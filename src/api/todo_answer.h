/* SPDX-License-Identifier: MIT */
/*
 * A todo as an answer: its representation, its validators, its freshness. Shared by all handlers that show one.
 */
#ifndef API_TODO_ANSWER_H
#define API_TODO_ANSWER_H

#include "api/request.h"
#include "api/services.h"
#include "base/todo.h"
#include "base/todo_version.h"

/* Answers a GET or HEAD: 200, 304 or 412, as the request's conditions decide. */
void todo_answer_read(const struct services *services, struct request *request, const struct todo *todo,
                      const struct cache_trace *trace);

/* Answers a write that left todo behind: status is 200 or 201, but 204 for a 200 that the client wants minimal. */
void todo_answer_written(const struct services *services, struct request *request, int status, const struct todo *todo,
                         enum cache_purge purge);

/* Answers 201 with the kept answer to the first request. */
void todo_answer_replayed(const struct services *services, struct request *request, const struct store_answer *answer);

/* Answers 204 to a DELETE; todo is the deleted one. */
void todo_answer_deleted(const struct services *services, struct request *request, const struct todo *todo,
                         enum cache_purge purge);

/* Todo-Version (base/todo_version.h). A GET that sends it back gets this state or a newer one. */
void response_todo_version(struct request *request, const char *id, struct todo_version version);

#endif
