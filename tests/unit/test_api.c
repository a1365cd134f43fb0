/* SPDX-License-Identifier: MIT */
/*
 * api_handle() with the real cache over fakes: from path, method, query and body to status, header fields and body.
 *
 * Tables, a row per case; whole conversations are in test_api_golden.c.
 */
#include "api_bed.h"

#include "api/problem.h"
#include "cache/keys.h"

#define OF_TODO "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"

static struct bed *bed;

static int begin(void **state)
{
    api_begin(state);
    bed = *state;
    return 0;
}

/* ---- Routes ---- */

static void each_path_and_method_has_its_answer(void **state)
{
    static const struct {
        const char *method, *path;
        int status;
        const char *allow;
    } rows[] = {
        {"GET", "/todos/a", 200, NULL},
        {"HEAD", "/todos/a", 200, NULL},
        {"GET", "/todos/b", 404, NULL},
        {"HEAD", "/todos/b", 404, NULL},
        {"POST", "/todos/a", 405, OF_TODO},
        {"FOO", "/todos/a", 405, OF_TODO},
        {"get", "/todos/a", 405, OF_TODO},
        {"", "/todos/a", 405, OF_TODO},
        {"OPTIONS", "/todos/a", 204, OF_TODO},
        {"OPTIONS", "/todos/b", 204, OF_TODO}, /* of a resource that could be */
        {"GET", "/todos", 200, NULL},
        {"HEAD", "/todos", 200, NULL},
        {"DELETE", "/todos", 405, "GET, HEAD, POST, OPTIONS"},
        {"OPTIONS", "/todos", 204, "GET, HEAD, POST, OPTIONS"},
        {"GET", "/todos/", 308, NULL},
        {"PUT", "/todos/", 405, "GET, HEAD, POST, OPTIONS"},
        {"GET", "/stats", 200, NULL},
        {"POST", "/stats", 405, "GET, HEAD, OPTIONS"},
        {"GET", "/healthz", 200, NULL},
        {"POST", "/healthz", 405, "GET, HEAD, OPTIONS"},
        {"GET", "/readyz", 200, NULL},
        {"GET", "/metrics", 200, NULL},
        {"HEAD", "/metrics", 200, NULL},
        {"GET", "/", 404, NULL},
        {"GET", "", 404, NULL},
        {"FOO", "/nothing", 404, NULL},
        {"OPTIONS", "/nothing", 404, NULL},
        {"OPTIONS", "*", 404, NULL},
        {"GET", "/todo/a", 404, NULL},
        {"GET", "/todosx", 404, NULL},
        {"GET", "/todos/a/b", 404, NULL},
        {"GET", "/todos/.", 404, NULL},
        {"GET", "/todos/..", 404, NULL},
        {"GET", "/todos/a b", 404, NULL},
        {"GET", "/todos/a\r\nX: y", 404, NULL},
        {"GET", "/todos/\xc3\xa9", 404, NULL},
        {"GET", "/todos/0123456789012345678901234567890123456789012345678901234567890123", 404, NULL},
        {"GET", "/todos/01234567890123456789012345678901234567890123456789012345678901234", 404, NULL},
    };
    (void)state;
    fake_store_put(bed->store, "a", 1);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct exchange exchange;
        exchange_init(&exchange, rows[i].method, rows[i].path);
        exchange_run(&exchange);
        assert_status(rows[i].path, &exchange, rows[i].status);
        assert_text(rows[i].path, exchange_header(&exchange, "Allow"), slice_of(rows[i].allow));
        if (rows[i].status == 405)
            assert_problem(rows[i].path, &exchange, 405, "method-not-allowed");
        if (rows[i].status == 404)
            assert_problem(rows[i].path, &exchange, 404, "not-found");
        exchange_fini(&exchange);
    }
}

static void a_request_without_any_parameter_is_answered(void **state)
{
    (void)state;
    struct exchange exchange;
    exchange_init(&exchange, NULL, NULL);
    exchange_run(&exchange);
    assert_problem("nothing", &exchange, 404, "not-found");
    exchange_fini(&exchange);
}

