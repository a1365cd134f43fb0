/* SPDX-License-Identifier: MIT */
/*
 * GET and HEAD /todos/{id}: the hit path of the whole service. One cache_get, one answer (todo_answer.c).
 *
 * If the machine's L1 has the todo, the answer is made before todo_get() returns. A read whose client's limit is being
 * asked in Redis (limit.c) doesn't ask the L1: it must wait for the verdict in any case, and gets its entry with it.
 *
 * Todo-Version may be the ticket of a queued write. The read waits for the write, TICKET_WAIT_MS at most: then it is a
 * 503, because any todo that it could show would be older. When the write is settled, the version that it made is
 * demanded as if the client had sent that. A write that made none (it was refused, it is among the dead letters, its
 * outcome is not kept) leaves a read of the store. A ticket of another todo's write, and one that the journal has never
 * given, ask for nothing.
 */
#include "api/freshness.h"
#include "api/handlers.h"
#include "api/limit.h"
#include "api/problem.h"
#include "api/queue_answer.h"
#include "api/todo_answer.h"
#include "base/clock.h"

enum { TICKET_WAIT_MS = 2000 };

struct todo_getting {
    struct services *services;
    struct request *request;
    struct cache_get get;
    struct ticket ticket; /* these two if Todo-Version is one */
    bool has_waited;
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

static void getting_go_on(struct todo_getting *self)
{
    struct cache_near near;
    if (!self->request->waiter && cache_get_near(self->services->cache, &self->get, &near))
        on_got(self, &near.answer);
    else
        cache_get(self->services->cache, &self->get);
}

/* ---- Todo-Version with a ticket ---- */

static void demand_settled(struct cache_demand *demand, const struct journal_found *found)
{
    const struct store_applied *applied = &found->outcome.applied;
    if (found->state == TICKET_SETTLED && applied->status == STATUS_OK && applied->version.v > 0)
        demand->least = (struct todo_version){.v = applied->version.v, .life = applied->version.life};
    else
        demand->from_store = true;
}

/* An outcome that is forgotten has no id: then the write may have been this todo's. */
static void on_found(void *ctx, enum status status, const struct journal_found *found, const struct error *error)
{
    struct todo_getting *self = ctx;
    if (status != STATUS_OK) {
        queue_answer_unread(self->request, status, error);
        return;
    }
    bool is_other = *found->outcome.id && strcmp(found->outcome.id, self->get.id) != 0;
    bool is_pending = found->state == TICKET_PENDING && !is_other;
    if (is_pending && self->has_waited) {
        problem_answer_later(self->request, PROBLEM_STILL_QUEUED,
                             "The write has been accepted and will be applied. Ask again in a moment, or without "
                             "Todo-Version.");
    } else if (is_pending) {
        self->has_waited = true;
        (void)queue_await(self->services->queue, self->ticket, clock_monotonic_ms() + TICKET_WAIT_MS, on_found, self);
    } else {
        if (!is_other && found->state != TICKET_UNKNOWN)
            demand_settled(&self->get.demand, found);
        getting_go_on(self);
    }
}

/* Whether the request waits for a queued write of this todo, as far as its ticket tells. */
static bool getting_asks_queue(struct todo_getting *self, struct slice id)
{
    struct slice text = self->request->todo_version;
    self->has_waited = false;
    return text.data && self->services->queue && ticket_parse(text, &self->ticket) &&
           self->ticket.shard == ticket_shard(id);
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
    if (getting_asks_queue(self, id))
        queue_find(services->queue, self->ticket, on_found, self);
    else
        getting_go_on(self);
}
