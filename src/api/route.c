/* SPDX-License-Identifier: MIT */
/*
 * From path and method to a handler.
 *
 * nginx has decoded and merged the path, and the grammar is small. A row's pattern is either the whole path or, with
 * "{id}" at its end, a prefix followed by a valid id; a ticket looks like one. A path that fits no pattern is answered
 * 404. A path that fits, with a method that no row of it has, is answered 405 with Allow, or as OPTIONS. The order of
 * the rows doesn't matter.
 *
 * The checks for all routes are here, in this order: the client's limit (429), the token for writes (401), the body's
 * size (413). So who guesses tokens is limited too. The routes for operators have no limit: a supervisor that gets a
 * 429 would take the worker for broken.
 *
 * A body that was too large or incomplete is answered here, for every route, so handlers see whole bodies only. An
 * unknown path or method is answered before that, because "too large" would suggest that a smaller body helps.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/api.h"
#include "api/handlers.h"
#include "api/limit.h"
#include "api/problem.h"
#include "base/media.h"
#include "base/todo.h"

enum {
    GET = 1u << METHOD_GET | 1u << METHOD_HEAD,
    POST = 1u << METHOD_POST,
    PUT = 1u << METHOD_PUT,
    PATCH = 1u << METHOD_PATCH,
    DELETE = 1u << METHOD_DELETE,
    OPTIONS = 1u << METHOD_OPTIONS,
    WRITES = POST | PUT | PATCH | DELETE,
};

/* The names under which requests are counted; several rows may share one. */
#define ROUTES(X)                                                                                                      \
    X(TODO_GET, "todo_get")                                                                                            \
    X(TODO_LIST, "todo_list")                                                                                          \
    X(TODO_INSERT, "todo_insert")                                                                                      \
    X(TODO_REPLACE, "todo_replace")                                                                                    \
    X(TODO_MERGE, "todo_merge")                                                                                        \
    X(TODO_DELETE, "todo_delete")                                                                                      \
    X(STATS, "stats")                                                                                                  \
    X(CHANGES, "changes")                                                                                              \
    X(QUEUE, "queue")                                                                                                  \
    X(HEALTHZ, "healthz")                                                                                              \
    X(READYZ, "readyz")                                                                                                \
    X(METRICS, "metrics")                                                                                              \
    X(CACHE_HEALTH, "healthz_cache")                                                                                   \
    X(WHY, "why")                                                                                                      \
    X(OPTIONS, "options")                                                                                              \
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

/* clang-format off */
static const struct route_row rows[] = {
    {ROUTE_TODO_GET,     GET,    "/todos/{id}", todo_get}, /* most frequent first */
    {ROUTE_TODO_LIST,    GET,    "/todos",      todo_list},
    {ROUTE_TODO_LIST,    GET,    "/todos/",     todo_list_moved},
    {ROUTE_TODO_INSERT,  POST,   "/todos",      todo_insert},
    {ROUTE_TODO_INSERT,  POST,   "/todos/",     todo_insert},
    {ROUTE_TODO_REPLACE, PUT,    "/todos/{id}", todo_replace},
    {ROUTE_TODO_MERGE,   PATCH,  "/todos/{id}", todo_merge},
    {ROUTE_TODO_DELETE,  DELETE, "/todos/{id}", todo_delete},
    {ROUTE_STATS,        GET,    "/stats",      summary_get},
    {ROUTE_CHANGES,      GET,    "/changes",    changes_get},
    {ROUTE_QUEUE,        GET,    "/queue/{ticket}", queue_get},
    {ROUTE_HEALTHZ,      GET,    "/healthz",    health_get},
    {ROUTE_READYZ,       GET,    "/readyz",     ready_get},
    {ROUTE_METRICS,      GET,    "/metrics",    metrics_get},
    {ROUTE_CACHE_HEALTH, GET,    "/healthz/cache", cache_health_get},
    {ROUTE_WHY,          GET,    "/why/{id}",   why_get},
};
/* clang-format on */

enum { ROW_COUNT = sizeof(rows) / sizeof(*rows) };

/* Whether path fits pattern; id is the part in the place of the braces. */
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

/*
 * Allow (RFC 9110 10.2.1), and the media types that the methods take: Accept-Patch (RFC 5789), Accept-Post (W3C LDP
 * 7.1).
 */
static void response_allow(struct request *request, unsigned methods)
{
    static const struct {
        unsigned method;
        const char *name;
    } names[] = {{GET, "GET, HEAD"}, {POST, "POST"}, {PUT, "PUT"}, {PATCH, "PATCH"}, {DELETE, "DELETE"}};
    struct buf *allow = &request->scratch;
    buf_reset(allow);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (methods & names[i].method)
            buf_printf(allow, "%s, ", names[i].name);
    buf_append_text(allow, "OPTIONS");
    response_header_slice(request, "Allow", buf_slice(allow));
    if (methods & PATCH)
        response_header(request, "Accept-Patch", "application/merge-patch+json");
    if (methods & POST)
        response_header(request, "Accept-Post", "application/json");
}

