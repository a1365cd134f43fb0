/* SPDX-License-Identifier: MIT */
/*
 * PUT, PATCH and DELETE /todos/{id}.
 *
 *   coding, media type (415) -> body (400, 422) -> condition? (400, 428) -> one fenced operation
 *     -> 200, 201, 204, 404, 412, 503;  or the queue, if the client prefers it -> 202 (queued_write.c)
 *
 * The conditions go to the store as versions and lives, which the entity tags contain. The store decides them inside
 * its one operation: of two clients with the same If-Match one wins, and no other write fits between check and
 * change. A tag that this service did not make matches nothing. A field that is no list of tags is a 400.
 *
 * PUT replaces the three members that a client may set. It creates the todo if there is none, unless If-Match says that
 * one must exist. It takes what a GET answered: members that a client can't set must then be as the store has them (422
 * else), which the store decides as well. A PUT with If-None-Match: * can only create, and so it brings back a todo
 * that was deleted by mistake: it takes over the created_at that a GET answered. A PUT always makes a new version.
 *
 * PATCH is a JSON merge patch (RFC 7396); one that sets what is there already makes no new version.
 */
#include "api/handlers.h"
#include "api/limit.h"
#include "api/problem.h"
#include "api/queued_write.h"
#include "api/todo_answer.h"
#include "api/todo_body.h"
#include "base/date.h"
#include "base/etag.h"

struct todo_changing {
    struct services *services;
    struct request *request;
    struct todo todo;
    struct todo_draft draft; /* the body */
    struct cache_change change;
};

/* The versions in a field of entity tags, in the request's arena. */
static struct store_versions versions_of(struct request *request, struct slice field)
{
    struct store_versions versions = {.given = field.data != NULL};
    if (!field.data)
        return versions;
    versions.any = slice_equal(field, SLICE("*"));
    size_t most = field.len / 3 + 1; /* a tag has two quotes, and there is a comma between two tags */
    struct store_version *items = arena_alloc(&request->arena, most * sizeof(*items));
    for (struct slice tag = condition_take_tag(&field); tag.data; tag = condition_take_tag(&field)) {
        struct store_version *item = &items[versions.count];
        if (etag_parse_todo(tag, &item->v, &item->life))
            versions.count++;
    }
    versions.items = items;
    return versions;
}

static struct store_condition condition_of_write(struct request *request)
{
    struct store_condition condition = {.match = versions_of(request, request->if_match),
                                        .none_match = versions_of(request, request->if_none_match),
                                        .unmodified_since_s = -1};
    int64_t since_ms;
    if (request->if_unmodified_since.data && date_http_parse(request->if_unmodified_since, &since_ms))
        condition.unmodified_since_s = since_ms / 1000;
    return condition;
}

static void answer_refused(struct todo_changing *self, enum status status, const struct error *error)
{
    struct request *request = self->request;
    if (status == STATUS_NOT_FOUND)
        problem_answer(request, PROBLEM_NOT_FOUND, "There is no todo with this id.");
    else if (status == STATUS_MISMATCH)
        problem_answer(request, PROBLEM_CONDITION_FAILED,
                       "The todo has changed, or is not in the state that the request asks for. GET it and look.");
    else if (status == STATUS_INVALID && *error->pointer)
        problem_answer_error(request, PROBLEM_INVALID, error);
    else
        problem_answer_unavailable(self->services, request, status, error);
}

static void on_changed(void *ctx, enum status status, const struct store_changed *changed, const struct error *error)
{
    struct todo_changing *self = ctx;
    enum cache_purge purge = self->change.write.purge;
    if (status != STATUS_OK)
        answer_refused(self, status, error);
    else if (self->change.change.kind == STORE_DELETE)
        todo_answer_deleted(self->services, self->request, &changed->todo, purge);
    else
        todo_answer_written(self->services, self->request, changed->created ? 201 : 200, &changed->todo, purge);
}

/*
 * Whether the request's conditions can be read, and the change needs none or has one. A PUT that may only create
 * overwrites nothing.
 */
