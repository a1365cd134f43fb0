/* SPDX-License-Identifier: MIT */
/*
 * GET and HEAD /todos/{id}: the hit path of the whole service. One cache_get, one answer (todo_answer.c).
 *
 * If the machine's L1 has the todo, the answer is made before todo_get() returns. A read whose client's limit is being
 * asked in Redis (limit.c) doesn't ask the L1: it must wait for the verdict in any case, and gets its entry with it.
 */
#include "api/freshness.h"
#include "api/handlers.h"
#include "api/limit.h"
#include "api/problem.h"
#include "api/todo_answer.h"

struct todo_getting {
    struct services *services;
    struct request *request;
    struct cache_get get;
};

static void answer_absent(struct todo_getting *self, const struct cache_trace *trace)
{
    struct request *request = self->request;
    char text[32];
    problem_begin(request, PROBLEM_NOT_FOUND);
    const char *cache_control = freshness_of_absent(self->services, request, self->get.id, text);
    response_trace(request, trace);
    problem_finish_cached(request, PROBLEM_NOT_FOUND, "There is no todo with this id.", cache_control);
}

static void on_got(void *ctx, const struct cache_answer *answer)
{
    struct todo_getting *self = ctx;
    struct request *request = self->request;
    if (!limit_admits(request))
        return;
    if (answer->status == STATUS_OK)
        todo_answer_read(self->services, request, answer->todo, &answer->trace);
    else if (answer->status == STATUS_NOT_FOUND)
        answer_absent(self, &answer->trace);
    else
        problem_answer_uncached(self->services, request, answer->status, answer->error);
}

void todo_get(struct services *services, struct request *request, struct slice id)
{
    if (!request_has_no_query(request) || !request_accepts_json(request))
        return;
    struct todo_getting *self = arena_alloc(&request->arena, sizeof(*self));
    self->services = services;
    self->request = request;
    memcpy(self->get.id, id.data, id.len);
    self->get.id[id.len] = '\0';
    self->get.demand = request_demand(request, self->get.id);
    self->get.done = on_got;
    self->get.ctx = self;
    self->get.request = request->id;
    struct cache_near near;
    if (!request->waiter && cache_get_near(services->cache, &self->get, &near))
        on_got(self, &near.answer);
    else
        cache_get(services->cache, &self->get);
}
