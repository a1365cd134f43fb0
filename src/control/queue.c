/* SPDX-License-Identifier: MIT */
/*
 * The write queue, by its journal alone: so it can be looked at, and its dead letters can be retried or dropped, while
 * no worker runs and the store is away.
 *
 *   journal ready -> look -> [ page of dead letters -> retry or drop each -> next page ... next shard ] -> idle -> done
 *
 * The look comes first in any case, for a retried write gets a new number at the end of its shard, and may soon be a
 * dead letter again. Those behind the look's last number are left alone, so a walk over all of them ends.
 *
 * Dead letters are shown a page at a time. To be retried or dropped they are read one by one, and what is told about
 * one is told when the journal has done it: a dropped letter's text is nowhere else then. Another operator may be
 * faster; then the letter is gone, which is no error of a walk over all.
 *
 * Does not: apply anything. A retried write waits for a worker like any queued one.
 */
#include "control/queue.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "control/queue_text.h"
#include "queue/journal.h"

enum { READY_WAIT_MS = 2000, TEND_MS = 1000, IDLE_LOOK_MS = 5, SHOWN_PAGE = 100 };

struct control_queue {
    struct control_queue_options options;
    struct journal *journal;
    struct timer *timer;     /* waits for the journal: to be ready, then to be idle */
    int64_t ready_end_at_ms; /* loop time */
    bool is_begun, is_ended;
    enum status status;
    struct error error;
    struct journal_figures figures; /* of the look */
    struct ticket place;            /* of the last dead letter that was read */
    struct ticket only;             /* if options.ticket is set */
    struct buf text;                /* of that letter, until it is told */
    uint64_t count;
};

static void queue_walk(struct control_queue *queue);

static void queue_tell(struct control_queue *queue)
{
    queue->options.tell(queue->options.ctx, buf_slice(&queue->text));
    buf_reset(&queue->text);
}

static void queue_end(struct control_queue *queue, enum status status, const struct error *error)
{
    if (queue->is_ended)
        return;
    queue->is_ended = true;
    queue->status = status;
    if (status != STATUS_OK)
        queue->error = *error;
    queue->options.events->timer_start(queue->timer, 0);
}

/* ---- One dead letter ---- */

/* What was done to it, before its text. */
static void letter_end(struct control_queue *queue, enum status status, const char *what, const struct error *error)
{
    char ticket[TICKET_TEXT_MAX + 1];
    if (status == STATUS_OK) {
        queue->count++;
        queue->options.tell(queue->options.ctx, slice_of(what));
        queue_tell(queue);
        queue_walk(queue);
    } else if (status == STATUS_NOT_FOUND && !queue->options.ticket) {
        buf_reset(&queue->text);
        queue_walk(queue);
    } else {
        ticket_print(ticket, queue->place);
        error_set(&queue->error, status, "%s: %s", ticket, error->text);
        queue_end(queue, status, &queue->error);
    }
}

static void on_retried(void *ctx, enum status status, struct ticket ticket, const struct error *error)
{
    char what[TICKET_TEXT_MAX + 32] = "", name[TICKET_TEXT_MAX + 1];
    if (status == STATUS_OK) {
        ticket_print(name, ticket);
        snprintf(what, sizeof(what), "queued again as %s: ", name);
    }
    letter_end(ctx, status, what, error);
}

static void on_dropped(void *ctx, enum status status, const struct error *error)
{
    letter_end(ctx, status, "dropped: ", error);
}

/* ---- The walk over dead letters ---- */

static bool queue_is_shown(const struct control_queue *queue)
{
    return queue->options.verb == CONTROL_QUEUE_DEAD;
}

/* Whether the walk is to take this one. */
static bool queue_wants(const struct control_queue *queue, struct ticket ticket)
{
    if (queue->options.ticket)
        return ticket.number == queue->only.number;
    return ticket.number <= queue->figures.shards[ticket.shard].last_number;
}

static void queue_take(struct control_queue *queue, const struct journal_dead *dead)
{
    const struct journal_ops *ops = queue->journal->ops;
    queue->place = dead->ticket;
    queue_text_dead(dead, queue->options.as_json, &queue->text);
    if (queue->options.verb == CONTROL_QUEUE_RETRY)
        ops->dead_retry(queue->journal, dead->ticket, on_retried, queue);
    else if (queue->options.verb == CONTROL_QUEUE_DROP)
        ops->dead_drop(queue->journal, dead->ticket, on_dropped, queue);
    else {
        queue->count++;
        queue_tell(queue);
    }
}

