/* SPDX-License-Identifier: MIT */
/*
 * GET and HEAD /todos: a page of todos, newest first.
 *
 * limit (1-200, default 50), order (desc, asc), done (true, false) and cursor choose the page. The cursor is the last
 * row's place in the order. So page 10,000 costs as much as the first one, and rows that are added or removed meanwhile
 * neither repeat nor hide others. A cursor is valid for the order and filter it was made in. Unknown or repeated keys
 * are refused: a typo must not mean "all".
 *
 * The page comes from the cache as bytes, together with the ETag that was made over them. Clients that accept gzip get
 * it compressed (coding.c). The body ("next") and a Link header (RFC 8288) name the next page. Link names the first
 * page too. Both URLs repeat the query's limit, order and filter. There is no count and no last page: both would cost a
 * walk over all rows.
 *
 * With a slash at its end the path leads here by a 308, query and all, so that no cache in front keeps a page twice.
 */
#include "api/coding.h"
#include "api/freshness.h"
#include "api/handlers.h"
#include "api/limit.h"
#include "api/problem.h"
#include "base/query.h"
#include "cache/page.h"

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 200 };
enum { KEY_LIMIT = 1, KEY_ORDER = 2, KEY_CURSOR = 4, KEY_DONE = 8 };

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

static enum status take_done(struct todo_listing *self, struct slice value, struct error *error)
{
    self->list.query.done = slice_equal(value, SLICE("true")) ? STORE_DONE_YES : STORE_DONE_NO;
    if (self->list.query.done == STORE_DONE_YES || slice_equal(value, SLICE("false")))
        return STATUS_OK;
    return error_set(error, STATUS_INVALID, "done must be true or false.");
}

/* Parses the cursor when all keys are read, because the order may come after it in the query. */
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
        {SLICE("done"), KEY_DONE, take_done},
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
    return error_set(error, STATUS_INVALID, "The query knows limit, order, done and cursor, nothing else.");
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
    return error_set(
        error, STATUS_INVALID,
        "This cursor can't be read, or is not for this order and filter. Take it whole from \"next\" of a page.");
}

static void append_link(struct buf *link, const struct store_query *query)
{
    static const char *const filters[] = {
        [STORE_DONE_ANY] = "", [STORE_DONE_NO] = "&done=false", [STORE_DONE_YES] = "&done=true"};
    buf_append_text(link, "</todos?limit=");
    buf_append_int(link, query->limit);
    buf_append_text(link, query->ascending ? "&order=asc" : "");
    buf_append_text(link, filters[query->done]);
}

/* The cursor's alphabet needs no escaping in a URL. */
static void response_link(struct request *request, const struct store_query *query, struct slice next)
{
    struct buf *link = &request->scratch;
    buf_reset(link);
    append_link(link, query);
    buf_append_text(link, ">; rel=\"first\"");
    if (next.len > 0) {
        buf_append_text(link, ", ");
        append_link(link, query);
        buf_append_text(link, "&cursor=");
        buf_append_slice(link, next);
        buf_append_text(link, ">; rel=\"next\"");
    }
    response_header_slice(request, "Link", buf_slice(link));
}

/*
 * Decides the conditions, and which form the answer has. A tag is good if it names a form that this request may get:
 * the plain one always, the compressed one if it accepts that. A 304 names the form that the client has.
 */
static enum condition_outcome form_choose(const struct request *request, const struct cache_page *page, bool *is_coded,
                                          char etag[ETAG_MAX + 1])
{
    enum condition_outcome outcome = CONDITION_FAILED;
    *is_coded = coding_is_wanted(request, page->body.len, page->etag, etag);
    if (*is_coded) {
        outcome = request_condition(request, slice_of(etag), -1);
        if (outcome == CONDITION_NOT_MODIFIED)
            return outcome;
    }
    enum condition_outcome plain = request_condition(request, page->etag, -1);
    if (!*is_coded || plain == CONDITION_NOT_MODIFIED) {
        memcpy(etag, page->etag.data, page->etag.len);
        etag[page->etag.len] = '\0';
    }
    return outcome == CONDITION_FAILED || plain == CONDITION_NOT_MODIFIED ? plain : outcome;
}

static void answer_changed(struct request *request, const struct cache_trace *trace)
{
    problem_begin(request, PROBLEM_CONDITION_FAILED);
    response_trace(request, trace);
    problem_finish(request, PROBLEM_CONDITION_FAILED, "The page has changed.");
}

static void answer_page(struct todo_listing *self, const struct cache_page_answer *answer)
{
    struct request *request = self->request;
    const struct cache_page *page = answer->page;
    char etag[ETAG_MAX + 1];
    bool is_coded;
    enum condition_outcome outcome = form_choose(request, page, &is_coded, etag);
    if (outcome == CONDITION_FAILED) {
        answer_changed(request, &answer->trace);
        return;
    }
    bool has_body = outcome == CONDITION_HOLDS;
    response_begin(request, has_body ? 200 : 304);
    if (has_body)
        response_header(request, "Content-Type", "application/json");
    if (has_body && is_coded)
        response_header(request, "Content-Encoding", "gzip");
    response_header(request, "ETag", etag);
    freshness_of_list(self->services, request);
    response_link(request, &self->list.query, page->next);
    response_trace(request, &answer->trace);
    response_body(request,
                  has_body && is_coded ? coding_body(&self->services->coding, page->etag, page->body) : page->body);
    request_answer(request);
}

static void on_listed(void *ctx, const struct cache_page_answer *answer)
{
    struct todo_listing *self = ctx;
    if (!limit_admits(self->request))
        return;
    if (answer->status == STATUS_OK)
        answer_page(self, answer);
    else
        problem_answer_uncached(self->services, self->request, answer->status, answer->error);
}

void todo_list(struct services *services, struct request *request, struct slice id)
{
    (void)id;
    struct error error;
    if (!request_accepts_json(request))
        return;
    struct todo_listing *self = arena_alloc(&request->arena, sizeof(*self));
    *self = (struct todo_listing){.services = services, .request = request};
    if (query_take(self, &error) != STATUS_OK) {
        problem_answer_error(request, PROBLEM_BAD_REQUEST, &error);
        return;
    }
    self->list.demand = request_demand(request, NULL);
    self->list.done = on_listed;
    self->list.ctx = self;
    cache_list(services->cache, &self->list);
}

/* The query is the client's own text: only what a URL may have gets into the field (RFC 3986 2). */
static bool query_is_printable(struct slice query)
{
    for (size_t i = 0; i < query.len; i++)
        if (query.data[i] <= ' ' || query.data[i] > '~')
            return false;
    return true;
}

void todo_list_moved(struct services *services, struct request *request, struct slice id)
{
    (void)services, (void)id;
    if (!query_is_printable(request->query)) {
        problem_answer(request, PROBLEM_BAD_REQUEST, "The query has a character that URLs do not have.");
        return;
    }
    struct buf *location = &request->scratch;
    buf_reset(location);
    buf_append_text(location, request->query.len > 0 ? "/todos?" : "/todos");
    buf_append_slice(location, request->query);
    response_begin(request, 308);
    response_header_slice(request, "Location", buf_slice(location));
    response_header(request, "Cache-Control", "max-age=3600");
    response_body(request, SLICE(""));
    request_answer(request);
}
