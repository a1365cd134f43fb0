/* SPDX-License-Identifier: MIT */
/*
 * Problem details: every error that the worker answers, in one shape.
 *
 * Two kinds of text are kept apart. A client's own mistake is told to the client in full, with the member at fault as a
 * JSON pointer, so that the client can correct it. A failure behind the service (addresses, files, the database's
 * texts) is logged with the request's id and not sent. The client only learns which kind it is (enum cause), and when
 * it may repeat the request. A stored document that is no todo is named, with the field at fault.
 *
 * A cache may keep a 404 or 405 unless it is told otherwise (RFC 9111 4.2.2), so Cache-Control forbids it for all
 * errors. There is one exception, which the handler makes: a todo's 404 behind a CDN that is purged.
 */
#include "api/problem.h"

#include <stdio.h>

#include "api/handlers.h"
#include "base/json.h"
#include "base/log.h"

struct problem_row {
    int status;
    const char *slug;
    const char *title;
};

#define PROBLEM_ROW(upper, status, slug, title) {status, slug, title},
static const struct problem_row rows[PROBLEM_COUNT] = {PROBLEMS(PROBLEM_ROW)};

static void write_member(struct buf *body, const char *name, struct slice value)
{
    buf_append_text(body, ",\"");
    buf_append_text(body, name);
    buf_append_text(body, "\":");
    json_write_string(body, value);
}

static void write_body(struct buf *body, const struct problem_row *row, const char *detail, const char *pointer)
{
    buf_append_text(body, "{\"type\":\"/problems/");
    buf_append_text(body, row->slug);
    buf_append_text(body, "\",\"status\":");
    buf_append_int(body, row->status);
    write_member(body, "title", slice_of(row->title));
    write_member(body, "detail", slice_of(detail));
    if (pointer && *pointer)
        write_member(body, "pointer", slice_of(pointer));
    buf_append_char(body, '}');
}

void problem_write(struct buf *body, enum problem problem, const char *detail)
{
    write_body(body, &rows[problem], detail, NULL);
}

struct problem_text {
    const char *detail;
    const char *pointer; /* NULL or "": none */
    const char *cache_control;
};

/* Writes the rest of an answer that has its status line, and perhaps more headers. */
static void finish(struct request *request, const struct problem_row *row, const struct problem_text *text)
{
    struct buf body;
    buf_init(&body);
    write_body(&body, row, text->detail, text->pointer);
    response_header(request, "Content-Type", "application/problem+json");
    response_header(request, "Cache-Control", text->cache_control);
    response_body(request, buf_slice(&body));
    buf_fini(&body);
    request_answer(request);
}

void problem_begin(struct request *request, enum problem problem)
{
    response_begin(request, rows[problem].status);
}

void problem_finish(struct request *request, enum problem problem, const char *detail)
{
    problem_finish_cached(request, problem, detail, "no-store");
}

void problem_finish_cached(struct request *request, enum problem problem, const char *detail, const char *cache_control)
{
    finish(request, &rows[problem], &(struct problem_text){.detail = detail, .cache_control = cache_control});
}

void problem_answer(struct request *request, enum problem problem, const char *detail)
{
    problem_begin(request, problem);
    problem_finish(request, problem, detail);
}

void problem_answer_later(struct request *request, enum problem problem, const char *detail)
{
    problem_begin(request, problem);
    response_header(request, "Retry-After", "1");
    problem_finish(request, problem, detail);
}

void problem_finish_error(struct request *request, enum problem problem, const struct error *error)
{
    const struct problem_text text = {.detail = error->text, .pointer = error->pointer, .cache_control = "no-store"};
    finish(request, &rows[problem], &text);
}

void problem_answer_error(struct request *request, enum problem problem, const struct error *error)
{
    problem_begin(request, problem);
    problem_finish_error(request, problem, error);
}

static bool request_reads(const struct request *request)
{
    return request->method == METHOD_GET || request->method == METHOD_HEAD;
}

/*
 * Seconds until the breaker of the request's lane lets the next call through: until then a repeated request would fail
 * too.
 */
static uint32_t retry_after_s(const struct services *services, const struct request *request)
{
    uint32_t retry_after_ms = 0;
    if (pool_is_open(services->pool, request_reads(request) ? POOL_READ : POOL_WRITE, &retry_after_ms) ||
        retry_after_ms < 1000)
        return 1;
    return (retry_after_ms + 999) / 1000;
}

/* What happened, as far as a client is told: no names, no addresses. The operator finds the rest in the log. */
static const char *reason_of(enum status status, const struct error *error)
{
    static const char *const reasons[CAUSE_COUNT] = {
        [CAUSE_LOGIN] = "The database refuses the service's user or password, until an operator corrects them.",
        [CAUSE_RIGHTS] = "The database does not let the service do that, until an operator grants the right.",
        [CAUSE_UNSUPPORTED] = "The database can't do what the service needs, until an operator changes one of the two.",
        [CAUSE_FULL] = "The database's disk is full, until an operator makes room.",
        [CAUSE_DAMAGED] = "The database's data is damaged, until an operator restores it.",
        [CAUSE_RULE] = "A rule of the database refuses this write.",
    };
    if (reasons[error->cause])
        return reasons[error->cause];
    if (status == STATUS_BUSY)
        return "Too many requests wait for the database.";
    return status == STATUS_UNKNOWN ? "The database didn't answer in time." : "The database can't be reached.";
}

static const char *consequence_of(enum status status, const struct request *request)
{
    if (status == STATUS_UNKNOWN)
        return "The write may have been applied or not. Read it again.";
    return request_reads(request) ? "Try again in a moment." : "Nothing was changed. Try again in a moment.";
}

void problem_answer_unavailable(const struct services *services, struct request *request, enum status status,
                                const struct error *error)
{
    enum problem problem = status == STATUS_UNKNOWN ? PROBLEM_UNKNOWN_OUTCOME : PROBLEM_UNAVAILABLE;
    char seconds[INT64_TEXT_MAX + 1], detail[256];
    log_warn_often(request->id, "unavailable", "status=%s error=\"%s\"", status_name(status), error->text);
    if (error->cause == CAUSE_UNREADABLE) {
        problem_answer(request, PROBLEM_UNREADABLE, error->text);
        return;
    }
    response_begin(request, rows[problem].status);
    response_header_slice(request, "Retry-After", slice_of_int64(seconds, retry_after_s(services, request)));
    snprintf(detail, sizeof(detail), "%s %s", reason_of(status, error), consequence_of(status, request));
    problem_finish(request, problem, detail);
}

void problem_answer_uncached(const struct services *services, struct request *request, enum status status,
                             const struct error *error)
{
    if (status == STATUS_MISMATCH)
        problem_answer(request, PROBLEM_NOT_CACHED,
                       "only-if-cached was asked for, and the cache has no answer that fits.");
    else
        problem_answer_unavailable(services, request, status, error);
}