static void on_dead(void *ctx, enum status status, const struct journal_dead *dead, size_t count,
                    const struct error *error)
{
    struct control_queue *queue = ctx;
    size_t taken = 0;
    if (status != STATUS_OK) {
        queue_end(queue, status, error);
        return;
    }
    while (taken < count && queue_wants(queue, dead[taken].ticket))
        queue_take(queue, &dead[taken++]);
    if (queue->options.ticket && taken == 0) {
        error_set(&queue->error, STATUS_NOT_FOUND, "no dead letter has the ticket %s", queue->options.ticket);
        queue_end(queue, STATUS_NOT_FOUND, &queue->error);
        return;
    }
    if (taken == 0)
        queue->place = (struct ticket){.shard = queue->place.shard + 1};
    if (taken == 0 || queue_is_shown(queue))
        queue_walk(queue); /* else when the journal has done it */
}

/* The next page; the end, if there was but one letter to take, or after the last shard. */
static void queue_walk(struct control_queue *queue)
{
    if (queue->place.shard == QUEUE_SHARDS || (queue->options.ticket && queue->count > 0))
        queue_end(queue, STATUS_OK, NULL);
    else
        queue->journal->ops->dead_list(queue->journal, queue->place.shard, queue->place.number,
                                       queue_is_shown(queue) ? SHOWN_PAGE : 1, on_dead, queue);
}

static void on_look(void *ctx, enum status status, const struct journal_figures *figures, const struct error *error)
{
    struct control_queue *queue = ctx;
    if (status != STATUS_OK) {
        queue_end(queue, status, error);
        return;
    }
    queue->figures = *figures;
    if (queue->options.verb != CONTROL_QUEUE_LOOK) {
        queue_walk(queue);
        return;
    }
    queue->count = journal_figures_sum(figures).dead_count;
    queue_text_table(figures, clock_wall_ms(), &queue->text);
    queue_tell(queue);
    queue_end(queue, STATUS_OK, NULL);
}

/* ---- Beginning and end ---- */

static void queue_begin(struct control_queue *queue)
{
    if (queue->is_begun || queue->is_ended)
        return;
    queue->is_begun = true;
    queue->journal->ops->look(queue->journal, on_look, queue);
}

static void on_ready(void *ctx, bool is_ready, const struct error *error)
{
    struct control_queue *queue = ctx;
    if (is_ready)
        queue_begin(queue);
    else if (!queue->is_begun && error->status == STATUS_INVALID)
        queue_end(queue, STATUS_INVALID, error);
    else if (!queue->is_begun)
        queue->error = *error;
}

/* A journal that is away may be ready in a moment: it is connecting. One that is not durable never will be. */
static void queue_await_ready(struct control_queue *queue)
{
    queue->journal->ops->tend(queue->journal);
    if (queue->journal->ops->is_ready(queue->journal))
        queue_begin(queue);
    else if (events_now_ms(queue->options.events) >= queue->ready_end_at_ms)
        queue_end(queue, STATUS_UNAVAILABLE, &queue->error);
    else
        queue->options.events->timer_start(queue->timer, TEND_MS);
}

static void on_time(void *ctx)
{
    struct control_queue *queue = ctx;
    if (!queue->is_ended && !queue->is_begun)
        queue_await_ready(queue);
    else if (queue->is_ended && !queue->journal->ops->is_idle(queue->journal))
        queue->options.events->timer_start(queue->timer, IDLE_LOOK_MS);
    else if (queue->is_ended)
        queue->options.done(queue->options.ctx, queue->status, &queue->error);
}

bool control_queue_ticket_valid(const char *ticket)
{
    struct ticket parsed;
    return ticket_parse(slice_of(ticket), &parsed);
}

enum status control_queue_new(struct control_queue **made, const struct control_queue_options *options,
                              struct error *error)
{
    struct control_queue *queue = mem_zalloc(sizeof(*queue));
    *made = queue;
    queue->options = *options;
    buf_init(&queue->text);
    if (!options->settings->write_queue[0])
        return error_set(error, STATUS_INVALID, "write_queue isn't set: there is no queue");
    if (options->ticket) {
        bug_unless(ticket_parse(slice_of(options->ticket), &queue->only), "the caller has looked at the ticket");
        queue->place = (struct ticket){.shard = queue->only.shard, .number = queue->only.number - 1};
    }
    struct journal_options journal_options = {.events = options->events,
                                              .settings = options->settings,
                                              .stats = options->stats,
                                              .loop = options->loop,
                                              .on_ready = on_ready,
                                              .ctx = queue};
    queue->timer = options->events->timer_new(options->events->loop, on_time, queue);
    queue->ready_end_at_ms = events_now_ms(options->events) + READY_WAIT_MS;
    options->events->timer_start(queue->timer, 0);
    error_set(&queue->error, STATUS_UNAVAILABLE, "write_queue: the journal does not answer");
    return journal_open(&queue->journal, &journal_options, error);
}

uint64_t control_queue_count(const struct control_queue *queue)
{
    return queue->count;
}

void control_queue_free(struct control_queue *queue)
{
    if (!queue)
        return;
    if (queue->journal)
        queue->journal->ops->free(queue->journal);
    if (queue->timer)
        queue->options.events->timer_free(queue->timer);
    buf_fini(&queue->text);
    free(queue);
}