static void each_query_is_taken_or_refused(void **state)
{
    static const struct {
        const char *path, *query;
        int status;
    } rows[] = {
        {"/todos", "", 200},
        {"/todos", "limit=1", 200},
        {"/todos", "limit=200&order=asc", 200},
        {"/todos", "order=desc", 200},
        {"/todos", "%6cimit=1", 200},
        {"/todos", "limit=0", 400},
        {"/todos", "limit=201", 400},
        {"/todos", "limit=-1", 400},
        {"/todos", "limit=01", 400},
        {"/todos", "limit=1e2", 400},
        {"/todos", "limit=", 400},
        {"/todos", "limit=1&limit=1", 400},
        {"/todos", "limit=99999999999999999999", 400},
        {"/todos", "order=ASC", 400},
        {"/todos", "order", 400},
        {"/todos", "cursor=", 400},
        {"/todos", "cursor=AAAA", 400},
        {"/todos", "skip=10", 400},
        {"/todos", "limit=%zz", 400},
        {"/todos", "limit=%00", 400},
        {"/todos/a", "x=1", 400},
        {"/todos/a", "", 200},
    };
    (void)state;
    fake_store_put(bed->store, "a", 1);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct exchange exchange;
        exchange_init(&exchange, "GET", rows[i].path);
        exchange.request.query = slice_of(rows[i].query);
        exchange_run(&exchange);
        assert_status(rows[i].query, &exchange, rows[i].status);
        if (rows[i].status == 400)
            assert_problem(rows[i].query, &exchange, 400, "bad-request");
        exchange_fini(&exchange);
    }
}

/* ---- Reads ---- */

static void head_has_gets_header_fields_and_no_body(void **state)
{
    static const char *const paths[] = {"/todos/a", "/todos/b", "/todos",  "/healthz",
                                        "/readyz",  "/metrics", "/nothing"};
    (void)state;
    fake_store_put(bed->store, "a", 1);
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        struct exchange warm, get, head;
        exchange_init(&warm, "GET", paths[i]);
        exchange_run(&warm);
        exchange_init(&get, "GET", paths[i]);
        exchange_run(&get);
        exchange_init(&head, "HEAD", paths[i]);
        exchange_run(&head);
        struct slice fields = buf_slice(&get.request.out);
        fields.len -= exchange_body(&get).len;
        assert_text(paths[i], buf_slice(&head.request.out), fields);
        char length[INT64_TEXT_MAX + 1];
        assert_text(paths[i], exchange_header(&head, "Content-Length"),
                    slice_of_int64(length, (int64_t)exchange_body(&get).len));
        exchange_fini(&warm);
        exchange_fini(&get);
        exchange_fini(&head);
    }
}

static void who_has_it_already_gets_304_without_a_body(void **state)
{
    static const char *const paths[] = {"/todos/a", "/todos"};
    (void)state;
    fake_store_put(bed->store, "a", 1);
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        struct exchange get, again;
        char etags[128];
        exchange_init(&get, "GET", paths[i]);
        exchange_run(&get);
        struct slice etag = exchange_header(&get, "ETag");
        snprintf(etags, sizeof(etags), "\"other\", W/%.*s", (int)etag.len, etag.data);
        exchange_init(&again, "GET", paths[i]);
        again.request.if_none_match = slice_of(etags);
        exchange_run(&again);
        assert_status(paths[i], &again, 304);
        assert_text(paths[i], exchange_header(&again, "ETag"), etag);
        assert_text(paths[i], exchange_header(&again, "Cache-Control"), exchange_header(&get, "Cache-Control"));
        assert_null(exchange_header(&again, "Content-Length").data);
        assert_null(exchange_header(&again, "Content-Type").data);
        assert_text(paths[i], exchange_body(&again), SLICE(""));
        exchange_fini(&get);
        exchange_fini(&again);
    }
}

static void an_etag_changes_with_the_todo(void **state)
{
    (void)state;
    struct exchange old, new;
    fake_store_put(bed->store, "a", 1);
    exchange_init(&old, "GET", "/todos/a");
    exchange_run(&old);
    assert_int_equal(bed_write(bed, &bed->workers[1], "a"), STATUS_OK);
    exchange_init(&new, "GET", "/todos/a");
    new.request.if_none_match = exchange_header(&old, "ETag");
    exchange_run(&new);
    assert_status("after a write", &new, 200);
    assert_false(slice_equal(exchange_header(&old, "ETag"), exchange_header(&new, "ETag")));
    exchange_fini(&old);
    exchange_fini(&new);
}

