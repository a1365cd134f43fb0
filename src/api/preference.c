/* SPDX-License-Identifier: MIT */
/*
 * Prefer (RFC 7240): what of it a request gets.
 *
 * A preference may be ignored, and so each is that the service does not know, or that makes no sense for this request.
 * A client that says handling=strict wants no such thing to pass: it gets a 400 that names the preference, and nothing
 * is done. Preference-Applied names what was applied, no more.
 *
 *   respond-async          writes without a condition, if there is a queue (queued_write.c)
 *   return=minimal         writes: 204 in place of 200, a 201 or 202 without a body
 *   return=representation  writes that show a todo; it is what they do anyway
 *   wait=SECONDS           GET of what can be waited for (changes.c, queue_get.c)
 *
 * No answer to which a preference matters may be stored by a cache, so none needs Vary: Prefer (RFC 7240 2 wants it
 * where a cache's handling could differ).
 *
 * Reads of todos and pages do not look at the field.
 */
#include <stdio.h>

#include "api/handlers.h"
#include "api/problem.h"

/* Anything may stand in a field; JSON takes text only. */
static void answer_refused(struct request *request, struct slice preference)
{
    char detail[160];
    request->applied = PREFER_STRICT;
    snprintf(detail, sizeof(detail), "handling=strict was asked for, and this request can't have the preference: %.*s",
             (int)slice_cut(preference, 64), preference.data);
    for (char *at = detail; *at; at++)
        if (*at < 0x20 || *at > 0x7e)
            *at = '?';
    problem_begin(request, PROBLEM_BAD_REQUEST);
    response_preferences(request);
    problem_finish(request, PROBLEM_BAD_REQUEST, detail);
}

void request_prefer(struct request *request)
{
    request->preferences = prefer_parse(request->prefer);
    if (request->preferences.wait_s > PREFER_WAIT_MAX_S)
        request->preferences.wait_s = PREFER_WAIT_MAX_S;
    request->applied = 0;
}

bool request_applies(struct request *request, unsigned possible)
{
    const struct preferences *preferences = &request->preferences;
    unsigned missing = preferences->asked & ~(possible | PREFER_STRICT | PREFER_LENIENT);
    request->applied = preferences->asked & ~missing;
    if (!(request->applied & PREFER_STRICT) || (!missing && !preferences->other.data))
        return true;
    struct buf text;
    buf_init(&text);
    if (missing)
        prefer_write(&text, missing & -missing, preferences->wait_s);
    answer_refused(request, missing ? buf_slice(&text) : preferences->other);
    buf_fini(&text);
    return false;
}

uint32_t request_wait_ms(const struct request *request)
{
    return request->applied & PREFER_WAIT ? (uint32_t)request->preferences.wait_s * 1000 : 0;
}

void response_preferences(struct request *request)
{
    if (!request->applied)
        return;
    buf_append_text(&request->out, "Preference-Applied: ");
    prefer_write(&request->out, request->applied, request->preferences.wait_s);
    buf_append_text(&request->out, "\r\n");
}
