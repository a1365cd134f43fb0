/* SPDX-License-Identifier: MIT */
/*
 * Requests, and how answers are built.
 *
 * An answer is one run of bytes: "Status: 200 OK", the header fields, an empty line, the body. A FastCGI responder
 * sends exactly these bytes, so they are built in a buffer that the connection keeps and sends.
 *
 * Header values are checked here, where all of them are written: a value with a line break would end its header and
 * begin another one. All values are ours or come from validated ids, so a bad one is a bug. It ends the process and
 * never reaches a client.
 *
 * The request's id is the trace's, if the client sent a traceparent; else a new one, which costs less here than in
 * nginx. The answer has it (Request-Id), and so has each log line about the request and nginx' log.
 */
#include "api/request.h"

#include "base/clock.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/slice.h"
#include "base/word.h"

/* The parts of a traceparent: lengths, and where they begin. */
enum { TRACEPARENT_LEN = 55, TRACE_ID_LEN = 32, PARENT_ID_LEN = 16, TRACE_AT = 3, PARENT_AT = 36, FLAGS_AT = 53 };

static enum method method_parse(struct slice text)
{
    static const struct slice names[] = {
        [METHOD_GET] = SLICE("GET"),         [METHOD_HEAD] = SLICE("HEAD"),   [METHOD_POST] = SLICE("POST"),
        [METHOD_PUT] = SLICE("PUT"),         [METHOD_PATCH] = SLICE("PATCH"), [METHOD_DELETE] = SLICE("DELETE"),
        [METHOD_OPTIONS] = SLICE("OPTIONS"),
    };
    for (enum method method = METHOD_GET; method < METHOD_OTHER; method++)
        if (slice_equal(text, names[method]))
            return method;
    return METHOD_OTHER;
}

static bool is_hex(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (hex_value(text.data[i]) < 0)
            return false;
    return text.len > 0;
}

static bool is_zero(struct slice digits)
{
    for (size_t i = 0; i < digits.len; i++)
        if (digits.data[i] != '0')
            return false;
    return true;
}

/*
 * The trace-id of a traceparent (W3C Trace Context 3.2), "version-traceid-parentid-flags"; absent if it has another
 * form. Versions after 00 may have more parts, ff is no version, and an id that is all zeros is invalid.
 */
static struct slice trace_id_of(struct slice traceparent)
{
    const char *text = traceparent.data;
    if (traceparent.len < TRACEPARENT_LEN || text[2] != '-' || text[PARENT_AT - 1] != '-' || text[FLAGS_AT - 1] != '-')
        return (struct slice){0};
    struct slice version = {text, 2}, id = {text + TRACE_AT, TRACE_ID_LEN}, parent = {text + PARENT_AT, PARENT_ID_LEN};
    bool is_first = slice_equal(version, SLICE("00"));
    bool has_end = traceparent.len == TRACEPARENT_LEN || (!is_first && text[TRACEPARENT_LEN] == '-');
    bool is_sound = is_hex(version) && !slice_equal(version, SLICE("ff")) && is_hex(id) && !is_zero(id) &&
                    is_hex(parent) && !is_zero(parent) && is_hex((struct slice){text + FLAGS_AT, 2}) && has_end;
    return is_sound ? id : (struct slice){0};
}

static void request_identify(struct request *request)
{
    struct slice id = trace_id_of(request->traceparent);
    struct token made;
    if (!id.data) {
        made = token_new();
        id = slice_of(made.text);
    }
    memcpy(request->id, id.data, id.len);
    request->id[id.len] = '\0';
}

void request_begin(struct request *request, int64_t now_us)
{
    request->method = method_parse(request->method_text);
    request->started_at_us = now_us;
    request->status = 0;
    request->route = 0;
    request->answered = false;
    request->waiter = NULL;
    request->limit = (struct limit_verdict){0};
    request->is_shared = false;
    request->settings = NULL;
    request->redis_us = request->store_us = -1;
    buf_reset(&request->out);
    request_identify(request);
}

/*
 * RFC 9110 15's words, RFC 6585's for 428 and 429. nginx copies them into the status line. Without any it would omit a
 * space that RFC 9112 4 asks for.
 */
static const char *reason_of(int status)
{
    static const char *const reasons[] = {
        [200] = " OK\r\n",
        [201] = " Created\r\n",
        [202] = " Accepted\r\n",
        [204] = " No Content\r\n",
        [304] = " Not Modified\r\n",
        [308] = " Permanent Redirect\r\n",
        [400] = " Bad Request\r\n",
        [401] = " Unauthorized\r\n",
        [404] = " Not Found\r\n",
        [405] = " Method Not Allowed\r\n",
        [406] = " Not Acceptable\r\n",
        [409] = " Conflict\r\n",
        [410] = " Gone\r\n",
        [412] = " Precondition Failed\r\n",
        [413] = " Content Too Large\r\n",
        [415] = " Unsupported Media Type\r\n",
        [422] = " Unprocessable Content\r\n",
        [428] = " Precondition Required\r\n",
        [429] = " Too Many Requests\r\n",
        [500] = " Internal Server Error\r\n",
        [501] = " Not Implemented\r\n",
        [503] = " Service Unavailable\r\n",
        [504] = " Gateway Timeout\r\n",
    };
    bool has_reason = (size_t)status < sizeof(reasons) / sizeof(*reasons) && reasons[status];
    bug_unless(has_reason, "an answer with a status that has no reason phrase");
    return reasons[status];
}

