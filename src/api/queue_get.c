/* SPDX-License-Identifier: MIT */
/*
 * GET and HEAD /queue/{ticket}: where a queued write stands.
 *
 * With a preference of wait=25 (RFC 7240 4.3) a write that is pending is waited for, PREFER_WAIT_MAX_S at most; then
 * the answer says that it is pending still. Such a request is held (request_hold()) and costs a worker little. It asks
 * anew each STEP_MS, so that a worker that stops need not tell it.
 */
#include <stdlib.h>

#include "api/handlers.h"
#include "api/problem.h"
#include "api/queue_answer.h"
#include "base/clock.h"
#include "base/mem.h"

enum { STEP_MS = 1000 };

struct queue_getting {
    struct services *services;
    struct request *request;
    struct ticket ticket;
    int64_t until_ms;
    struct queue_wait *wait; /* NULL: the request doesn't wait */
};

static void on_gone(struct request *request)
{
    struct queue_getting *self = request->held;
    queue_leave(self->wait);
    free(self);
}

static void on_found(void *ctx, enum status status, const struct journal_found *found, const struct error *error);

static void wait_on(struct queue_getting *self, int64_t now_ms)
{
    int64_t next_ms = now_ms + STEP_MS < self->until_ms ? now_ms + STEP_MS : self->until_ms;
    self->wait = queue_await(self->services->queue, self->ticket, next_ms, on_found, self);
}

/* The wait is no part of the time that an answer took. */
static void on_found(void *ctx, enum status status, const struct journal_found *found, const struct error *error)
{
    struct queue_getting *self = ctx;
    struct request *request = self->request;
    int64_t now_ms = clock_monotonic_ms();
    if (status == STATUS_OK && found->state == TICKET_PENDING && now_ms < self->until_ms && !self->services->draining) {
        wait_on(self, now_ms);
        return;
    }
    if (self->wait)
        request->started_at_us = clock_monotonic_us();
    if (status == STATUS_OK)
        queue_answer_found(request, self->ticket, found);
    else
        queue_answer_unread(request, status, error);
    free(self);
}

static void getting_begin(struct queue_getting *self)
{
    struct request *request = self->request;
    int64_t now_ms = clock_monotonic_ms();
    uint32_t wait_ms = request_wait_ms(request);
    struct error error;
    self->until_ms = now_ms + wait_ms;
    if (wait_ms == 0) {
        queue_find(self->services->queue, self->ticket, on_found, self);
    } else if (request_hold(request, on_gone, self)) {
        wait_on(self, now_ms);
    } else {
        free(self);
        error_set(&error, STATUS_BUSY, "as many clients wait as may (changes_max)");
        queue_answer_unread(request, STATUS_BUSY, &error);
    }
}

void queue_get(struct services *services, struct request *request, struct slice id)
{
    struct ticket ticket;
    if (!services->queue || !ticket_parse(id, &ticket)) {
        problem_answer(request, PROBLEM_NOT_FOUND,
                       services->queue ? "This is no ticket of a queued write." : "This service has no queue.");
        return;
    }
    if (!request_has_no_query(request) || !request_accepts_json(request))
        return;
    request_prefer(request);
    if (!request_applies(request, request->method == METHOD_GET ? PREFER_WAIT : 0))
        return;
    struct queue_getting *self = mem_zalloc(sizeof(*self));
    *self = (struct queue_getting){.services = services, .request = request, .ticket = ticket};
    getting_begin(self);
}
