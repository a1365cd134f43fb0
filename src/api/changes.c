/* SPDX-License-Identifier: MIT */
/*
 * GET /changes: what has changed behind a place in the feed, as JSON, or as events for EventSource.
 *
 * A client asks without a place first, and gets the latest place. Then it reads what it wants to follow, and then it
 * follows from that place: so it misses nothing. Behind its place come all changes, each once and those of a todo in
 * their order; or a 410, if the store does not know what came behind it: then the client starts over. Any change that a
 * client is told of is committed.
 *
 * JSON: with a preference of wait=25 (RFC 7240 4.3) an answer without a change waits for one, PREFER_WAIT_MAX_S at
 * most. Without it the answer is what was committed when the request came.
 *
 * Events: an answer that never ends by itself. Its first event is "reset" if the client named no place, or one that the
 * history does not reach: it reads again what it shows, and stays. A client that goes on by Last-Event-ID (which
 * outweighs "after", because EventSource repeats its URL) gets what it has missed. A comment each BEAT_MS lets proxies
 * and workers notice who has gone. A client that does not take its events is cut off (server/fcgi.c), and resumes.
 *
 * Requests that wait are held (request_hold()), and cost a worker little. A worker that stops answers them all: JSON
 * without a change, a stream by its end. Either way the client asks again, and another worker goes on.
 */
#include <stdlib.h>

#include "api/changes_text.h"
#include "api/handlers.h"
#include "api/problem.h"
#include "base/clock.h"
#include "base/container.h"
#include "base/media.h"
#include "base/mem.h"
#include "base/query.h"
#include "feed/feed.h"

enum {
    BEAT_MS = 15000,
    FIRST_BEAT_MS = 100, /* so long the head of a stream waits for an error that it could still tell */
    RETRY_MS = 1000,     /* EventSource's pause before it comes again */
};

struct changes {
    struct feed_reader reader;
    struct services *services;
    struct request *request;
    bool is_stream;
    bool has_head; /* the stream's, which is sent */
};

static void stream_go_on(struct changes *self, uint32_t wait_ms)
{
    self->reader.wait_ms = wait_ms;
    feed_read(self->services->feed, &self->reader);
}

/* ---- Answers ---- */

static void on_gone(struct request *request)
{
    struct changes *self = request->held;
    feed_leave(&self->reader);
    free(self);
}

/* The wait is no part of the time that an answer took. */
static struct request *changes_end(struct changes *self)
{
    struct request *request = self->request;
    request->started_at_us = clock_monotonic_us();
    free(self);
    return request;
}

static void answer_unsupported(struct request *request)
{
    problem_answer(request, PROBLEM_UNSUPPORTED,
                   "A feed of changes needs SQLite, or a replica set of MongoDB and the setting \"follow\".");
}

static void answer_failed(struct changes *self, const struct feed_answer *answer)
{
    struct services *services = self->services;
    struct request *request = changes_end(self);
    if (answer->status == STATUS_NOT_FOUND)
        problem_answer(request, PROBLEM_START_OVER,
                       "The history of changes does not reach back to this place. Ask without \"after\", then read "
                       "what you show, then go on from the new place.");
    else if (answer->status == STATUS_UNSUPPORTED)
        answer_unsupported(request);
    else if (answer->status == STATUS_MISMATCH)
        /* Its follower is about to begin it; the store itself is well. */
        problem_answer_later(request, PROBLEM_UNAVAILABLE, "The feed has not begun. Try again in a moment.");
    else
        problem_answer_unavailable(services, request, answer->status, answer->error);
}

static void answer_json(struct changes *self, const struct feed_answer *answer)
{
    struct request *request = changes_end(self);
    buf_reset(&request->scratch);
    changes_write_json(&request->scratch, answer->rows, answer->count, &answer->next);
    response_begin(request, 200);
    response_header(request, "Content-Type", "application/json");
    response_header(request, "Cache-Control", "no-store");
    response_preferences(request);
    response_body(request, buf_slice(&request->scratch));
    request_answer(request);
}

static void stream_begin(struct changes *self)
{
    struct request *request = self->request;
    response_begin(request, 200);
    response_header(request, "Content-Type", "text/event-stream");
    response_header(request, "Cache-Control", "no-store");
    response_header(request, "X-Accel-Buffering", "no"); /* to nginx, which keeps it to itself */
    response_endless(request);
    buf_printf(&request->out, "retry: %d\n\n", RETRY_MS);
    self->has_head = true;
}

