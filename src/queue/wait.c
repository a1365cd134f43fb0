/* SPDX-License-Identifier: MIT */
/*
 * Waiting until queued writes are settled.
 *
 * The journal tells nobody by itself that a write was settled: another worker, or another machine, may have done it. So
 * each ticket that somebody waits for is asked for every LOOK_MS, once for all of its waits, and one question at a time
 * is under way for it: a slow journal is not asked faster than it answers.
 *
 * A wait ends with its ticket, with the first error of the journal, or at its time: then it is told PENDING, or that
 * the journal has not answered a question of after its begin. An earlier answer may be what is over by then.
 *
 * Does not: bound the number of waits. Each is a request, and those are bounded.
 */
#include "queue/wait.h"

#include <stdlib.h>

#include "base/mem.h"

enum { LOOK_MS = 25 };

struct queue_wait {
    struct queue_wait *next;
    struct watched *watched;
    int64_t until_ms;
    journal_find_cb done;
    void *ctx;
    bool is_asked; /* a question was sent since it began */
    bool is_known; /* and answered: pending */
    bool is_due;   /* it is told before this turn ends */
};

struct watched {
    struct watched *next;
    struct wait_list *list;
    struct ticket ticket;
    struct queue_wait *waits;
    bool is_asked; /* an answer is under way */
    char id[TODO_ID_MAX + 1];
};

static void on_found(void *ctx, enum status status, const struct journal_found *found, const struct error *error);

static void watched_ask(struct watched *watched)
{
    struct journal *journal = watched->list->journal;
    watched->is_asked = true;
    for (struct queue_wait *wait = watched->waits; wait; wait = wait->next)
        wait->is_asked = true;
    journal->ops->find(journal, watched->ticket, on_found, watched);
}

static void wait_remove(struct queue_wait *wait)
{
    struct queue_wait **at = &wait->watched->waits;
    while (*at != wait)
        at = &(*at)->next;
    *at = wait->next;
    free(wait);
}

/* A callback may begin and leave other waits; one that it begins now is not due. */
static void watched_tell(struct watched *watched, enum status status, const struct journal_found *found,
                         const struct error *error)
{
    for (struct queue_wait *wait = watched->waits; wait;) {
        if (!wait->is_due) {
            wait = wait->next;
            continue;
        }
        journal_find_cb done = wait->done;
        void *done_ctx = wait->ctx;
        wait_remove(wait);
        done(done_ctx, status, found, error);
        wait = watched->waits;
    }
}

static void on_found(void *ctx, enum status status, const struct journal_found *found, const struct error *error)
{
    struct watched *watched = ctx;
    watched->is_asked = false;
    bool is_pending = status == STATUS_OK && found->state == TICKET_PENDING;
    if (is_pending)
        memcpy(watched->id, found->outcome.id, sizeof(watched->id));
    for (struct queue_wait *wait = watched->waits; wait; wait = wait->next) {
        wait->is_known |= is_pending && wait->is_asked;
        wait->is_due = !is_pending;
    }
    watched_tell(watched, status, found, error);
}

static void watched_expire(struct watched *watched, int64_t now_ms)
{
    struct journal_found found = {.state = TICKET_PENDING};
    struct error error = {0};
    memcpy(found.outcome.id, watched->id, sizeof(found.outcome.id));
    for (struct queue_wait *wait = watched->waits; wait; wait = wait->next)
        wait->is_due = now_ms >= wait->until_ms && wait->is_known;
    watched_tell(watched, STATUS_OK, &found, &error);
    for (struct queue_wait *wait = watched->waits; wait; wait = wait->next)
        wait->is_due = now_ms >= wait->until_ms;
    enum status status = error_set(&error, STATUS_UNAVAILABLE, "the queue's journal has not answered in time");
    watched_tell(watched, status, NULL, &error);
}

static void on_time(void *ctx)
{
    struct wait_list *list = ctx;
    int64_t now_ms = events_now_ms(list->events);
    for (struct watched *watched = list->tickets; watched; watched = watched->next)
        watched_expire(watched, now_ms);
    for (struct watched **at = &list->tickets; *at;) {
        struct watched *watched = *at;
        if (watched->waits || watched->is_asked) {
            at = &watched->next;
            if (!watched->is_asked)
                watched_ask(watched);
        } else {
            *at = watched->next;
            free(watched);
        }
    }
    if (list->tickets)
        list->events->timer_start(list->timer, LOOK_MS);
}

static struct watched *watched_of(struct wait_list *list, struct ticket ticket)
{
    struct watched *watched = list->tickets;
    while (watched && (watched->ticket.shard != ticket.shard || watched->ticket.number != ticket.number))
        watched = watched->next;
    if (watched)
        return watched;
    if (!list->tickets)
        list->events->timer_start(list->timer, LOOK_MS);
    watched = mem_zalloc(sizeof(*watched));
    *watched = (struct watched){.next = list->tickets, .list = list, .ticket = ticket};
    list->tickets = watched;
    return watched;
}

struct queue_wait *wait_list_add(struct wait_list *list, struct ticket ticket, int64_t until_ms, journal_find_cb done,
                                 void *ctx)
{
    struct queue_wait *wait = mem_zalloc(sizeof(*wait));
    struct watched *watched = watched_of(list, ticket);
    *wait =
        (struct queue_wait){.next = watched->waits, .watched = watched, .until_ms = until_ms, .done = done, .ctx = ctx};
    watched->waits = wait;
    if (!watched->is_asked && !wait->next)
        watched_ask(watched);
    return wait;
}

void wait_leave(struct queue_wait *wait)
{
    wait_remove(wait);
}

void wait_list_init(struct wait_list *list, const struct events *events, struct journal *journal)
{
    *list = (struct wait_list){.events = events, .journal = journal};
    list->timer = events->timer_new(events->loop, on_time, list);
}

void wait_list_fini(struct wait_list *list)
{
    while (list->tickets) {
        struct watched *watched = list->tickets;
        bug_unless(!watched->waits, "the queue ends, and somebody waits for a ticket");
        list->tickets = watched->next;
        free(watched);
    }
    list->events->timer_free(list->timer);
}
