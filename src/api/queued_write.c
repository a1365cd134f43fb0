/* SPDX-License-Identifier: MIT */
/*
 * Prefer: respond-async (RFC 7240 4.1) on a write.
 *
 *   all checks of the same write that need no store -> queue_put() -> 202
 *                                       |--its key has a ticket --> queue_find() -> 202 with that ticket
 *                                       '--422, 503
 *
 * A write with a condition is never queued: whether the condition holds is decided by the store, and the answer would
 * have promised what can't be known. It is made at once, as without the preference, and the answer doesn't say that the
 * preference was applied. So it is without a queue, and with a database that can't apply one. While the queue is full
 * or away the answer is 503: a write that is made at once would overtake those of the same client that wait.
 *
 * A repeated POST with a key gets the ticket of its first one, and where that one stands by now.
 */
#include "api/queued_write.h"

#include "api/handlers.h"
#include "api/queue_answer.h"

struct queued_write {
    struct services *services;
    struct request *request;
    struct queue_put put;
    struct ticket ticket; /* of the first request with this key */
};

bool queued_write_may(const struct services *services, const struct request *request)
{
    bool has_condition = request->if_match.data || request->if_none_match.data || request->if_unmodified_since.data;
    return request->preferences.asked & PREFER_ASYNC && queue_is_on(services->queue) && !has_condition;
}

static struct journal_found pending(const char *id)
{
    struct journal_found found = {.state = TICKET_PENDING};
    slice_copy(found.outcome.id, sizeof(found.outcome.id), slice_of(id));
    return found;
}

/* If the journal can't tell where the first one stands, the ticket is worth as much. */
static void on_found(void *ctx, enum status status, const struct journal_found *found, const struct error *error)
{
    struct queued_write *self = ctx;
    struct journal_found unknown = pending("");
    (void)error;
    queue_answer_accepted(self->request, self->ticket, status == STATUS_OK ? found : &unknown, true);
}

static void on_put(void *ctx, enum status status, struct ticket ticket, const struct error *error)
{
    struct queued_write *self = ctx;
    struct journal_found found = pending(self->put.queued.change.todo->id);
    self->ticket = ticket;
    if (status == STATUS_OK)
        queue_answer_accepted(self->request, ticket, &found, false);
    else if (status == STATUS_EXISTS)
        queue_find(self->services->queue, ticket, on_found, self);
    else
        queue_answer_refused(self->request, status, error);
}

void queued_write_begin(struct services *services, struct request *request, const struct store_queued *queued)
{
    struct queued_write *self = arena_alloc(&request->arena, sizeof(*self));
    *self = (struct queued_write){.services = services, .request = request};
    self->put = (struct queue_put){.queued = *queued, .done = on_put, .ctx = self};
    queue_put(services->queue, &self->put);
}
