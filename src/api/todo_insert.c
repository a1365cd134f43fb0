/* SPDX-License-Identifier: MIT */
/*
 * POST /todos: a new todo.
 *
 *   media type (415) -> body (400, 422) -> fenced insert -> 201, 409, 503;  or the queue -> 202 (queued_write.c)
 *
 * With an Idempotency-Key, idempotency.c takes the key before the insert and keeps the answer after it.
 *
 * Without a key, a write with an unknown outcome is answered 503 with a problem type of its own. The client must then
 * read before it tries again, or send the id itself and take 409 for success.
 */
#include "api/handlers.h"
#include "api/idempotency.h"
#include "api/problem.h"
#include "api/queued_write.h"
#include "api/todo_answer.h"
#include "api/todo_body.h"

struct todo_inserting {
    struct services *services;
    struct request *request;
    struct cache_insert insert;
    struct idempotency idempotency; /* all zero: the request has no key */
};

static void answer_outcome(void *ctx)
{
    struct todo_inserting *self = ctx;
    struct request *request = self->request;
    if (self->insert.status == STATUS_OK)
        todo_answer_written(self->services, request, 201, &self->insert.todo, self->insert.write.purge);
    else if (self->insert.status == STATUS_EXISTS)
        problem_answer(request, PROBLEM_EXISTS, "There is a todo with this id already; GET it, or choose another id.");
    else
        problem_answer_unavailable(self->services, request, self->insert.status, &self->insert.error);
}

static void on_inserted(void *ctx, enum status status, const struct error *error)
{
    struct todo_inserting *self = ctx;
    self->insert.status = status;
    if (error)
        self->insert.error = *error;
    if (self->idempotency.insert)
        idempotency_end(&self->idempotency);
    else
        answer_outcome(self);
}

/* A repeated request is known by its key. Without one the id is the client's, and a repeated request finds it taken. */
static void inserting_queue(struct todo_inserting *self)
{
    struct store_queued queued = {.is_insert = true, .change = {.kind = STORE_REPLACE, .todo = &self->insert.todo}};
    queued.change.condition.unmodified_since_s = -1;
    if (self->idempotency.insert)
        queued.answer = idempotency_answer(&self->idempotency, 201);
    queued_write_begin(self->services, self->request, &queued);
}

void todo_insert(struct services *services, struct request *request, struct slice id)
{
    (void)id;
    if (!request_has_no_query(request) || !request_accepts_json(request) || !body_has_type(request, "application/json"))
        return;
    struct todo_draft draft;
    struct todo_inserting *self = arena_alloc(&request->arena, sizeof(*self));
    *self = (struct todo_inserting){.services = services, .request = request};
    self->insert.done = on_inserted;
    self->insert.ctx = self;
    self->insert.request = request->id;
    if (!body_read_todo(request, (struct slice){0}, &draft, &self->insert.todo))
        return;
    bool has_key = request->idempotency_key.data, has_name = has_key || draft.present & 1u << TODO_ID;
    bool is_queued = has_name && queued_write_may(services, request);
    if (!request_applies(request, is_queued ? QUEUED_WRITE_POSSIBLE : PREFER_MINIMAL | PREFER_REPRESENTATION))
        return;
    if (has_key) {
        self->idempotency = (struct idempotency){
            .services = services, .request = request, .insert = &self->insert, .answer = answer_outcome, .ctx = self};
        if (!idempotency_read(&self->idempotency))
            return;
    }
    if (is_queued)
        inserting_queue(self);
    else if (has_key)
        idempotency_begin(&self->idempotency);
    else
        cache_insert(services->cache, &self->insert);
}