static void answer_events(struct changes *self, const struct feed_answer *answer)
{
    struct request *request = self->request;
    bool is_reset = self->reader.after.seq == 0;
    if (!self->has_head)
        stream_begin(self);
    if (is_reset)
        changes_write_reset(&request->out, &answer->next);
    else if (answer->count == 0)
        buf_append_text(&request->out, ":\n\n");
    changes_write_events(&request->out, answer->rows, answer->count);
    self->reader.after = answer->next;
    if (self->services->draining) {
        request_answer(changes_end(self));
        return;
    }
    stream_go_on(self, BEAT_MS);
    request_send(request); /* last: the client may be found to have gone */
}

static void on_json(struct feed_reader *reader, const struct feed_answer *answer)
{
    struct changes *self = container_of(reader, struct changes, reader);
    if (answer->status == STATUS_OK)
        answer_json(self, answer);
    else
        answer_failed(self, answer);
}

static void on_events(struct feed_reader *reader, const struct feed_answer *answer)
{
    struct changes *self = container_of(reader, struct changes, reader);
    if (answer->status == STATUS_OK) {
        answer_events(self, answer);
    } else if (answer->status == STATUS_NOT_FOUND && reader->after.seq > 0) {
        reader->after = (struct feed_place){0};
        stream_go_on(self, FIRST_BEAT_MS);
    } else if (self->has_head) {
        request_answer(changes_end(self)); /* the client comes again */
    } else {
        answer_failed(self, answer);
    }
}

/* ---- Requests ---- */

static enum status on_pair(void *ctx, struct slice name, struct slice value, struct error *error)
{
    struct changes *self = ctx;
    if (!slice_equal(name, SLICE("after")))
        return error_set(error, STATUS_INVALID, "The only key of this query is \"after\".");
    if (self->reader.after.seq > 0)
        return error_set(error, STATUS_INVALID, "\"after\" is given twice.");
    if (feed_place_parse(value, &self->reader.after))
        return STATUS_OK;
    return error_set(error, STATUS_INVALID, "\"after\" is no place: take it whole from \"next\" or \"seq\".");
}

/* What the client wants; all of it is read before the request is held. False: it has answered. */
static bool changes_take(struct changes *self)
{
    struct request *request = self->request;
    struct error error;
    struct feed_place last;
    if (query_read(request->query, &request->arena, on_pair, self, &error) != STATUS_OK) {
        problem_answer_error(request, PROBLEM_BAD_REQUEST, &error);
        return false;
    }
    if (self->is_stream && request->last_event_id.len > 0)
        self->reader.after = feed_place_parse(request->last_event_id, &last) ? last : (struct feed_place){0};
    bool may_wait = !self->is_stream && self->reader.after.seq > 0 && request->method == METHOD_GET;
    request_prefer(request);
    if (!request_applies(request, may_wait ? PREFER_WAIT : 0))
        return false;
    self->reader.wait_ms = self->is_stream ? FIRST_BEAT_MS : request_wait_ms(request);
    self->reader.done = self->is_stream ? on_events : on_json;
    return true;
}

static void changes_begin(struct services *services, struct request *request, bool is_stream)
{
    struct error error;
    struct changes *self = mem_zalloc(sizeof(*self));
    *self = (struct changes){.services = services, .request = request, .is_stream = is_stream};
    if (!changes_take(self)) {
        free(self);
    } else if (self->reader.wait_ms > 0 && !request_hold(request, on_gone, self)) {
        free(self);
        error_set(&error, STATUS_BUSY, "as many clients wait as may (changes_max)");
        problem_answer_unavailable(services, request, STATUS_BUSY, &error);
    } else {
        feed_read(services->feed, &self->reader);
    }
}

void changes_get(struct services *services, struct request *request, struct slice id)
{
    (void)id;
    if (!services->feed)
        answer_unsupported(request);
    else if (!request->accept.data || media_accepted(request->accept, SLICE("application/json")))
        changes_begin(services, request, false);
    else if (request->method == METHOD_GET && media_accepted(request->accept, SLICE("text/event-stream")))
        changes_begin(services, request, true);
    else
        problem_answer(request, PROBLEM_NOT_ACCEPTABLE,
                       "Changes are application/json or, with GET, text/event-stream.");
}