static bool has_condition_enough(const struct services *services, struct request *request)
{
    if (!condition_is_sound(request->if_match) || !condition_is_sound(request->if_none_match)) {
        problem_answer(request, PROBLEM_BAD_REQUEST,
                       "If-Match and If-None-Match are * or a list of entity tags, each in its quotes.");
        return false;
    }
    if (!services->settings->require_if_match || request->if_match.data)
        return true;
    if (request->method == METHOD_PUT && slice_equal(request->if_none_match, SLICE("*")))
        return true;
    problem_answer(request, PROBLEM_CONDITION_REQUIRED, "Send If-Match with the ETag that your GET answered.");
    return false;
}

static struct todo_changing *changing_new(struct services *services, struct request *request,
                                          enum store_change_kind kind)
{
    struct todo_changing *self = arena_alloc(&request->arena, sizeof(*self));
    *self = (struct todo_changing){.services = services, .request = request};
    self->change.change = (struct store_change){.kind = kind, .todo = &self->todo};
    self->change.change.condition = condition_of_write(request);
    self->change.arena = &request->arena;
    self->change.done = on_changed;
    self->change.ctx = self;
    self->change.request = request->id;
    return self;
}

/*
 * What the body says of the members that a client can't set: the store compares them, or a PUT that can only create
 * takes created_at over. False: it has answered that this time is still to come.
 */
static bool take_shown(struct todo_changing *self)
{
    const struct todo *shown = &self->draft.todo;
    struct error error;
    if (!slice_equal(self->request->if_none_match, SLICE("*"))) {
        self->change.change.shown_fields = self->draft.present & TODO_READ_FIELDS;
        self->change.change.shown = shown;
        return true;
    }
    if (!(self->draft.present & 1u << TODO_CREATED_AT))
        return true;
    if (shown->created_at_ms <= self->todo.created_at_ms) {
        self->todo.created_at_ms = shown->created_at_ms;
        return true;
    }
    error_set(&error, STATUS_INVALID, "created_at: is still to come; send what GET answered, or leave it out");
    error_at(&error, TODO_ROWS[TODO_CREATED_AT].pointer);
    problem_answer_error(self->request, PROBLEM_INVALID, &error);
    return false;
}

/*
 * The request is sound as far as can be told without the store. possible: what it may prefer. Members that were shown
 * are a condition, too: the store compares them.
 */
static void changing_begin(struct todo_changing *self, unsigned possible)
{
    bool is_queued = queued_write_may(self->services, self->request) && !self->change.change.shown_fields;
    if (!request_applies(self->request, is_queued ? QUEUED_WRITE_POSSIBLE : possible))
        return;
    if (is_queued)
        queued_write_begin(self->services, self->request, &(struct store_queued){.change = self->change.change});
    else
        cache_change(self->services->cache, &self->change);
}

void todo_replace(struct services *services, struct request *request, struct slice id)
{
    if (!request_has_no_query(request) || !request_accepts_json(request) || !body_has_type(request, "application/json"))
        return;
    if (request->content_range.data) { /* RFC 9110 14.5 */
        problem_answer(request, PROBLEM_BAD_REQUEST, "A PUT replaces the whole todo; send it without Content-Range.");
        return;
    }
    struct todo_changing *self = changing_new(services, request, STORE_REPLACE);
    if (!body_read_todo(request, id, &self->draft, &self->todo) || !has_condition_enough(services, request) ||
        !take_shown(self))
        return;
    changing_begin(self, PREFER_MINIMAL | PREFER_REPRESENTATION);
}

void todo_merge(struct services *services, struct request *request, struct slice id)
{
    if (!request_has_no_query(request) || !request_accepts_json(request) ||
        !body_has_type(request, "application/merge-patch+json"))
        return;
    struct todo_changing *self = changing_new(services, request, STORE_MERGE);
    if (!body_read_patch(request, id, &self->draft) || !has_condition_enough(services, request))
        return;
    self->todo = self->draft.todo;
    self->change.change.fields = self->draft.present & ~(1u << TODO_ID);
    changing_begin(self, PREFER_MINIMAL | PREFER_REPRESENTATION);
}

void todo_delete(struct services *services, struct request *request, struct slice id)
{
    if (!request_has_no_query(request) || !has_condition_enough(services, request))
        return;
    struct todo_changing *self = changing_new(services, request, STORE_DELETE);
    todo_set_id(&self->todo, id);
    changing_begin(self, PREFER_MINIMAL);
}
