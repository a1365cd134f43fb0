/* SPDX-License-Identifier: MIT */
/*
 * Requests and the building of answers.
 *
 * An answer is one run of bytes: "Status: 200 OK", the header fields, an empty line, the body. FastCGI responders send it
 * like that, so it is built where it will be sent from, in a buffer that the connection keeps.
 *
 * Header values are checked here, in the one place that writes them: a value with a line break would end the header and begin
 * another one. All values are ours or come from validated ids, so a bad one is a bug and ends the process rather than reach a
 * client.
 *
 * The request's id comes from nginx ($request_id); if it isn't 1-32 hex digits, one is made, so that a log line always has one.
 */
#include "api/request.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/slice.h"

static enum method method_parse(struct slice text)
{
    if (slice_equal(text, SLICE("GET")))
        return METHOD_GET;
    if (slice_equal(text, SLICE("HEAD")))
        return METHOD_HEAD;
    if (slice_equal(text, SLICE("POST")))
        return METHOD_POST;
    return METHOD_OTHER;
}

static bool is_hex(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!memchr("0123456789abcdef", text.data[i], 16))
            return false;
    return text.len > 0;
}

void request_begin(struct request *request, int64_t now_us)
{
    request->method = method_parse(request->method_text);
    request->started_at_us = now_us;
    request->status = 0;
    request->route = 0;
    request->answered = false;
    buf_reset(&request->out);
    struct slice id = request->request_id;
    if (id.len < sizeof(request->id) && is_hex(id)) {
        memcpy(request->id, id.data, id.len);
        request->id[id.len] = '\0';
    } else {
        struct token token = token_new();
        memcpy(request->id, token.text, sizeof(request->id));
    }
}

/* nginx puts it into the status line as it is, and without any would leave out a space that RFC 9112 4 asks for. */
static const char *reason_of(int status)
{
    switch (status) {
    case 200:
        return " OK\r\n";
    case 201:
        return " Created\r\n";
    case 304:
        return " Not Modified\r\n";
    default:
        return status < 500 ? " Client Error\r\n" : " Server Error\r\n";
    }
}

void response_begin(struct request *request, int status)
{
    bug_unless(request->status == 0, "a second answer to one request");
    char text[INT64_TEXT_MAX + 1];
    request->status = status;
    buf_append_text(&request->out, "Status: ");
    buf_append_slice(&request->out, slice_of_int64(text, status));
    buf_append_text(&request->out, reason_of(status));
}

static bool is_printable(struct slice value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.data[i] < 0x20 || value.data[i] > 0x7e)
            return false;
    return true;
}

void response_header_slice(struct request *request, const char *name, struct slice value)
{
    bug_unless(is_printable(value), "a header value that would break the header");
    buf_append_text(&request->out, name);
    buf_append(&request->out, ": ", 2);
    buf_append_slice(&request->out, value);
    buf_append(&request->out, "\r\n", 2);
}

void response_header(struct request *request, const char *name, const char *value)
{
    response_header_slice(request, name, slice_of(value));
}

/* RFC 9110: 8.6 no Content-Length in a 204; 15.4.5 a 304 has no content. */
void response_body(struct request *request, struct slice body)
{
    char text[INT64_TEXT_MAX + 1];
    bool has_content = request->status != 204 && request->status != 304;
    if (has_content)
        response_header_slice(request, "Content-Length", slice_of_int64(text, (int64_t)body.len));
    buf_append(&request->out, "\r\n", 2);
    if (has_content && request->method != METHOD_HEAD)
        buf_append_slice(&request->out, body);
}

void request_answer(struct request *request)
{
    bug_unless(!request->answered, "a request was answered twice");
    bug_unless(request->status != 0, "a request was answered without a status");
    request->answered = true;
    stats_request(request->stats, request->route, request->status, clock_monotonic_us() - request->started_at_us);
    request->answer(request);
}
