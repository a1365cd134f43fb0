/* SPDX-License-Identifier: MIT */
/*
 * GET and HEAD /todos/{id}.
 *
 * The hit path of the whole service: one cache_get, the todo written as JSON once, its ETag over those bytes. The JSON is
 * written behind the place where the headers will go, in a buffer of the request's, because ETag and Content-Length are
 * known only when it is done.
 *
 * HEAD answers with GET's headers, Content-Length included. A client that sends the ETag back gets 304 and no body.
 */
#include "api/handlers.h"
#include "api/problem.h"
#include "base/condition.h"
#include "base/etag.h"
#include "base/json.h"

struct todo_getting {
    struct services *services;
    struct request *request;
    struct cache_get get;
};

static void answer_todo(struct request *request, const struct todo *todo, const struct cache_trace *trace)
{
    char etag[ETAG_MAX + 1];
    buf_reset(&request->scratch);
    json_write_todo(&request->scratch, todo);
    etag_of_todo(etag, todo->v, buf_slice(&request->scratch));
    bool is_known = condition_none_match_hits(request->if_none_match, slice_of(etag));
    response_begin(request, is_known ? 304 : 200);
    if (!is_known)
        response_header(request, "Content-Type", "application/json");
    response_header(request, "ETag", etag);
    response_header(request, "Cache-Control", "no-cache");
    response_trace(request, trace);
    response_body(request, buf_slice(&request->scratch));
    request_answer(request);
}

static void answer_absent(struct request *request, const struct cache_trace *trace)
{
    problem_begin(request, PROBLEM_NOT_FOUND);
    response_trace(request, trace);
    problem_finish(request, PROBLEM_NOT_FOUND, "There is no todo with this id.");
}

static void on_got(void *ctx, const struct cache_answer *answer)
{
    struct todo_getting *self = ctx;
    struct request *request = self->request;
    if (answer->status == STATUS_OK)
        answer_todo(request, answer->todo, &answer->trace);
    else if (answer->status == STATUS_NOT_FOUND)
        answer_absent(request, &answer->trace);
    else
        problem_answer_unavailable(request, answer->status, answer->error, services_retry_after_s(self->services));
}

void todo_get(struct services *services, struct request *request, struct slice id)
{
    if (!request_has_no_query(request))
        return;
    struct todo_getting *self = arena_alloc(&request->arena, sizeof(*self));
    self->services = services;
    self->request = request;
    memcpy(self->get.id, id.data, id.len);
    self->get.id[id.len] = '\0';
    self->get.done = on_got;
    self->get.ctx = self;
    cache_get(services->cache, &self->get);
}
