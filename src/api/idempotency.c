/* SPDX-License-Identifier: MIT */
/*
 * Idempotency-Key (draft-ietf-httpapi-idempotency-key-header), for POST /todos.
 *
 *   key parsed (400) -> key taken --ours--> insert -> outcome kept -> answer
 *                            |--its todo was made by a worker that died--> outcome kept -> answer
 *                            |--the first request has ended--> its answer again
 *                            '--it is under way (409), had another body (422), or the store is away (503)
 *
 * The first answer is kept beside the data. A client that lost the answer repeats its request, and no second todo is
 * made.
 *
 * The key is taken before the insert, together with the id, the life and the time that the todo will have. The insert
 * leaves a marker that the todo was made. If this worker dies after the insert, the repeated request takes the key over
 * and finds the marker. It answers with the todo as it was made, even if others have changed or deleted it since. If
 * this worker dies before the insert, the repeated request makes the todo.
 *
 * Outcomes that may differ the next time (busy, away) are not kept: the key is free again. If the outcome is unknown,
 * the key stays taken until the write can no longer be applied; then the same request may take it up.
 *
 * A key is its client's, as far as Authorization tells clients apart: no client gets another one's todo by guessing a
 * key, nor takes one away.
 *
 * Does not: serve other methods. A PUT, a DELETE and a merge patch can be repeated without harm.
 */
#include "api/idempotency.h"

#include "api/problem.h"
#include "api/todo_answer.h"
#include "base/failpoint.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/todo_json.h"

/*
 * A string of RFC 8941, or the bare text that many clients send; false: it is neither, or too long. A comma outside of
 * quotes stands between two keys, for that is how two lines of a field arrive.
 */
static bool key_parse(struct slice field, char key[STORE_KEY_MAX + 1])
{
    if (field.len >= 2 && field.data[0] == '"' && field.data[field.len - 1] == '"')
        field = (struct slice){field.data + 1, field.len - 2};
    else if (field.len > 0 && memchr(field.data, ',', field.len))
        return false;
    if (field.len == 0 || field.len > STORE_KEY_MAX)
        return false;
    for (size_t i = 0; i < field.len; i++)
        if (field.data[i] < 0x20 || field.data[i] > 0x7e || field.data[i] == '"' || field.data[i] == '\\')
            return false;
    memcpy(key, field.data, field.len);
    key[field.len] = '\0';
    return true;
}

/*
 * Clients with different Authorization have keys of their own: the store then keeps the answer under a hash of both
 * texts. No client's key has the backslash before it. Clients without the field share theirs.
 */
static void key_scope(char key[STORE_KEY_MAX + 1], struct request *request)
{
    struct buf *both = &request->scratch;
    if (request->authorization.len == 0)
        return;
    buf_reset(both);
    buf_append_slice(both, request->authorization);
    buf_append_char(both, '\0');
    buf_append_text(both, key);
    key[0] = '\\';
    hash_secret(key + 1, buf_slice(both));
}

/* ---- Before the insert ---- */

static void answer_again(struct idempotency *self)
{
    const struct store_answer *answer = &self->kept.answer;
    if (answer->http_status == 201) {
        todo_answer_replayed(self->services, self->request, answer);
        return;
    }
    self->insert->status = STATUS_EXISTS;
    self->answer(self->ctx);
}

static void on_key_taken(void *ctx, enum status status, const struct error *error)
{
    struct idempotency *self = ctx;
    struct todo *todo = &self->insert->todo;
    if (status == STATUS_OK || status == STATUS_EXISTS)
        stats_add(self->services->stats, status == STATUS_OK ? STAT_KEPT_NEW : STAT_KEPT_AGAIN, 1);
    if (status == STATUS_OK) {
        if (!failpoint_is_on(FAILPOINT_KEY_FORGOTTEN))
            todo_set_id(todo, slice_of(self->kept.answer.id));
        todo->life = self->kept.answer.life;
        todo->created_at_ms = todo->updated_at_ms = self->kept.answer.created_at_ms;
        self->insert->status = STATUS_OK;
        if (self->kept.answer.is_made)
            idempotency_end(self);
        else
            cache_insert(self->services->cache, self->insert);
    } else if (status == STATUS_EXISTS) {
        answer_again(self);
    } else if (status == STATUS_MISMATCH) {
        problem_answer(self->request, PROBLEM_KEY_REUSED, PROBLEM_KEY_REUSED_DETAIL);
    } else if (status == STATUS_BUSY && self->kept.worked) {
        problem_answer(self->request, PROBLEM_STILL_RUNNING,
                       "Ask again in a moment: the first request is being worked on.");
    } else {
        problem_answer_unavailable(self->services, self->request, status, error);
    }
}

bool idempotency_read(struct idempotency *self)
{
    const struct settings *settings = self->services->settings;
    struct request *request = self->request;
    struct store_answer *answer = &self->kept.answer;
    if (!key_parse(request->idempotency_key, answer->key)) {
        problem_answer(request, PROBLEM_BAD_REQUEST,
                       "Idempotency-Key must be one string of 1 to 255 printable characters, in quotes.");
        return false;
    }
    key_scope(answer->key, request);
    hash_fingerprint(answer->fingerprint, request->body);
    memcpy(answer->id, self->insert->todo.id, sizeof(answer->id));
    answer->life = self->insert->todo.life;
    answer->created_at_ms = self->insert->todo.created_at_ms;
    answer->deadline_at_ms = answer->created_at_ms + 2 * settings->write_deadline_ms;
    answer->expires_at_ms = answer->created_at_ms + settings->idempotency_ttl_s * 1000;
    return true;
}

void idempotency_begin(struct idempotency *self)
{
    self->insert->answer = &self->kept.answer;
    self->kept.store = self->services->store;
    self->kept.pool = self->services->pool;
    self->kept.arena = &self->request->arena;
    self->kept.done = on_key_taken;
    self->kept.ctx = self;
    kept_answer_begin(&self->kept);
}

/* ---- After it ---- */

/*
 * An answer that could not be kept is given all the same. A repeated request finds the todo under the id that was kept.
 */
static void on_kept(void *ctx, enum status status, const struct error *error)
{
    struct idempotency *self = ctx;
    if (status != STATUS_OK)
        log_warn(self->request->id, "answer_not_kept", "error=\"%s\"", error->text);
    self->answer(self->ctx);
}

const struct store_answer *idempotency_answer(struct idempotency *self, int http_status)
{
    const struct todo *todo = &self->insert->todo;
    struct store_answer *answer = &self->kept.answer;
    struct buf *body = &self->request->scratch;
    buf_reset(body);
    todo_json_write(body, todo);
    answer->http_status = http_status;
    answer->body = arena_copy(&self->request->arena, buf_slice(body));
    etag_of_todo(self->etag, todo->v, todo->life, answer->body);
    answer->etag = slice_of(self->etag);
    return answer;
}

static void keep_answer(struct idempotency *self, int http_status)
{
    (void)idempotency_answer(self, http_status);
    kept_answer_end(&self->kept);
}

void idempotency_end(struct idempotency *self)
{
    self->kept.done = on_kept;
    if (self->insert->status == STATUS_OK)
        keep_answer(self, 201);
    else if (self->insert->status == STATUS_EXISTS)
        keep_answer(self, 409);
    else if (self->insert->status == STATUS_UNKNOWN)
        self->answer(self->ctx); /* the key stays taken */
    else
        kept_answer_forget(&self->kept);
}
