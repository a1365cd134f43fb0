/* SPDX-License-Identifier: MIT */
/*
 * Bodies of POST, PUT and PATCH.
 *
 * There are two kinds of refusal, because the client must correct different things. 400: the body is no JSON object.
 * 422: a member breaks a rule, and a JSON pointer names the member.
 *
 * This file adds what a client may omit: an id (UUIDv7, so that new todos stand together in an index), an empty
 * description, and done = false. It also sets version 1, a new life and both times, for the case that the todo is
 * created. A store that changes an existing todo keeps its life and sets its own version and time.
 */
#include "api/todo_body.h"

#include <stdio.h>

#include "api/problem.h"
#include "base/clock.h"
#include "base/media.h"
#include "base/random.h"

/* No body is taken apart that a client compressed: RFC 9110 12.5.3, 15.5.16. */
static bool body_is_plain(struct request *request)
{
    if (request->content_encoding.len == 0)
        return true;
    problem_begin(request, PROBLEM_UNSUPPORTED_TYPE);
    response_header(request, "Accept-Encoding", "identity");
    problem_finish(request, PROBLEM_UNSUPPORTED_TYPE, "Send the body as it is, without Content-Encoding.");
    return false;
}

bool body_has_type(struct request *request, const char *type)
{
    char detail[96];
    if (!body_is_plain(request))
        return false;
    if (media_is(request->content_type, slice_of(type)))
        return true;
    snprintf(detail, sizeof(detail), "Send the body with Content-Type: %s.", type);
    problem_begin(request, PROBLEM_UNSUPPORTED_TYPE);
    if (request->method == METHOD_PATCH)
        response_header(request, "Accept-Patch", type);
    else if (request->method == METHOD_POST)
        response_header(request, "Accept-Post", type);
    problem_finish(request, PROBLEM_UNSUPPORTED_TYPE, detail);
    return false;
}

static bool refuse(struct request *request, const struct error *error)
{
    problem_answer_error(request, *error->pointer ? PROBLEM_INVALID : PROBLEM_BAD_REQUEST, error);
    return false;
}

/* The path names the todo; a body may repeat its id, but not contradict it. */
static bool id_agrees(const struct todo_draft *draft, struct slice id, struct error *error)
{
    if (!id.data || !(draft->present & 1u << TODO_ID) || slice_equal(slice_of(draft->todo.id), id))
        return true;
    error_set(error, STATUS_INVALID, "The path names another todo than the body.");
    error_at(error, "/id");
    return false;
}

static void todo_complete(struct todo *todo, const struct todo_draft *draft, struct slice id)
{
    *todo = draft->todo;
    todo->v = 1;
    todo->life = life_new();
    todo->created_at_ms = todo->updated_at_ms = clock_wall_ms();
    if (!(draft->present & 1u << TODO_NAME))
        todo->name = SLICE("");
    if (id.data)
        todo_set_id(todo, id);
    if (id.data || draft->present & 1u << TODO_ID)
        return;
    char made[UUID_LEN + 1];
    uuid7_new(made, todo->created_at_ms);
    todo_set_id(todo, slice_of(made));
}

bool body_read_todo(struct request *request, struct slice id, struct todo_draft *draft, struct todo *todo)
{
    struct error error;
    enum draft_kind kind = id.data ? DRAFT_WHOLE : DRAFT_NEW;
    if (todo_json_read(request->body, kind, &request->arena, draft, &error) != STATUS_OK ||
        !id_agrees(draft, id, &error))
        return refuse(request, &error);
    todo_complete(todo, draft, id);
    return todo_check(todo, &error) == STATUS_OK || refuse(request, &error);
}

bool body_read_patch(struct request *request, struct slice id, struct todo_draft *draft)
{
    struct error error;
    if (todo_json_read(request->body, DRAFT_PATCH, &request->arena, draft, &error) != STATUS_OK ||
        !id_agrees(draft, id, &error))
        return refuse(request, &error);
    todo_set_id(&draft->todo, id);
    draft->todo.updated_at_ms = clock_wall_ms();
    return true;
}
