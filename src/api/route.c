/* SPDX-License-Identifier: MIT */
/*
 * From path and method to a handler.
 *
 * The path is nginx' decoded and merged one, and the grammar is small: a row's pattern is either the whole path or, with
 * "{id}" at its end, a prefix followed by a valid id. A path that fits no pattern is 404; one that does, with a method that no
 * row of it has, is 405 with Allow. The order of the rows doesn't matter.
 *
 * A body that was too large or broke off is answered here, for every route: handlers see whole bodies only. The answer for a
 * resource that isn't there comes first, though, because "too large" would suggest that a smaller one helps.
 */
#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "api/handlers.h"
#include "api/problem.h"
#include "base/todo.h"

enum { GET = 1u << METHOD_GET | 1u << METHOD_HEAD, POST = 1u << METHOD_POST };

/* What requests are counted under; several rows may share one. */
#define ROUTES(X)                                                                                                      \
    X(TODO_GET, "todo_get")                                                                                            \
    X(TODO_LIST, "todo_list")                                                                                          \
    X(TODO_INSERT, "todo_insert")                                                                                      \
    X(HEALTHZ, "healthz")                                                                                              \
    X(READYZ, "readyz")                                                                                                \
    X(METRICS, "metrics")                                                                                              \
    X(NONE, "none") /* no such path or method */

#define ROUTE_ENUM(upper, name) ROUTE_##upper,
enum route { ROUTES(ROUTE_ENUM) ROUTE_COUNT };
#undef ROUTE_ENUM

struct route_row {
    enum route route;
    unsigned methods;
    const char *pattern;
    handler_fn handler;
};

static const struct route_row rows[] = {
    {ROUTE_TODO_GET, GET, "/todos/{id}", todo_get}, /* most frequent first */
    {ROUTE_TODO_LIST, GET, "/todos", todo_list},       {ROUTE_TODO_INSERT, POST, "/todos", todo_insert},
    {ROUTE_TODO_INSERT, POST, "/todos/", todo_insert}, {ROUTE_HEALTHZ, GET, "/healthz", health_get},
    {ROUTE_READYZ, GET, "/readyz", ready_get},         {ROUTE_METRICS, GET, "/metrics", metrics_get},
};

enum { ROW_COUNT = sizeof(rows) / sizeof(*rows) };

/* Whether path fits pattern; id is what stands for {id}. */
static bool path_matches(const char *pattern, struct slice path, struct slice *id)
{
    const char *brace = strchr(pattern, '{');
    *id = (struct slice){0};
    if (!brace)
        return slice_equal(path, slice_of(pattern));
    size_t prefix_len = (size_t)(brace - pattern);
    if (path.len <= prefix_len || memcmp(path.data, pattern, prefix_len) != 0)
        return false;
    *id = (struct slice){path.data + prefix_len, path.len - prefix_len};
    return todo_id_valid(*id);
}

static void answer_wrong_method(struct request *request, unsigned methods)
{
    char allow[32] = "";
    strcat(allow, methods & GET ? "GET, HEAD" : "");
    strcat(allow, methods & GET && methods & POST ? ", " : "");
    strcat(allow, methods & POST ? "POST" : "");
    problem_answer_method(request, allow);
}

static bool body_is_whole(const struct services *services, struct request *request)
{
    if (request->body_state == BODY_WHOLE)
        return true;
    char detail[96];
    snprintf(detail, sizeof(detail), "A request body may have %lld bytes at most.",
             (long long)services->settings->body_max_bytes);
    if (request->body_state == BODY_TOO_LARGE)
        problem_answer(request, PROBLEM_TOO_LARGE, detail);
    else
        problem_answer(request, PROBLEM_BAD_REQUEST, "The request body ended before its announced length.");
    return false;
}

void api_handle(struct services *services, struct request *request)
{
    unsigned methods = 0;
    request->route = ROUTE_NONE;
    request->stats = services->stats;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const struct route_row *row = &rows[i];
        struct slice id;
        if (!path_matches(row->pattern, request->path, &id))
            continue;
        methods |= row->methods;
        if (!(row->methods & 1u << request->method))
            continue;
        request->route = row->route;
        if (body_is_whole(services, request))
            row->handler(services, request, id);
        return;
    }
    if (methods)
        answer_wrong_method(request, methods);
    else
        problem_answer(request, PROBLEM_NOT_FOUND,
                       "No resource has this path. Todos are at /todos and /todos/{id}, with ids of 1 to 64 of "
                       "A-Z a-z 0-9 . _ ~ -");
}

bool request_has_no_query(struct request *request)
{
    if (request->query.len == 0)
        return true;
    problem_answer(request, PROBLEM_BAD_REQUEST, "This resource takes no query.");
    return false;
}

uint32_t services_retry_after_s(const struct services *services)
{
    uint32_t retry_after_ms = 0;
    if (pool_is_open(services->pool, &retry_after_ms) || retry_after_ms < 1000)
        return 1;
    return (retry_after_ms + 999) / 1000;
}

const char *const *api_route_names(size_t *count)
{
#define ROUTE_NAME(upper, name) name,
    static const char *const names[ROUTE_COUNT] = {ROUTES(ROUTE_NAME)};
#undef ROUTE_NAME
    *count = ROUTE_COUNT;
    return names;
}