/* Follows "next" through 5 todos, 2 at a time, both ways. */
static void pages_follow_each_other_to_the_end(void **state)
{
    static const struct {
        const char *first;
        const char *ids;
    } rows[] = {{"limit=2", "edcba"}, {"limit=2&order=asc", "abcde"}};
    (void)state;
    for (char id[] = "a"; id[0] <= 'e'; id[0]++) {
        fake_store_put(bed->store, id, 1);
        bed_pass(bed, 1);
    }
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char query[256], seen[16] = "";
        snprintf(query, sizeof(query), "%s", rows[i].first);
        for (int page = 0; page < 3; page++) {
            struct exchange exchange;
            exchange_init(&exchange, "GET", "/todos");
            exchange.request.query = slice_of(query);
            exchange_run(&exchange);
            assert_status(query, &exchange, 200);
            for (const char *at = strstr(exchange_body(&exchange).data, "\"id\":\""); at;
                 at = strstr(at + 1, "\"id\":\""))
                strncat(seen, at + 6, 1);
            struct slice link = exchange_header(&exchange, "Link");
            const char *next = memmem(link.data, link.len, ">; rel=\"first\", </todos?", 24);
            assert_number(query, next != NULL, page < 2);
            assert_number(query, exchange_body_has(&exchange, "\"next\":null"), page == 2);
            if (next)
                snprintf(query, sizeof(query), "%.*s", (int)strcspn(next + 24, ">"), next + 24);
            exchange_fini(&exchange);
        }
        assert_string_equal(seen, rows[i].ids);
    }
}

static void a_cursor_is_for_its_order_alone(void **state)
{
    (void)state;
    struct exchange page, other;
    char query[256];
    fake_store_put(bed->store, "a", 1);
    fake_store_put(bed->store, "b", 1);
    exchange_init(&page, "GET", "/todos");
    page.request.query = SLICE("limit=1");
    exchange_run(&page);
    const char *cursor = strstr(exchange_body(&page).data, "\"next\":\"") + 8;
    snprintf(query, sizeof(query), "cursor=%.*s&order=asc", (int)strcspn(cursor, "\""), cursor);
    exchange_init(&other, "GET", "/todos");
    other.request.query = slice_of(query);
    exchange_run(&other);
    assert_problem(query, &other, 400, "bad-request");
    exchange_fini(&page);
    exchange_fini(&other);
}

/* ---- POST ---- */

