/* SPDX-License-Identifier: MIT */
/*
 * A queued write as clients see it:
 *
 *   {"ticket":"3-1795600000000-12","state":"applied","todo":"42","accepted_at":"2026-11-25T09:46:40.000Z",
 *    "version":"42.7.1c9a"}
 *
 * state is "pending", "applied", "failed" or "settled". version is the Todo-Version of the state that the write made.
 * It is missing if the request's key had been answered without the queue. A failed write has "problem": what the same
 * write would have been answered without the queue. "settled" is all that is known of a write whose outcome is not kept
 * any more. There is no ETag: it covers the todo's bytes, and an outcome has none; a GET of the todo tells it.
 *
 * Todo-Version is the version, and before there is one the ticket: a client keeps what it got last, and sends that with
 * its reads (todo_get.c).
 *
 * Does not: tell why the database refused a write for good. The dead letters tell an operator.
 */
#include "api/queue_answer.h"

#include "api/handlers.h"
#include "api/problem.h"
#include "base/date.h"
#include "base/json.h"
#include "base/log.h"
#include "base/todo_version.h"

/* What the same write would have been answered without the queue, for an outcome other than OK. */
static void write_problem(struct buf *body, const struct journal_found *found)
{
    buf_append_text(body, ",\"problem\":");
    if (found->state == TICKET_DEAD)
        problem_write(body, PROBLEM_REFUSED_BY_STORE,
                      "The database can't take this write. An operator can see why, and try it again or drop it.");
    else if (found->outcome.applied.status == STATUS_NOT_FOUND)
        problem_write(body, PROBLEM_NOT_FOUND, "There was no todo with this id.");
    else if (found->outcome.applied.status == STATUS_EXISTS)
        problem_write(body, PROBLEM_EXISTS, "There was a todo with this id already.");
    else if (found->outcome.applied.status == STATUS_MISMATCH)
        problem_write(body, PROBLEM_KEY_REUSED, PROBLEM_KEY_REUSED_DETAIL);
    else
        problem_write(body, PROBLEM_UNREADABLE, "What is stored under this id is no todo, or can't be changed again.");
}

static bool is_applied(const struct journal_found *found)
{
    return found->state == TICKET_SETTLED && found->outcome.applied.status == STATUS_OK;
}

static const char *state_of(const struct journal_found *found)
{
    if (found->state == TICKET_PENDING)
        return "pending";
    if (found->state == TICKET_FORGOTTEN)
        return "settled";
    return is_applied(found) ? "applied" : "failed";
}

/* The Todo-Version of the state that the write made; "": there is none. */
static void version_print(char text[TODO_VERSION_TEXT_MAX + 1], const struct journal_found *found)
{
    const struct store_version *version = &found->outcome.applied.version;
    *text = '\0';
    if (is_applied(found) && version->v > 0)
        todo_version_print(text, found->outcome.id, (struct todo_version){.v = version->v, .life = version->life});
}

static void append_member(struct buf *body, const char *name, const char *value)
{
    if (*value)
        buf_printf(body, ",\"%s\":\"%s\"", name, value);
}

/* Nothing in it needs an escape but the problem's texts. */
static void represent(struct buf *body, struct ticket ticket, const struct journal_found *found)
{
    char name[TICKET_TEXT_MAX + 1], accepted_at[DATE_RFC3339_LEN + 1], version[TODO_VERSION_TEXT_MAX + 1];
    ticket_print(name, ticket);
    date_rfc3339(accepted_at, ticket_at_ms(ticket));
    version_print(version, found);
    buf_reset(body);
    buf_printf(body, "{\"ticket\":\"%s\",\"state\":\"%s\"", name, state_of(found));
    append_member(body, "todo", found->outcome.id);
    append_member(body, "accepted_at", accepted_at);
    append_member(body, "version", version);
    if (found->state == TICKET_DEAD || (found->state == TICKET_SETTLED && !is_applied(found)))
        write_problem(body, found);
    buf_append_char(body, '}');
}

void queue_answer_accepted(struct request *request, struct ticket ticket, const struct journal_found *found,
                           bool is_again)
{
    char location[sizeof("/queue/") + TICKET_TEXT_MAX] = "/queue/";
    const char *name = location + strlen(location);
    bool is_minimal = request->applied & PREFER_MINIMAL;
    ticket_print(location + strlen(location), ticket);
    represent(&request->scratch, ticket, found);
    response_begin(request, 202);
    if (!is_minimal)
        response_header(request, "Content-Type", "application/json");
    response_header(request, "Location", location);
    response_header(request, "Retry-After", "1");
    if (is_again)
        response_header(request, "Idempotency-Replayed", "true");
    response_header(request, "Todo-Version", name);
    response_header(request, "Cache-Control", "no-store");
    response_preferences(request);
    response_trace_write(request);
    response_body(request, is_minimal ? SLICE("") : buf_slice(&request->scratch));
    request_answer(request);
}

void queue_answer_found(struct request *request, struct ticket ticket, const struct journal_found *found)
{
    char name[TICKET_TEXT_MAX + 1], version[TODO_VERSION_TEXT_MAX + 1];
    if (found->state == TICKET_UNKNOWN) {
        problem_answer(request, PROBLEM_NOT_FOUND, "The queue has never had a write with this ticket.");
        return;
    }
    ticket_print(name, ticket);
    version_print(version, found);
    represent(&request->scratch, ticket, found);
    response_begin(request, 200);
    response_header(request, "Content-Type", "application/json");
    response_header(request, "Todo-Version", *version ? version : name);
    response_header(request, "Cache-Control", "no-store");
    response_preferences(request);
    response_body(request, buf_slice(&request->scratch));
    request_answer(request);
}

void queue_answer_refused(struct request *request, enum status status, const struct error *error)
{
    if (status == STATUS_MISMATCH) {
        problem_answer(request, PROBLEM_KEY_REUSED, PROBLEM_KEY_REUSED_DETAIL);
        return;
    }
    log_warn_often(request->id, "not_queued", "status=%s error=\"%s\"", status_name(status), error->text);
    if (status == STATUS_BUSY)
        problem_answer_later(request, PROBLEM_QUEUE_FULL,
                             "The queue has as many writes as it may. Nothing was changed.");
    else if (status == STATUS_UNKNOWN)
        problem_answer_later(request, PROBLEM_UNKNOWN_OUTCOME,
                             "The queue didn't answer in time. It may have accepted the write or not. Read it again.");
    else
        problem_answer_later(request, PROBLEM_UNAVAILABLE,
                             "The queue can't be reached, or is not safe to write to. Nothing was changed. Try again "
                             "in a moment, or without respond-async.");
}

void queue_answer_unread(struct request *request, enum status status, const struct error *error)
{
    log_warn_often(request->id, "queue_unavailable", "status=%s error=\"%s\"", status_name(status), error->text);
    problem_answer_later(request, PROBLEM_UNAVAILABLE,
                         status == STATUS_BUSY ? "Too many clients wait. Try again in a moment."
                                               : "The queue can't be reached. Try again in a moment.");
}