static void answer_no_row(struct request *request, unsigned methods)
{
    if (!methods) {
        problem_answer(request, PROBLEM_NOT_FOUND,
                       "No resource has this path. Todos are at /todos and /todos/{id}, with ids of 1 to 64 of "
                       "A-Z a-z 0-9 . _ ~ -");
    } else if (request->method == METHOD_OPTIONS) {
        request->route = ROUTE_OPTIONS;
        response_begin(request, 204);
        response_allow(request, methods);
        response_header(request, "Cache-Control", "no-store");
        response_body(request, SLICE(""));
        request_answer(request);
    } else {
        problem_begin(request, PROBLEM_METHOD_NOT_ALLOWED);
        response_allow(request, methods);
        problem_finish(request, PROBLEM_METHOD_NOT_ALLOWED, "See Allow for the methods that this resource has.");
    }
}

/* Takes the same time wherever the texts differ, so that a client can't guess a token by measuring. */
static bool same_secret(struct slice a, struct slice b)
{
    unsigned char difference = a.len != b.len;
    for (size_t i = 0; i < b.len; i++)
        difference |= (unsigned char)((i < a.len ? a.data[i] : 0) ^ b.data[i]);
    return difference == 0;
}

/* Bearer tokens: RFC 6750. */
static bool may_write(const struct services *services, struct request *request)
{
    struct slice shown = request->authorization, scheme = SLICE("Bearer ");
    if (!services->write_token.data)
        return true;
    bool is_bearer = shown.len > scheme.len && strncasecmp(shown.data, scheme.data, scheme.len) == 0;
    if (is_bearer)
        shown = (struct slice){shown.data + scheme.len, shown.len - scheme.len};
    if (is_bearer && same_secret(shown, services->write_token))
        return true;
    problem_begin(request, PROBLEM_UNAUTHORIZED);
    response_header(request, "WWW-Authenticate",
                    is_bearer ? "Bearer realm=\"todos\", error=\"invalid_token\"" : "Bearer realm=\"todos\"");
    problem_finish(request, PROBLEM_UNAUTHORIZED, "Send the token as Authorization: Bearer TOKEN.");
    return false;
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

/* The client is within its limit, as far as known. */
static void row_run(struct services *services, struct request *request, struct slice id)
{
    const struct route_row *row = request->row;
    if (row->methods & WRITES)
        request_prefer(request);
    bool may_go_on = !(row->methods & WRITES) || may_write(services, request);
    if (may_go_on && body_is_whole(services, request))
        row->handler(services, request, id);
}

void api_handle(struct services *services, struct request *request)
{
    unsigned methods = 0;
    request->route = ROUTE_NONE;
    request->stats = services->stats;
    request->settings = services->settings;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const struct route_row *row = &rows[i];
        struct slice id;
        if (!path_matches(row->pattern, request->path, &id))
            continue;
        methods |= row->methods;
        if (!(row->methods & 1u << request->method))
            continue;
        request->route = row->route;
        request->row = row;
        if (row->route >= ROUTE_HEALTHZ && row->route <= ROUTE_WHY)
            row_run(services, request, id);
        else
            limit_pass(services, request, row_run, id);
        return;
    }
    answer_no_row(request, methods);
}

bool request_has_no_query(struct request *request)
{
    if (request->query.len == 0)
        return true;
    problem_answer(request, PROBLEM_BAD_REQUEST, "This resource takes no query.");
    return false;
}

bool request_accepts_json(struct request *request)
{
    if (!request->accept.data || media_accepted(request->accept, SLICE("application/json")))
        return true;
    problem_answer(request, PROBLEM_NOT_ACCEPTABLE, "Todos are application/json, and nothing else.");
    return false;
}

enum condition_outcome request_condition(const struct request *request, struct slice etag, int64_t modified_at_ms)
{
    const struct condition_fields fields = {.if_match = request->if_match,
                                            .if_none_match = request->if_none_match,
                                            .if_modified_since = request->if_modified_since,
                                            .if_unmodified_since = request->if_unmodified_since};
    return condition_of_read(&fields, etag, modified_at_ms);
}

const char *const *api_route_names(size_t *count)
{
#define ROUTE_NAME(upper, name) name,
    static const char *const names[ROUTE_COUNT] = {ROUTES(ROUTE_NAME)};
#undef ROUTE_NAME
    *count = ROUTE_COUNT;
    return names;
}