static void each_body_is_taken_or_refused(void **state)
{
    static const struct {
        const char *type, *body;
        int status;
        const char *slug, *pointer;
    } rows[] = {
        {"application/json", "{\"name\":\"x\"}", 201, NULL, NULL},
        {"Application/JSON; charset=utf-8", "{\"name\":\"x\"}", 201, NULL, NULL},
        {"application/json", "{\"id\":\"i\",\"name\":\"x\",\"description\":null,\"done\":true}", 201, NULL, NULL},
        {"application/json", "{\"id\":\"a\",\"name\":\"x\"}", 409, "exists", NULL},
        {NULL, "{\"name\":\"x\"}", 415, "unsupported-type", NULL},
        {"text/plain", "{\"name\":\"x\"}", 415, "unsupported-type", NULL},
        {"application/jsonx", "{\"name\":\"x\"}", 415, "unsupported-type", NULL},
        {"application/json", NULL, 400, "bad-request", NULL},
        {"application/json", "", 400, "bad-request", NULL},
        {"application/json", "[]", 400, "bad-request", NULL},
        {"application/json", "{\"name\":\"x\"", 400, "bad-request", NULL},
        {"application/json", "{\"name\":\"x\"}{}", 400, "bad-request", NULL},
        {"application/json", "{\"name\":\"x\",\"name\":\"y\"}", 400, "bad-request", NULL},
        {"application/json", "{}", 422, "invalid", "/name"},
        {"application/json", "{\"name\":\"\"}", 422, "invalid", "/name"},
        {"application/json", "{\"name\":1}", 422, "invalid", "/name"},
        {"application/json", "{\"name\":\"x\",\"done\":\"no\"}", 422, "invalid", "/done"},
        {"application/json", "{\"name\":\"x\",\"id\":\"..\"}", 422, "invalid", "/id"},
        {"application/json", "{\"name\":\"x\",\"id\":\"a\\r\\nX: y\"}", 422, "invalid", "/id"},
        {"application/json", "{\"name\":\"x\",\"colour\":\"red\"}", 422, "invalid", "/colour"},
        {"application/json", "{\"name\":\"a\\u0001\"}", 422, "invalid", "/name"},
    };
    (void)state;
    fake_store_put(bed->store, "a", 1);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct exchange exchange;
        char pointer[64];
        exchange_init(&exchange, "POST", i % 2 ? "/todos" : "/todos/");
        exchange.request.content_type = slice_of(rows[i].type);
        exchange.request.body = slice_of(rows[i].body);
        exchange_run(&exchange);
        assert_status(rows[i].body, &exchange, rows[i].status);
        if (rows[i].slug)
            assert_problem(rows[i].body, &exchange, rows[i].status, rows[i].slug);
        snprintf(pointer, sizeof(pointer), "\"pointer\":\"%s\"", rows[i].pointer ? rows[i].pointer : "");
        assert_number(rows[i].body, exchange_body_has(&exchange, "\"pointer\""), rows[i].pointer != NULL);
        assert_true(!rows[i].pointer || exchange_body_has(&exchange, pointer));
        exchange_fini(&exchange);
    }
    assert_int_equal(fake_store_v(bed->store, "i"), 1);
}

static void a_new_todo_is_answered_as_it_will_be_read(void **state)
{
    (void)state;
    struct exchange post, get;
    char path[128];
    exchange_init(&post, "POST", "/todos");
    post.request.content_type = SLICE("application/json");
    post.request.body = SLICE("{\"name\":\"milk\"}");
    exchange_run(&post);
    assert_status("post", &post, 201);
    assert_text("source", exchange_header(&post, "Cache-Status"), SLICE("todo-fcgi; fwd=method"));
    struct slice location = exchange_header(&post, "Location");
    assert_int_equal(location.len, strlen("/todos/") + 36); /* a UUID */
    snprintf(path, sizeof(path), "%.*s", (int)location.len, location.data);
    exchange_init(&get, "GET", path);
    exchange_run(&get);
    assert_status("get", &get, 200);
    assert_text("body", exchange_body(&get), exchange_body(&post));
    assert_text("etag", exchange_header(&get, "ETag"), exchange_header(&post, "ETag"));
    exchange_fini(&post);
    exchange_fini(&get);
}

/* ---- What goes wrong behind it ---- */

static void bodies_that_are_too_large_or_cut_are_refused_for_every_route(void **state)
{
    static const struct {
        const char *method, *path;
        enum body_state body_state;
        int status;
    } rows[] = {
        {"POST", "/todos", BODY_TOO_LARGE, 413},   {"GET", "/todos/a", BODY_TOO_LARGE, 413},
        {"POST", "/todos", BODY_BROKEN, 400},      {"GET", "/todos", BODY_BROKEN, 400},
        {"PATCH", "/todos/a", BODY_BROKEN, 400},   {"DELETE", "/todos/a", BODY_BROKEN, 400},
        {"POST", "/todos/a", BODY_BROKEN, 405},    {"PUT", "/todos/a", BODY_TOO_LARGE, 413},
        {"POST", "/nothing", BODY_TOO_LARGE, 404},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct exchange exchange;
        exchange_init(&exchange, rows[i].method, rows[i].path);
        exchange.request.body_state = rows[i].body_state;
        exchange_run(&exchange);
        assert_status(rows[i].path, &exchange, rows[i].status);
        exchange_fini(&exchange);
    }
    assert_int_equal(fake_store_calls(bed->store, FAKE_INSERT), 0);
    assert_int_equal(fake_store_calls(bed->store, FAKE_CHANGE), 0);
}

