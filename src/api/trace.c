/* SPDX-License-Identifier: MIT */
/*
 * Where an answer came from, in the words of RFC 9211:
 *
 *   Cache-Status: todo-fcgi; hit; ttl=254              from Redis, with 254 s of its life left
 *   Cache-Status: todo-fcgi; fwd=miss; stored; ttl=300 from the store, and in Redis from now on
 *   Cache-Status: todo-fcgi; fwd=miss; collapsed       from another request's trip to the store
 *   Cache-Status: todo-fcgi; fwd=request               from the store, because the client wanted nothing older or staler
 *   Cache-Status: todo-fcgi; fwd=bypass                from the store: a write was under way, or Redis is away
 *   Cache-Status: todo-fcgi; fwd=method                a write
 *
 * ttl and Age are whole seconds, cut: ttl is never longer than what is left, and Age counts from the moment before the
 * store was asked.
 *
 * Server-Timing, if the settings want it, gives the milliseconds that passed since the request was there, and those that the
 * store took of them; redis is the trip to Redis that answered, or found nothing.
 */
#include "api/handlers.h"
#include "api/limit.h"
#include "base/clock.h"

static int64_t whole_seconds(int64_t ms)
{
    return ms > 0 ? ms / 1000 : 0;
}

/* What every answer of a handler ends its headers with. */
static void response_standing(const struct services *services, struct request *request, const struct cache_trace *trace)
{
    response_limit(services, request);
    if (!services->settings->server_timing)
        return;
    double total_ms = (double)(clock_monotonic_us() - request->started_at_us) / 1000;
    struct buf *out = &request->out;
    buf_printf(out, "Server-Timing: route;dur=%.3f", total_ms);
    if (trace && trace->redis_us >= 0)
        buf_printf(out, ", redis;dur=%.3f", (double)trace->redis_us / 1000);
    if (trace && trace->store_us >= 0)
        buf_printf(out, ", store;dur=%.3f", (double)trace->store_us / 1000);
    buf_append(out, "\r\n", 2);
}

void response_trace(const struct services *services, struct request *request, const struct cache_trace *trace)
{
    static const char *const sources[] = {[CACHE_HIT] = "todo-fcgi; hit",
                                          [CACHE_MISS] = "todo-fcgi; fwd=miss",
                                          [CACHE_REQUEST] = "todo-fcgi; fwd=request",
                                          [CACHE_BYPASS] = "todo-fcgi; fwd=bypass"};
    char text[INT64_TEXT_MAX + 1];
    struct buf *out = &request->out;
    buf_append_text(out, "Cache-Status: ");
    buf_append_text(out, sources[trace->source]);
    if (trace->stored)
        buf_append_text(out, "; stored");
    if (trace->collapsed)
        buf_append_text(out, "; collapsed");
    if (trace->stale)
        buf_append_text(out, "; detail=stale-if-error");
    if (trace->source == CACHE_HIT || trace->stored) {
        buf_append_text(out, "; ttl=");
        buf_append_slice(out, slice_of_int64(text, trace->ttl_ms / 1000));
    }
    buf_append(out, "\r\n", 2);
    if (trace->source == CACHE_HIT)
        response_header_slice(request, "Age", slice_of_int64(text, whole_seconds(trace->age_ms)));
    response_standing(services, request, trace);
}

void response_trace_write(const struct services *services, struct request *request)
{
    response_header(request, "Cache-Status", "todo-fcgi; fwd=method");
    response_standing(services, request, NULL);
}
