/* SPDX-License-Identifier: MIT */
/*
 * POST /todos: a new todo.
 *
 *   media type (415) -> body (400, 422) -> [idempotency key] -> fenced insert -> [keep the answer] -> 201, 409, 503
 *
 * With an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header) the first answer is kept beside the data and given
 * again to whoever repeats the request: a client that lost the answer can ask once more without making a second todo. The key is
 * taken before the insert, together with the id that the todo will have; so if this worker dies in between, the same request
 * taken up later makes the same todo, and finds it made. Another body under the same key is refused.
 *
 * Without a key, a write whose outcome is not known is answered 503 with a problem type of its own: the client must read before
 * it tries again, or send the id itself and take 409 for success.
 */
#include "api/handlers.h"
#include "api/problem.h"
#include "api/todo_answer.h"
#include "api/todo_body.h"
#include "base/etag.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/todo_json.h"
#include "clients/kept_answer.h"

struct todo_inserting {
    struct services *services;
    struct request *request;
    struct cache_insert insert;
    struct kept_answer kept;
    char etag[ETAG_MAX + 1];
};

static void answer_outcome(struct todo_inserting *self)
{
    struct request *request = self->request;
    if (self->insert.status == STATUS_OK)
        todo_answer_written(self->services, request, 201, &self->insert.todo, self->insert.write.purge);
    else if (self->insert.status == STATUS_EXISTS)
        problem_answer(request, PROBLEM_EXISTS, "There is a todo with this id already; GET it, or choose another id.");
    else
        problem_answer_unavailable(self->services, request, self->insert.status, &self->insert.error);
}

/* ---- With a key ---- */

/* The answer could not be kept: it is given all the same. Who repeats the request meets the todo under the id that was kept. */
static void on_kept(void *ctx, enum status status, const struct error *error)
{
    struct todo_inserting *self = ctx;
    if (status != STATUS_OK)
        log_warn(self->request->id, "answer_not_kept", "error=\"%s\"", error->text);
    answer_outcome(self);
}

/* What may come out differently the next time is not kept: busy, away, unknown. */
static void keep_outcome(struct todo_inserting *self)
{
    struct store_answer *answer = &self->kept.answer;
    enum status status = self->insert.status;
    self->kept.done = on_kept;
    if (status == STATUS_OK || status == STATUS_EXISTS) {
        buf_reset(&self->request->scratch);
        todo_json_write(&self->request->scratch, &self->insert.todo);
        answer->http_status = status == STATUS_OK ? 201 : 409;
        answer->body = arena_copy(&self->request->arena, buf_slice(&self->request->scratch));
        etag_of_todo(self->etag, self->insert.todo.v, self->insert.todo.created_at_ms, answer->body);
        answer->etag = slice_of(self->etag);
        kept_answer_end(&self->kept);
    } else if (status == STATUS_UNKNOWN) {
        answer_outcome(
            self); /* it stays running: the same request may take it up when the write can't be applied any more */
    } else {
        kept_answer_forget(&self->kept);
    }
}

static void on_inserted(void *ctx, enum status status, const struct error *error)
{
    struct todo_inserting *self = ctx;
    self->insert.status = status;
    if (error)
        self->insert.error = *error;
    if (self->kept.answer.key[0])
        keep_outcome(self);
    else
        answer_outcome(self);
}

static void answer_again(struct todo_inserting *self)
{
    const struct store_answer *answer = &self->kept.answer;
    if (answer->http_status != 201) {
        self->insert.status = STATUS_EXISTS;
        answer_outcome(self);
        return;
    }
    todo_answer_replayed(self->services, self->request, answer);
}

static void on_key_taken(void *ctx, enum status status, const struct error *error)
{
    struct todo_inserting *self = ctx;
    struct request *request = self->request;
    switch (status) {
    case STATUS_OK:
        todo_set_id(&self->insert.todo, slice_of(self->kept.answer.id));
        self->insert.todo.created_at_ms = self->insert.todo.updated_at_ms = self->kept.answer.created_at_ms;
        cache_insert(self->services->cache, &self->insert);
        break;
    case STATUS_EXISTS:
        answer_again(self);
        break;
    case STATUS_MISMATCH:
        problem_answer(request, PROBLEM_KEY_REUSED,
                       "This Idempotency-Key came with another body before; use a new key.");
        break;
    default:
        if (status == STATUS_BUSY && self->kept.worked)
            problem_answer(request, PROBLEM_STILL_RUNNING,
                           "Ask again in a moment: the first request is being worked on.");
        else
            problem_answer_unavailable(self->services, request, status, error);
        break;
    }
}

/* A string of RFC 8941, or the bare text that many clients send; false: it is neither, or too long. */
static bool key_parse(struct slice field, char key[STORE_KEY_MAX + 1])
{
    if (field.len >= 2 && field.data[0] == '"' && field.data[field.len - 1] == '"')
        field = (struct slice){field.data + 1, field.len - 2};
    if (field.len == 0 || field.len > STORE_KEY_MAX)
        return false;
    for (size_t i = 0; i < field.len; i++)
        if (field.data[i] < 0x20 || field.data[i] > 0x7e || field.data[i] == '"' || field.data[i] == '\\')
            return false;
    memcpy(key, field.data, field.len);
    key[field.len] = '\0';
    return true;
}

static void take_key(struct todo_inserting *self)
{
    const struct settings *settings = self->services->settings;
    struct request *request = self->request;
    struct store_answer *answer = &self->kept.answer;
    if (!key_parse(request->idempotency_key, answer->key)) {
        problem_answer(request, PROBLEM_BAD_REQUEST,
                       "Idempotency-Key must be a string of 1 to 255 printable characters, in quotes.");
        return;
    }
    hash_fingerprint(answer->fingerprint, request->body);
    memcpy(answer->id, self->insert.todo.id, sizeof(answer->id));
    answer->created_at_ms = self->insert.todo.created_at_ms;
    answer->deadline_at_ms = answer->created_at_ms + 2 * settings->write_deadline_ms;
    answer->expires_at_ms = answer->created_at_ms + settings->idempotency_ttl_s * 1000;
    self->kept.store = self->services->store;
    self->kept.pool = self->services->pool;
    self->kept.arena = &request->arena;
    self->kept.done = on_key_taken;
    self->kept.ctx = self;
    kept_answer_begin(&self->kept);
}

void todo_insert(struct services *services, struct request *request, struct slice id)
{
    (void)id;
    if (!request_has_no_query(request) || !request_accepts_json(request) || !body_has_type(request, "application/json"))
        return;
    struct todo_inserting *self = arena_alloc(&request->arena, sizeof(*self));
    *self = (struct todo_inserting){.services = services, .request = request};
    self->insert.done = on_inserted;
    self->insert.ctx = self;
    if (!body_read_todo(request, (struct slice){0}, &self->insert.todo))
        return;
    if (request->idempotency_key.data)
        take_key(self);
    else
        cache_insert(services->cache, &self->insert);
}