static void a_store_that_fails_is_503_with_retry_after_and_tells_nothing_else(void **state)
{
    static const struct {
        const char *method, *path;
        enum fake_call call;
        enum status status;
        const char *slug;
    } rows[] = {
        {"GET", "/todos/a", FAKE_GET, STATUS_UNAVAILABLE, "unavailable"},
        {"GET", "/todos", FAKE_LIST, STATUS_UNAVAILABLE, "unavailable"},
        {"POST", "/todos", FAKE_INSERT, STATUS_UNAVAILABLE, "unavailable"},
        {"POST", "/todos", FAKE_INSERT, STATUS_UNKNOWN, "unknown-outcome"},
        {"PUT", "/todos/p", FAKE_CHANGE, STATUS_UNAVAILABLE, "unavailable"},
        {"PUT", "/todos/p", FAKE_CHANGE, STATUS_INVALID, "unavailable"},
        {"PUT", "/todos/p", FAKE_CHANGE, STATUS_BUSY, "unavailable"},
        {"DELETE", "/todos/d", FAKE_CHANGE, STATUS_UNAVAILABLE, "unavailable"},
        {"PUT", "/todos/u", FAKE_CHANGE, STATUS_UNKNOWN, "unknown-outcome"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct exchange exchange;
        exchange_init(&exchange, rows[i].method, rows[i].path);
        exchange.request.content_type = SLICE("application/json");
        exchange.request.body = SLICE("{\"name\":\"x\"}");
        fake_store_fail(bed->store, rows[i].call, 0, rows[i].status);
        exchange_run(&exchange);
        assert_problem(rows[i].path, &exchange, 503, rows[i].slug);
        assert_text(rows[i].path, exchange_header(&exchange, "Retry-After"), SLICE("1"));
        assert_false(exchange_body_has(&exchange, "this call was to fail"));
        exchange_fini(&exchange);
    }
}

static void retry_after_is_the_breakers_pause(void **state)
{
    (void)state;
    struct exchange exchange;
    exchange_init(&exchange, "GET", "/todos/a");
    fake_pool_refuse(api_services.pool, STATUS_UNAVAILABLE);
    exchange_run(&exchange);
    fake_pool_refuse(api_services.pool, STATUS_OK);
    assert_problem("breaker", &exchange, 503, "unavailable");
    assert_text("breaker", exchange_header(&exchange, "Retry-After"), SLICE("3"));
    exchange_fini(&exchange);
}

static void readiness_is_the_stores_and_ends_with_draining(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct exchange exchange;
        exchange_init(&exchange, "GET", "/readyz");
        fake_store_set_away(bed->store, i == 1);
        api_services.draining = i == 2;
        if (i == 3)
            fake_server_leave(bed->server); /* work goes on without it */
        exchange_run(&exchange);
        assert_status("readyz", &exchange, i == 1 || i == 2 ? 503 : 200);
        assert_number("redis", exchange_body_has(&exchange, "\"redis\":{\"status\":\"trusted\"}"), i < 3);
        exchange_fini(&exchange);
    }
}

static void requests_are_counted_by_route_and_status(void **state)
{
    (void)state;
    size_t count;
    const char *const *names = api_route_names(&count);
    uint64_t before = 0, after = 0;
    struct exchange exchange;
    for (size_t i = 0; i < STATS_STATUS_COUNT; i++)
        before += api_services.stats->request[0][i];
    exchange_init(&exchange, "GET", "/todos/none");
    exchange_run(&exchange);
    for (size_t i = 0; i < STATS_STATUS_COUNT; i++)
        after += api_services.stats->request[exchange.request.route][i];
    assert_true(exchange.request.route < count);
    assert_string_equal(names[exchange.request.route], "todo_get");
    assert_int_equal(after, before + 1);
    exchange_fini(&exchange);
}

/* ---- Nothing that comes from outside makes a header field ---- */

static void answer_with_a_line_break(void)
{
    struct request request = {.out = {0}};
    buf_init(&request.out);
    response_begin(&request, 200);
    response_header(&request, "X", "a\r\nSet-Cookie: b");
}

static void ignore_answer(struct request *request)
{
    (void)request;
}

