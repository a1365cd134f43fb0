/* SPDX-License-Identifier: MIT */
/* One queue of calls, written down as text. */
#include "fake_http.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { CALLS_MAX = 64, TEXT_MAX = 8400 };

struct waiting_call {
    char text[TEXT_MAX];
    http_done_cb done;
    void *ctx;
};

static struct waiting_call calls[CALLS_MAX];
static size_t call_count;
static unsigned started;
static int always = -1;

static void note(void *client, const struct http_call *call, http_done_cb done, void *ctx)
{
    (void)client;
    bug_unless(call_count < CALLS_MAX, "too many calls for the fake HTTP client");
    struct waiting_call *waiting = &calls[call_count++];
    size_t len = (size_t)snprintf(waiting->text, TEXT_MAX, "%s %s", call->method, call->url);
    for (size_t i = 0; i < call->header_count; i++)
        len += (size_t)snprintf(waiting->text + len, TEXT_MAX - len, "\n%s", call->headers[i]);
    if (call->body.data)
        snprintf(waiting->text + len, TEXT_MAX - len, "\n\n%.*s", (int)call->body.len, call->body.data);
    waiting->done = done;
    waiting->ctx = ctx;
    started++;
}

const struct http *fake_http(void)
{
    static const struct http http = {.start = note};
    return &http;
}

size_t fake_http_count(void)
{
    return call_count;
}

unsigned fake_http_started(void)
{
    return started;
}

struct slice fake_http_oldest(void)
{
    bug_unless(call_count > 0, "no HTTP call is under way");
    return slice_of(calls[0].text);
}

void fake_http_answer(int http_status)
{
    bug_unless(call_count > 0, "no HTTP call is under way");
    http_done_cb done = calls[0].done;
    void *ctx = calls[0].ctx;
    memmove(calls, calls + 1, --call_count * sizeof(*calls));
    done(ctx, http_status, http_status ? "" : "nobody is there");
}

void fake_http_always(int http_status)
{
    always = http_status;
}

int fake_http_step(void)
{
    if (always < 0 || call_count == 0)
        return 0;
    fake_http_answer(always);
    return 1;
}

void fake_http_reset(void)
{
    call_count = 0;
    started = 0;
    always = -1;
}
