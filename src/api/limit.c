/* SPDX-License-Identifier: MIT */
/*
 * The limit per client.
 *
 * It is off unless rate_limit_per_minute is set; then a request costs one more script on Redis. For a plain read that
 * script goes out together with the read's own command. Redis answers it first, so the read waits no longer. The cache
 * looks at the verdict before it takes the read any further (request_demand()): a refused read costs Redis two commands
 * and the store nothing. All other requests, writes above all, wait for the verdict first.
 *
 * Without Redis no request is refused: the limit protects the service and must not take it down with the cache. nginx'
 * own limit_req stands in front and needs no Redis. In a cluster the verdict comes from another connection than the
 * read's answer, so there reads wait for it as well: for redis_timeout_ms at most if its server hangs.
 */
#include "api/limit.h"

#include <stdlib.h>

#include "api/problem.h"
#include "base/mem.h"
#include "clients/limit.h"

struct limit_waiting {
    struct services *services;
    struct request *request; /* NULL: it was answered meanwhile (request_answer() clears this) */
    handler_fn handler;      /* NULL: it has been called */
    struct slice id;
};

static void answer_limited(struct request *request)
{
    char seconds[INT64_TEXT_MAX + 1];
    int64_t retry_after_s = (request->limit.retry_in_ms + 999) / 1000;
    problem_begin(request, PROBLEM_TOO_MANY_REQUESTS);
    response_header_slice(request, "Retry-After", slice_of_int64(seconds, retry_after_s > 0 ? retry_after_s : 1));
    problem_finish(request, PROBLEM_TOO_MANY_REQUESTS, "This client has used up its share; see Retry-After.");
}

bool limit_admits(struct request *request)
{
    if (!request->limit.refused)
        return true;
    answer_limited(request);
    return false;
}

static void on_verdict(void *ctx, const struct limit_verdict *verdict)
{
    struct limit_waiting *waiting = ctx;
    struct request *request = waiting->request;
    if (request) {
        request->waiter = NULL;
        request->limit = *verdict;
        if (waiting->handler && limit_admits(request))
            waiting->handler(waiting->services, request, waiting->id);
    }
    free(waiting);
}

/* A read without demands of its own asks Redis right behind the limit's script, on the same connection. */
static bool asks_redis_next(const struct limiter *limiter, const struct request *request)
{
    static const struct slice todos = SLICE("/todos");
    bool is_read = request->method == METHOD_GET || request->method == METHOD_HEAD;
    bool is_of_todos = request->path.len >= todos.len && memcmp(request->path.data, todos.data, todos.len) == 0;
    return !limiter->cluster && is_read && is_of_todos && !request->cache_control.data && !request->todo_version.data;
}

void limit_pass(struct services *services, struct request *request, handler_fn handler, struct slice id)
{
    bool is_limited = services->settings->rate_limit_per_minute > 0 && request->remote_address.len > 0;
    request->limit = (struct limit_verdict){0};
    if (!is_limited || (!services->limiter.cluster && !cache_is_trusted(services->cache))) {
        if (is_limited)
            stats_add(services->stats, STAT_LIMIT_UNKNOWN, 1);
        handler(services, request, id);
        return;
    }
    struct limit_waiting *waiting = mem_alloc(sizeof(*waiting));
    request->waiter = &waiting->request;
    *waiting = (struct limit_waiting){.services = services, .request = request, .handler = handler, .id = id};
    limit_ask(&services->limiter, request->remote_address, on_verdict, waiting);
    if (asks_redis_next(&services->limiter, request)) {
        waiting->handler = NULL; /* before the call: the request may be answered in it */
        handler(services, request, id);
    }
}