void response_begin(struct request *request, int status)
{
    bug_unless(request->status == 0, "a second answer to one request");
    char text[INT64_TEXT_MAX + 1];
    request->status = status;
    buf_append_text(&request->out, "Status: ");
    buf_append_slice(&request->out, slice_of_int64(text, status));
    buf_append_text(&request->out, reason_of(status));
    buf_append_text(&request->out, "Request-Id: ");
    buf_append_text(&request->out, request->id);
    buf_append(&request->out, "\r\n", 2);
}

/* Whether one of eight bytes is no printable ASCII: its high bit is set, it is below a space, or it is DEL. */
static uint64_t unprintable(uint64_t word)
{
    return (word | (word - EACH_BYTE(' ')) | ((word ^ EACH_BYTE(0x7f)) - EACH_BYTE(1))) & EACH_BYTE(0x80);
}

/* Without a branch per byte, because every header of every answer is checked here. */
static bool is_printable(struct slice value)
{
    enum { STEP = sizeof(uint64_t) };
    char padded[STEP + 1] = "        ";
    uint64_t bad = 0;
    if (value.len < STEP) {
        memcpy(padded, value.data ? value.data : "", value.len);
        return !unprintable(word_of(padded));
    }
    for (size_t i = 0; i < value.len - STEP; i += STEP)
        bad |= unprintable(word_of(value.data + i));
    return !(bad | unprintable(word_of(value.data + value.len - STEP)));
}

void response_header_put(struct request *request, struct slice name, struct slice value)
{
    bug_unless(is_printable(value), "a header value that would break the header");
    size_t len = name.len + 2 + value.len + 2;
    char *at = buf_reserve(&request->out, len);
    memcpy(at, name.data, name.len);
    memcpy(at + name.len, ": ", 2);
    if (value.len > 0)
        memcpy(at + name.len + 2, value.data, value.len);
    memcpy(at + len - 2, "\r\n", 2);
    buf_advance(&request->out, len);
}

/* draft-ietf-httpapi-ratelimit-headers */
static void response_limit(struct request *request)
{
    const struct settings *settings = request->settings;
    if (!request->limit.known || request->is_shared)
        return;
    int64_t burst = settings->rate_limit_burst, per_minute = settings->rate_limit_per_minute;
    buf_printf(&request->out, "RateLimit-Policy: \"client\";q=%lld;w=%lld\r\n", (long long)burst,
               (long long)((burst * 60 + per_minute - 1) / per_minute));
    buf_printf(&request->out, "RateLimit: \"client\";r=%lld;t=%lld\r\n", (long long)request->limit.remaining,
               (long long)((request->limit.reset_ms + 999) / 1000));
}

/* Server-Timing: the milliseconds since the request arrived, and those spent on Redis and in the store. */
static void response_timing(struct request *request)
{
    if (!request->settings || !request->settings->server_timing)
        return;
    double total_ms = (double)(clock_monotonic_us() - request->started_at_us) / 1000;
    struct buf *out = &request->out;
    buf_printf(out, "Server-Timing: route;dur=%.3f", total_ms);
    if (request->redis_us >= 0)
        buf_printf(out, ", redis;dur=%.3f", (double)request->redis_us / 1000);
    if (request->store_us >= 0)
        buf_printf(out, ", store;dur=%.3f", (double)request->store_us / 1000);
    buf_append(out, "\r\n", 2);
}

/* RFC 9110: 8.6 no Content-Length in a 204; 15.4.5 a 304 has no content. */
void response_body(struct request *request, struct slice body)
{
    char text[INT64_TEXT_MAX + 1];
    bool has_content = request->status != 204 && request->status != 304;
    response_limit(request);
    response_timing(request);
    if (has_content)
        response_header_slice(request, "Content-Length", slice_of_int64(text, (int64_t)body.len));
    buf_append(&request->out, "\r\n", 2);
    if (has_content && request->method != METHOD_HEAD)
        buf_append_slice(&request->out, body);
}

void response_endless(struct request *request)
{
    response_limit(request);
    buf_append(&request->out, "\r\n", 2);
}

bool request_hold(struct request *request, request_answer_fn gone, void *held)
{
    request->gone = gone;
    request->held = held;
    return request->hold(request);
}

void request_send(struct request *request)
{
    request->send(request);
}

static void request_log(const struct request *request, int64_t took_us)
{
    if (!log_enabled(LOG_DEBUG))
        return;
    log_debug(request->id, "request", "method=\"%.*s\" path=\"%.*s\" status=%d us=%lld",
              (int)slice_cut(request->method_text, 32), request->method_text.data, (int)slice_cut(request->path, 256),
              request->path.data, request->status, (long long)took_us);
}

void request_answer(struct request *request)
{
    bug_unless(!request->answered, "a request was answered twice");
    bug_unless(request->status != 0, "a request was answered without a status");
    request->answered = true;
    if (request->waiter)
        *request->waiter = NULL;
    int64_t took_us = clock_monotonic_us() - request->started_at_us;
    stats_request(request->stats, request->route, request->status, took_us);
    request_log(request, took_us);
    request->answer(request);
}
