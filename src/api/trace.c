/* SPDX-License-Identifier: MIT */
/*
 * Where an answer came from, in the words of RFC 9211:
 *
 *   Cache-Status: todo-fcgi; hit; ttl=254              from Redis, with 254 s of its life left
 *   Cache-Status: todo-fcgi; fwd=miss; stored; ttl=300 from the store, and in Redis from now on
 *   Cache-Status: todo-fcgi; fwd=miss; collapsed       from another request's trip to the store
 *   Cache-Status: todo-fcgi; fwd=request               from the store, because the client wanted a fresher answer
 *   Cache-Status: todo-fcgi; fwd=bypass                from the store: a write was under way, or Redis is away
 *   Cache-Status: todo-fcgi; fwd=method                a write
 *
 * detail=stale-if-error: past its end, because the store is away. detail=store-unseen: the worker's last good look at
 * the store is more than 2 s ago, so writes of other workers may be missing.
 *
 * detail=l1: from this machine's own memory; Redis was not asked.
 *
 * ttl and Age are whole seconds, rounded down: ttl is never longer than the entry will live. Age counts from the moment
 * before the store was asked.
 */
#include "api/handlers.h"

static int64_t whole_seconds(int64_t ms)
{
    return ms > 0 ? ms / 1000 : 0;
}

void response_trace(struct request *request, const struct cache_trace *trace)
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
    else if (trace->unseen)
        buf_append_text(out, "; detail=store-unseen");
    else if (trace->l1)
        buf_append_text(out, "; detail=l1");
    if (trace->source == CACHE_HIT || trace->stored) {
        buf_append_text(out, "; ttl=");
        buf_append_slice(out, slice_of_int64(text, trace->ttl_ms / 1000));
    }
    buf_append(out, "\r\n", 2);
    if (trace->source == CACHE_HIT)
        response_header_slice(request, "Age", slice_of_int64(text, whole_seconds(trace->age_ms)));
    request->redis_us = trace->redis_us;
    request->store_us = trace->store_us;
}

void response_trace_write(struct request *request)
{
    response_header(request, "Cache-Status", "todo-fcgi; fwd=method");
}
