/* SPDX-License-Identifier: MIT */
/*
 * A todo as an answer.
 *
 * The JSON is written once, into the request's scratch buffer. ETag and Content-Length come before it in the answer and
 * are known only when it is done. The ETag is over exactly these bytes.
 *
 * A 201 and a 200 to a write show the todo with its new ETag, so that a client can edit it again without a read.
 * Content-Location says that a GET of this URL would show the same (RFC 9110 8.7). It also makes caches drop what they
 * keep for that URL, such as a 404 (RFC 9111 4.4). Location and Content-Location are paths, because the worker doesn't
 * know which host name the client used. With return=minimal (RFC 7240 4.2) there is nothing that Content-Location could
 * be about: a 200 is a 204 then, a 201 has no body, and both keep the validators of what they don't show.
 *
 * Todo-Version names the state that a write made. A delete makes one as well, the version after the last of its life: a
 * GET that sends it back gets no older state that still shows the todo.
 */
#include "api/todo_answer.h"

#include <stdio.h>

#include "api/freshness.h"
#include "api/handlers.h"
#include "api/problem.h"
#include "base/condition.h"
#include "base/date.h"
#include "base/etag.h"
#include "base/todo_json.h"

/* Writes the JSON into the scratch buffer and its tag into etag. */
static void represent(struct request *request, const struct todo *todo, char etag[ETAG_MAX + 1])
{
    buf_reset(&request->scratch);
    todo_json_write(&request->scratch, todo);
    etag_of_todo(etag, todo->v, todo->life, buf_slice(&request->scratch));
}

static void response_validators(struct request *request, const struct todo *todo, const char *etag)
{
    char modified[DATE_HTTP_LEN + 1];
    date_http(modified, todo->updated_at_ms);
    response_header(request, "ETag", etag);
    response_header(request, "Last-Modified", modified);
}

void response_todo_version(struct request *request, const char *id, struct todo_version version)
{
    char text[TODO_VERSION_TEXT_MAX + 1];
    todo_version_print(text, id, version);
    response_header(request, "Todo-Version", text);
}

void todo_answer_read(const struct services *services, struct request *request, const struct todo *todo,
                      const struct cache_trace *trace)
{
    char etag[ETAG_MAX + 1];
    represent(request, todo, etag);
    enum condition_outcome outcome = request_condition(request, slice_of(etag), todo->updated_at_ms);
    if (outcome == CONDITION_FAILED) {
        problem_begin(request, PROBLEM_CONDITION_FAILED);
        response_trace(request, trace);
        problem_finish(request, PROBLEM_CONDITION_FAILED,
                       "The todo has changed, or is not the one that the request means.");
        return;
    }
    response_begin(request, outcome == CONDITION_NOT_MODIFIED ? 304 : 200);
    if (outcome == CONDITION_HOLDS)
        response_header(request, "Content-Type", "application/json");
    response_validators(request, todo, etag);
    freshness_of_todo(services, request, todo->id);
    response_trace(request, trace);
    response_body(request, buf_slice(&request->scratch));
    request_answer(request);
}

/* Writes the headers of an answer to a write that come before its validators; status is 201 or 200. */
static void written_begin(struct request *request, int status, const char *id)
{
    char location[sizeof("/todos/") + TODO_ID_MAX];
    bool is_minimal = request->applied & PREFER_MINIMAL;
    snprintf(location, sizeof(location), "/todos/%s", id);
    response_begin(request, is_minimal && status == 200 ? 204 : status);
    if (!is_minimal)
        response_header(request, "Content-Type", "application/json");
    if (status == 201)
        response_header(request, "Location", location);
    if (!is_minimal)
        response_header(request, "Content-Location", location);
}

static void written_finish(const struct services *services, struct request *request, const char *id,
                           enum cache_purge purge, struct slice body)
{
    freshness_of_write(services, request, id, purge);
    response_preferences(request);
    response_trace_write(request);
    response_body(request, request->applied & PREFER_MINIMAL ? SLICE("") : body);
    request_answer(request);
}

void todo_answer_written(const struct services *services, struct request *request, int status, const struct todo *todo,
                         enum cache_purge purge)
{
    char etag[ETAG_MAX + 1];
    represent(request, todo, etag);
    written_begin(request, status, todo->id);
    response_validators(request, todo, etag);
    response_todo_version(request, todo->id, (struct todo_version){.v = todo->v, .life = todo->life});
    written_finish(services, request, todo->id, purge, buf_slice(&request->scratch));
}

void todo_answer_replayed(const struct services *services, struct request *request, const struct store_answer *answer)
{
    char modified[DATE_HTTP_LEN + 1];
    date_http(modified, answer->created_at_ms);
    written_begin(request, answer->http_status, answer->id);
    response_header_slice(request, "ETag", answer->etag);
    response_header(request, "Last-Modified", modified);
    response_header(request, "Idempotency-Replayed", "true");
    response_todo_version(request, answer->id, (struct todo_version){.v = 1, .life = answer->life});
    written_finish(services, request, answer->id, CACHE_PURGE_NONE, answer->body);
}

void todo_answer_deleted(const struct services *services, struct request *request, const struct todo *todo,
                         enum cache_purge purge)
{
    int64_t next_v = todo->v < INT64_MAX ? todo->v + 1 : todo->v;
    response_begin(request, 204);
    response_todo_version(request, todo->id, (struct todo_version){.v = next_v, .life = todo->life});
    written_finish(services, request, todo->id, purge, SLICE(""));
}