static void answer_twice(void)
{
    static struct stats stats;
    struct request request = {.stats = &stats, .answer = ignore_answer};
    buf_init(&request.out);
    response_begin(&request, 200);
    request_answer(&request);
    request_answer(&request);
}

static void begin_twice(void)
{
    struct request request = {.answer = ignore_answer};
    buf_init(&request.out);
    response_begin(&request, 200);
    response_begin(&request, 200);
}

static void a_header_that_would_break_and_a_second_answer_are_bugs(void **state)
{
    (void)state;
    assert_true(ends_by_abort(answer_with_a_line_break));
    assert_true(ends_by_abort(answer_twice));
    assert_true(ends_by_abort(begin_twice));
}

static void a_poisoned_page_in_redis_makes_no_header(void **state)
{
    (void)state;
    struct exchange warm, get;
    fake_store_put(bed->store, "a", 1);
    exchange_init(&warm, "GET", "/todos");
    exchange_run(&warm);
    char key[80] = "";
    struct store_query query = {.limit = 50};
    struct list_keys keys;
    list_keys_init(&keys, 1, &query);
    memcpy(key, keys.page.text, keys.page.len);
    assert_true(fake_server_has(bed->server, key));
    fake_server_set_field(bed->server, key, "etag", "\"x\"\r\nSet-Cookie: y");
    exchange_init(&get, "GET", "/todos");
    exchange_run(&get);
    assert_status("page", &get, 200);
    assert_null(exchange_header(&get, "Set-Cookie").data);
    assert_text("etag", exchange_header(&get, "ETag"), exchange_header(&warm, "ETag"));
    exchange_fini(&warm);
    exchange_fini(&get);
}

/* A status without one is a bug that ends the worker: response_begin(). */
static void every_problem_has_a_reason_phrase(void **state)
{
    (void)state;
    for (enum problem problem = 0; problem < PROBLEM_COUNT; problem++) {
        struct exchange exchange;
        exchange_init(&exchange, "GET", "/");
        request_begin(&exchange.request, 0);
        exchange.request.stats = api_services.stats;
        problem_answer(&exchange.request, problem, "x");
        assert_status("problem", &exchange, exchange.request.status);
        exchange_fini(&exchange);
    }
}

/* There is no version after it, so the answer names the last one: no older state can be meant by it. */
static void a_todo_of_the_last_version_can_be_deleted(void **state)
{
    struct exchange exchange;
    (void)state;
    fake_store_put(bed->store, "last", INT64_MAX);
    exchange_init(&exchange, "DELETE", "/todos/last");
    exchange_run(&exchange);
    assert_status("last", &exchange, 204);
    struct slice version = exchange_header(&exchange, "Todo-Version");
    assert_text("version", (struct slice){version.data, strlen("last.9223372036854775807.")},
                SLICE("last.9223372036854775807."));
    exchange_fini(&exchange);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, bed_end)
    const struct CMUnitTest tests[] = {
        TEST(each_path_and_method_has_its_answer),
        TEST(a_request_without_any_parameter_is_answered),
        TEST(each_query_is_taken_or_refused),
        TEST(head_has_gets_header_fields_and_no_body),
        TEST(who_has_it_already_gets_304_without_a_body),
        TEST(an_etag_changes_with_the_todo),
        TEST(pages_follow_each_other_to_the_end),
        TEST(a_cursor_is_for_its_order_alone),
        TEST(each_body_is_taken_or_refused),
        TEST(a_new_todo_is_answered_as_it_will_be_read),
        TEST(bodies_that_are_too_large_or_cut_are_refused_for_every_route),
        TEST(a_store_that_fails_is_503_with_retry_after_and_tells_nothing_else),
        TEST(retry_after_is_the_breakers_pause),
        TEST(readiness_is_the_stores_and_ends_with_draining),
        TEST(requests_are_counted_by_route_and_status),
        TEST(a_header_that_would_break_and_a_second_answer_are_bugs),
        TEST(a_poisoned_page_in_redis_makes_no_header),
        TEST(every_problem_has_a_reason_phrase),
        TEST(a_todo_of_the_last_version_can_be_deleted),
    };
    return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
