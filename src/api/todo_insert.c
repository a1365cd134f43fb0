/* SPDX-License-Identifier: MIT */
/*
 * POST /todos: a new todo.
 *
 *   media type (415) -> JSON object (400) -> members (422) -> complete it -> fenced insert -> 201, 409, 503
 *
 * What the client leaves out is made here: an id (UUIDv7, so that new ones sort together in an index), no description, not
 * done, version 1, both times now. The answer shows the todo as it was stored, with its ETag, so that the client can edit it
 * without reading it first; Location is a path, for the worker doesn't know by what name the client came.
 *
 * A write whose outcome is not known is answered 503 with a problem type of its own: the client must read before it tries
 * again, or send the id itself and take 409 for success.
 */
#include <stdio.h>
#include <strings.h>

#include "api/handlers.h"
#include "api/problem.h"
#include "base/clock.h"
#include "base/etag.h"
#include "base/json.h"
#include "base/random.h"

struct todo_inserting {
    struct services *services;
    struct request *request;
    struct cache_insert insert;
};

static bool is_json(struct slice content_type)
{
    struct slice wanted = SLICE("application/json");
    if (content_type.len < wanted.len || strncasecmp(content_type.data, wanted.data, wanted.len) != 0)
        return false;
    return content_type.len == wanted.len || content_type.data[wanted.len] == ';' ||
           content_type.data[wanted.len] == ' ';
}

static void answer_created(struct request *request, const struct todo *todo)
{
    char etag[ETAG_MAX + 1], location[sizeof("/todos/") + TODO_ID_MAX];
    buf_reset(&request->scratch);
    json_write_todo(&request->scratch, todo);
    etag_of_todo(etag, todo->v, buf_slice(&request->scratch));
    snprintf(location, sizeof(location), "/todos/%s", todo->id);
    response_begin(request, 201);
    response_header(request, "Content-Type", "application/json");
    response_header(request, "Location", location);
    response_header(request, "ETag", etag);
    response_header(request, "Cache-Control", "no-cache");
    response_trace_method(request);
    response_body(request, buf_slice(&request->scratch));
    request_answer(request);
}

static void on_inserted(void *ctx, enum status status, const struct error *error)
{
    struct todo_inserting *self = ctx;
    struct request *request = self->request;
    if (status == STATUS_OK)
        answer_created(request, &self->insert.todo);
    else if (status == STATUS_EXISTS)
        problem_answer(request, PROBLEM_EXISTS, "There is a todo with this id already; GET it, or choose another id.");
    else
        problem_answer_unavailable(request, status, error, services_retry_after_s(self->services));
}

/* Reads the body into a whole todo; false: the request has been answered. */
static bool todo_complete(struct request *request, struct todo *todo)
{
    struct error error;
    struct todo_draft draft;
    if (json_draft_read(request->body, &request->arena, &draft, &error) != STATUS_OK) {
        problem_answer_error(request, *error.pointer ? PROBLEM_INVALID : PROBLEM_BAD_REQUEST, &error);
        return false;
    }
    *todo = draft.todo;
    if (!(draft.present & 1u << TODO_ID)) {
        char id[UUID_LEN + 1];
        uuid7_new(id, clock_wall_ms());
        todo_set_id(todo, slice_of(id));
    }
    if (!(draft.present & 1u << TODO_NAME))
        todo->name = SLICE("");
    if (!(draft.present & 1u << TODO_DESCRIPTION))
        todo->description = SLICE("");
    if (!(draft.present & 1u << TODO_DONE))
        todo->done = false;
    todo->v = 1;
    todo->created_at_ms = todo->updated_at_ms = clock_wall_ms();
    if (todo_check(todo, &error) == STATUS_OK)
        return true;
    problem_answer_error(request, PROBLEM_INVALID, &error);
    return false;
}

void todo_insert(struct services *services, struct request *request, struct slice id)
{
    (void)id;
    if (!request_has_no_query(request))
        return;
    if (!is_json(request->content_type)) {
        problem_answer(request, PROBLEM_UNSUPPORTED_TYPE,
                       "Send the todo as JSON, with Content-Type: application/json.");
        return;
    }
    struct todo_inserting *self = arena_alloc(&request->arena, sizeof(*self));
    self->services = services;
    self->request = request;
    self->insert.done = on_inserted;
    self->insert.ctx = self;
    if (todo_complete(request, &self->insert.todo))
        cache_insert(services->cache, &self->insert);
}
