/* SPDX-License-Identifier: MIT */
/* A call is a timer: of a put or a find it is due at once, of a wait at its end, or when the write is settled. */
#include "fake_queue.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/mem.h"

enum { WRITES_MAX = 32 };

struct queue_wait {
    struct queue_wait *next;
    struct timer *timer;
    struct ticket ticket;
    enum status status;
    journal_append_cb on_put; /* this or the next */
    journal_find_cb on_found;
    void *ctx;
    bool is_wait;
};

struct queue {
    const struct events *events;
    bool is_on;
    enum status put, find;
    struct fake_queued writes[WRITES_MAX];
    size_t count;
    struct queue_wait *calls;
};

static struct queue fake;

static struct fake_queued *write_of(struct ticket ticket)
{
    for (size_t i = 0; i < fake.count; i++)
        if (fake.writes[i].ticket.number == ticket.number && fake.writes[i].ticket.shard == ticket.shard)
            return &fake.writes[i];
    return NULL;
}

void queue_leave(struct queue_wait *wait)
{
    struct queue_wait **at = &fake.calls;
    while (*at && *at != wait)
        at = &(*at)->next;
    bug_unless(*at, "a wait that is over was left");
    *at = wait->next;
    fake.events->timer_free(wait->timer);
    free(wait);
}

static void on_time(void *ctx)
{
    struct queue_wait call = *(struct queue_wait *)ctx;
    struct journal_found found = {.state = TICKET_UNKNOWN};
    struct error error;
    error_set(&error, call.status, "the journal at queue.internal is away");
    if (write_of(call.ticket))
        found = write_of(call.ticket)->found;
    queue_leave(ctx);
    if (call.on_put)
        call.on_put(call.ctx, call.status, call.ticket, &error);
    else
        call.on_found(call.ctx, call.status, &found, &error);
}

static struct queue_wait *call_begin(struct queue_wait call, uint32_t after_ms)
{
    struct queue_wait *self = mem_alloc(sizeof(*self));
    *self = call;
    self->next = fake.calls;
    fake.calls = self;
    self->timer = fake.events->timer_new(fake.events->loop, on_time, self);
    fake.events->timer_start(self->timer, after_ms);
    return self;
}

struct queue *fake_queue_begin(const struct events *events)
{
    while (fake.calls)
        queue_leave(fake.calls);
    fake = (struct queue){.events = events};
    return &fake;
}

void fake_queue_set_on(bool is_on)
{
    fake.is_on = is_on;
}

void fake_queue_fail(enum status put, enum status find)
{
    fake.put = put;
    fake.find = find;
}

size_t fake_queue_count(void)
{
    return fake.count;
}

struct fake_queued *fake_queue_last(void)
{
    return fake.count > 0 ? &fake.writes[fake.count - 1] : NULL;
}

unsigned fake_queue_waits(void)
{
    unsigned count = 0;
    for (struct queue_wait *call = fake.calls; call; call = call->next)
        count += call->is_wait;
    return count;
}

void fake_queue_settle(struct fake_queued *queued, enum ticket_state state, enum status status,
                       struct store_version version)
{
    queued->found.state = state;
    queued->found.outcome.applied = (struct store_applied){.status = status, .version = version};
    if (state == TICKET_FORGOTTEN)
        *queued->found.outcome.id = '\0';
    if (state == TICKET_DEAD)
        queued->found.reason = SLICE("db-7.internal: document failed validation");
    for (struct queue_wait *call = fake.calls; call; call = call->next)
        if (call->is_wait && call->ticket.number == queued->ticket.number)
            fake.events->timer_start(call->timer, 0);
}

bool queue_is_on(const struct queue *queue)
{
    return queue && queue->is_on;
}

const char *queue_lack(const struct queue *queue)
{
    return queue && !queue->is_on ? "it is off" : NULL;
}

static struct fake_queued *write_keep(const struct store_queued *queued)
{
    const struct todo *todo = queued->change.todo;
    bug_unless(fake.count < WRITES_MAX, "the fake queue has no room");
    struct fake_queued *kept = &fake.writes[fake.count++];
    *kept = (struct fake_queued){
        .is_insert = queued->is_insert, .kind = queued->change.kind, .fields = queued->change.fields};
    kept->ticket = (struct ticket){.shard = ticket_shard(slice_of(todo->id)),
                                   .number = clock_wall_ms() << TICKET_SEQ_BITS | (int64_t)fake.count};
    slice_copy(kept->id, sizeof(kept->id), slice_of(todo->id));
    slice_copy(kept->name, sizeof(kept->name), todo->name);
    kept->found.state = TICKET_PENDING;
    slice_copy(kept->found.outcome.id, sizeof(kept->found.outcome.id), slice_of(todo->id));
    if (!queued->answer)
        return kept;
    slice_copy(kept->key, sizeof(kept->key), slice_of(queued->answer->key));
    slice_copy(kept->fingerprint, sizeof(kept->fingerprint), slice_of(queued->answer->fingerprint));
    slice_copy(kept->body, sizeof(kept->body), queued->answer->body);
    kept->http_status = queued->answer->http_status;
    return kept;
}

static struct fake_queued *write_of_key(const char *key)
{
    for (size_t i = 0; i < fake.count; i++)
        if (strcmp(fake.writes[i].key, key) == 0)
            return &fake.writes[i];
    return NULL;
}

void queue_put(struct queue *queue, const struct queue_put *put)
{
    const struct store_answer *answer = put->queued.answer;
    struct queue_wait call = {.on_put = put->done, .ctx = put->ctx, .status = queue->put};
    bug_unless(queue->is_on && put->queued.change.condition.unmodified_since_s == -1 &&
                   !put->queued.change.condition.match.given && !put->queued.change.condition.none_match.given &&
                   !put->queued.change.shown_fields,
               "a write with a condition was queued");
    struct fake_queued *known = answer ? write_of_key(answer->key) : NULL;
    if (known && call.status == STATUS_OK)
        call.status = strcmp(known->fingerprint, answer->fingerprint) == 0 ? STATUS_EXISTS : STATUS_MISMATCH;
    else if (call.status == STATUS_OK)
        known = write_keep(&put->queued);
    if (known)
        call.ticket = known->ticket;
    call_begin(call, 0);
}

void queue_find(struct queue *queue, struct ticket ticket, journal_find_cb done, void *ctx)
{
    call_begin((struct queue_wait){.ticket = ticket, .on_found = done, .ctx = ctx, .status = queue->find}, 0);
}

struct queue_wait *queue_await(struct queue *queue, struct ticket ticket, int64_t until_ms, journal_find_cb done,
                               void *ctx)
{
    const struct fake_queued *queued = write_of(ticket);
    int64_t left_ms = until_ms - events_now_ms(queue->events);
    bool waits = queue->find == STATUS_OK && queued && queued->found.state == TICKET_PENDING && left_ms > 0;
    struct queue_wait call = {.ticket = ticket, .on_found = done, .ctx = ctx, .status = queue->find, .is_wait = true};
    return call_begin(call, waits ? (uint32_t)left_ms : 0);
}
