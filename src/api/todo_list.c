/* SPDX-License-Identifier: MIT */
/*
 * GET and HEAD /todos: a page of todos, newest first.
 *
 * limit (1-200, default 50), order (desc, asc) and cursor choose the page. The cursor is the last row's place in the order, so
 * page 10,000 costs what the first one does, and rows that come or go meanwhile neither repeat nor hide others. A cursor
 * holds for the order it was made in. Unknown or repeated keys are refused: a typing mistake must not read as "all".
 *
 * The page comes from the cache as bytes, with the ETag that was made over them. The next page is in the body ("next") and in
 * a Link header (RFC 8288), which repeats the query's limit and order.
 */
#include "api/handlers.h"
#include "api/problem.h"
#include "base/condition.h"
#include "base/query.h"
#include "cache/page.h"

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 200 };
enum { KEY_LIMIT = 1, KEY_ORDER = 2, KEY_CURSOR = 4 };

struct todo_listing {
    struct services *services;
    struct request *request;
    struct cache_list list;
    struct slice cursor;
    unsigned seen; /* keys */
};

static enum status take_limit(struct todo_listing *self, struct slice value, struct error *error)
{
    int64_t limit;
    if (!slice_to_int64(value, &limit) || limit < 1 || limit > LIMIT_MAX)
        return error_set(error, STATUS_INVALID, "limit must be a whole number from 1 to %d.", LIMIT_MAX);
    self->list.query.limit = (uint32_t)limit;
    return STATUS_OK;
}

static enum status take_order(struct todo_listing *self, struct slice value, struct error *error)
{
    self->list.query.ascending = slice_equal(value, SLICE("asc"));
    if (self->list.query.ascending || slice_equal(value, SLICE("desc")))
        return STATUS_OK;
    return error_set(error, STATUS_INVALID, "order must be asc or desc.");
}

/* Looked into when the order is known: it may come later in the query. */
static enum status take_cursor(struct todo_listing *self, struct slice value, struct error *error)
{
    (void)error;
    self->cursor = value;
    return STATUS_OK;
}

static enum status on_pair(void *ctx, struct slice name, struct slice value, struct error *error)
{
    static const struct {
        struct slice name;
        unsigned bit;
        enum status (*take)(struct todo_listing *self, struct slice value, struct error *error);
    } keys[] = {
        {SLICE("limit"), KEY_LIMIT, take_limit},
        {SLICE("order"), KEY_ORDER, take_order},
        {SLICE("cursor"), KEY_CURSOR, take_cursor},
    };
    struct todo_listing *self = ctx;
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        if (!slice_equal(name, keys[i].name))
            continue;
        if (self->seen & keys[i].bit)
            return error_set(error, STATUS_INVALID, "%s is given twice.", keys[i].name.data);
        self->seen |= keys[i].bit;
        return keys[i].take(self, value, error);
    }
    return error_set(error, STATUS_INVALID, "The query knows limit, order and cursor, nothing else.");
}

static enum status query_take(struct todo_listing *self, struct error *error)
{
    struct request *request = self->request;
    struct store_query *query = &self->list.query;
    *query = (struct store_query){.limit = LIMIT_DEFAULT};
    enum status status = query_read(request->query, &request->arena, on_pair, self, error);
    if (status != STATUS_OK || !(self->seen & KEY_CURSOR))
        return status;
    query->has_after = cursor_parse(self->cursor, query_cursor_tag(query), &query->after);
    if (query->has_after)
        return STATUS_OK;
    return error_set(error, STATUS_INVALID,
                     "This cursor can't be read, or is not for this order. Take it whole from \"next\" of a page.");
}

static void response_link(struct request *request, const struct store_query *query, struct slice next)
{
    if (next.len == 0)
        return;
    buf_reset(&request->scratch);
    buf_printf(&request->scratch, "</todos?limit=%u%s&cursor=%.*s>; rel=\"next\"", query->limit,
               query->ascending ? "&order=asc" : "", (int)next.len, next.data);
    response_header_slice(request, "Link", buf_slice(&request->scratch));
}

static void on_listed(void *ctx, const struct cache_page_answer *answer)
{
    struct todo_listing *self = ctx;
    struct request *request = self->request;
    if (answer->status != STATUS_OK) {
        problem_answer_unavailable(request, answer->status, answer->error, services_retry_after_s(self->services));
        return;
    }
    const struct cache_page *page = answer->page;
    bool is_known = condition_none_match_hits(request->if_none_match, page->etag);
    response_begin(request, is_known ? 304 : 200);
    if (!is_known)
        response_header(request, "Content-Type", "application/json");
    response_header_slice(request, "ETag", page->etag);
    response_header(request, "Cache-Control", "no-cache");
    response_link(request, &self->list.query, page->next);
    response_trace(request, &answer->trace);
    response_body(request, page->body);
    request_answer(request);
}

void todo_list(struct services *services, struct request *request, struct slice id)
{
    (void)id;
    struct error error;
    struct todo_listing *self = arena_alloc(&request->arena, sizeof(*self));
    *self = (struct todo_listing){.services = services, .request = request};
    if (query_take(self, &error) != STATUS_OK) {
        problem_answer_error(request, PROBLEM_BAD_REQUEST, &error);
        return;
    }
    self->list.done = on_listed;
    self->list.ctx = self;
    cache_list(services->cache, &self->list);
}
