/* SPDX-License-Identifier: MIT */
/*
 * What holds across routes: what a client may ask of caches, what caches outside are told, the token, the request's id.
 *
 * Todo "a" is there, at version 1, and in Redis.
 */
#include "api_bed.h"

#define ENTRY "todo:1:{a}"

static struct bed *bed;
static struct worker *worker;

static int begin(void **state)
{
    api_begin(state);
    bed = *state;
    worker = &bed->workers[0];
    fake_store_put(bed->store, "a", 1);
    bed_read(bed, worker, "a");
    fake_journal_reset();
    return 0;
}

/* A GET of todo "a" whose request is set up further before exchange_run(). */
static struct request *get_a(struct exchange *exchange)
{
    exchange_init(exchange, "GET", "/todos/a");
    return &exchange->request;
}

/* ---- What a client asks of the cache ---- */

/* The entry is 10 s old, and has between 260 and 290 s of its life left. */
static void a_client_says_what_it_takes_from_the_cache(void **state)
{
    static const struct {
        const char *cache_control, *todo_version;
        const char *journal; /* what Redis and the store were asked */
        int status;
        const char *source;
    } rows[] = {
        {NULL, NULL, "HGETALL", 200, "hit"},
        {"", NULL, "HGETALL", 200, "hit"},
        {"no-cache", NULL, "get", 200, "fwd=request"},
        {"max-age=0", NULL, "get", 200, "fwd=request"},
        {"max-age=9", NULL, "HGETALL get", 200, "fwd=request"},
        {"max-age=10", NULL, "HGETALL", 200, "hit"},
        {"max-age=99999999999999999999", NULL, "HGETALL", 200, "hit"},
        {"min-fresh=200", NULL, "HGETALL", 200, "hit"},
        {"min-fresh=290", NULL, "HGETALL get", 200, "fwd=request"},
        {"min-fresh=9223372036854775807", NULL, "HGETALL get", 200, "fwd=request"},
        {"only-if-cached", NULL, "HGETALL", 200, "hit"},
        {"only-if-cached, max-age=10", NULL, "HGETALL", 200, "hit"},
        {"only-if-cached, max-age=9", NULL, "HGETALL", 504, NULL},
        {"only-if-cached, min-fresh=290", NULL, "HGETALL", 504, NULL},
        {"only-if-cached, no-cache", NULL, "HGETALL", 504, NULL},
        {NULL, "a.1", "HGETALL", 200, "hit"},
        {NULL, "a.2", "HGETALL get", 200, "fwd=request"}, /* nobody has it: the store's word counts */
        {NULL, "a.9223372036854775807", "HGETALL get", 200, "fwd=request"},
        {"only-if-cached", "a.2", "HGETALL", 504, NULL},
        /* about something else, or nothing at all */
        {NULL, "b.2", "HGETALL", 200, "hit"},
        {NULL, "aa.2", "HGETALL", 200, "hit"},
        {NULL, "a.", "HGETALL", 200, "hit"},
        {NULL, "a", "HGETALL", 200, "hit"},
        {NULL, "", "HGETALL", 200, "hit"},
        {NULL, "a.-2", "HGETALL", 200, "hit"},
        {NULL, "a.02", "HGETALL", 200, "hit"},
        {NULL, "a.2 ", "HGETALL", 200, "hit"},
        {NULL, "a.9223372036854775808", "HGETALL", 200, "hit"},
        {NULL, "a.\xff\x80", "HGETALL", 200, "hit"},
    };
    (void)state;
    bed_pass(bed, 10000);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char row[160], source[64];
        struct exchange exchange;
        snprintf(row, sizeof(row), "%s | %s", rows[i].cache_control ? rows[i].cache_control : "",
                 rows[i].todo_version ? rows[i].todo_version : "");
        get_a(&exchange)->cache_control = slice_of(rows[i].cache_control);
        exchange.request.todo_version = slice_of(rows[i].todo_version);
        fake_journal_reset();
        exchange_run(&exchange);
        assert_text(row, fake_journal(), slice_of(rows[i].journal));
        snprintf(source, sizeof(source), "todo-fcgi; %s", rows[i].source ? rows[i].source : "");
        struct slice status = exchange_header(&exchange, "Cache-Status");
        if (rows[i].status == 504)
            assert_problem(row, &exchange, 504, "not-cached");
        else
            assert_text(row, (struct slice){status.data, strlen(source)}, slice_of(source));
        assert_number(row, exchange.request.status, rows[i].status);
        exchange_fini(&exchange);
    }
}

static void a_hit_says_that_the_worker_can_not_see_the_store(void **state)
{
    static const struct {
        const char *path, *source;
        int status;
    } rows[] = {{"/todos/a", "todo-fcgi; hit; detail=store-unseen; ttl=", 200},
                {"/todos/none", "todo-fcgi; hit; detail=store-unseen; ttl=", 404},
                {"/todos", "todo-fcgi; hit; detail=store-unseen; ttl=", 200},
                {"/todos/never", "todo-fcgi; fwd=miss", 503}};
    struct exchange exchange;
    (void)state;
    for (size_t i = 0; i < 3; i++) { /* fills it */
        exchange_init(&exchange, "GET", rows[i].path);
        exchange_run(&exchange);
        exchange_fini(&exchange);
    }
    fake_store_set_away(bed->store, true);
    for (int i = 0; i < 3; i++) {
        bed_pass(bed, 1000);
        bed_tend(bed);
    }
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        exchange_init(&exchange, "GET", rows[i].path);
        exchange_run(&exchange);
        assert_status(rows[i].path, &exchange, rows[i].status);
        struct slice source = exchange_header(&exchange, "Cache-Status");
        if (rows[i].status != 503)
            assert_text(rows[i].path, (struct slice){source.data, strlen(rows[i].source)}, slice_of(rows[i].source));
        exchange_fini(&exchange);
    }
}

/* Another worker's entry of an older version, as after an outage that took an invalidation with it. */
static void an_older_entry_than_the_client_has_seen_is_passed_by(void **state)
{
    (void)state;
    static const char *const paths[] = {"/todos/a", "/todos/a", "/todos/a"};
    fake_store_put(bed->store, "a", 3);
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        char name[32];
        struct exchange exchange;
        get_a(&exchange)->todo_version = i == 0 ? (struct slice){0} : i == 1 ? SLICE("a.2") : SLICE("a.3");
        exchange_run(&exchange);
        snprintf(name, sizeof(name), "\"name\":\"name %d\"", i == 0 ? 1 : 3);
        assert_true(exchange_body_has(&exchange, name));
        exchange_fini(&exchange);
    }
}

static void a_negative_entry_is_older_than_any_version(void **state)
{
    (void)state;
    struct exchange exchange;
    assert_int_equal(bed_read(bed, worker, "b"), 0);
    fake_store_put(bed->store, "b", 1);
    exchange_init(&exchange, "GET", "/todos/b");
    exchange.request.todo_version = SLICE("b.1");
    exchange_run(&exchange);
    assert_status("b", &exchange, 200);
    exchange_fini(&exchange);
}

static void only_if_cached_never_asks_the_store_not_even_without_redis(void **state)
{
    static const char *const paths[] = {"/todos/a", "/todos/b", "/todos"};
    (void)state;
    for (size_t i = 0; i < 2 * COUNT_OF(paths); i++) {
        struct exchange exchange;
        if (i == COUNT_OF(paths))
            fake_server_leave(bed->server);
        exchange_init(&exchange, "GET", paths[i % COUNT_OF(paths)]);
        exchange.request.cache_control = SLICE("only-if-cached, max-age=1000");
        fake_journal_reset();
        exchange_run(&exchange);
        assert_null(memmem(fake_journal().data, fake_journal().len, "get", 3));
        assert_null(memmem(fake_journal().data, fake_journal().len, "list", 4));
        if (i > 0)
            assert_problem(paths[i % COUNT_OF(paths)], &exchange, 504, "not-cached");
        exchange_fini(&exchange);
    }
}

/* ---- What caches outside are told ---- */

static void each_kind_of_answer_has_its_own_freshness(void **state)
{
    static const struct {
        const char *path;
        const char *cache_control, *cdn, *vary, *key;
    } rows[] = {
        {"/todos/a", "max-age=60", "max-age=600", "Authorization, Todo-Version", "todo-a"},
        {"/todos", "max-age=5", "max-age=50", "Authorization, Todo-Version, Accept-Encoding", "todos"},
        {"/todos/b", "max-age=30", NULL, "Authorization, Todo-Version", "todo-b"},
        {"/todos/a?x", "no-store", NULL, NULL, NULL},
        {"/nothing", "no-store", NULL, NULL, NULL},
        {"/healthz", "no-store", NULL, NULL, NULL},
    };
    struct settings *settings = &bed->settings;
    (void)state;
    strcpy(settings->todo_cache_control, "max-age=60");
    strcpy(settings->list_cache_control, "max-age=5");
    strcpy(settings->todo_cdn_cache_control, "max-age=600");
    strcpy(settings->list_cdn_cache_control, "max-age=50");
    settings->not_found_max_age_s = 30;
    settings->surrogate_keys = true;
    for (size_t i = 0; i < 2 * COUNT_OF(rows); i++) {
        const char *path = rows[i / 2].path;
        bool has_token = i % 2, is_shared = rows[i / 2].vary && !has_token;
        char group[64];
        struct exchange exchange;
        exchange_init(&exchange, "GET", path);
        exchange.request.path.len = strcspn(path, "?");
        exchange.request.query = path[exchange.request.path.len] ? SLICE("x") : (struct slice){0};
        if (has_token)
            exchange.request.authorization = SLICE("Bearer x");
        exchange_run(&exchange);
        bool is_found = exchange.request.status == 200 && rows[i / 2].vary;
        const char *private = is_found ? "private, no-store" : "no-store";
        assert_text(path, exchange_header(&exchange, "Cache-Control"),
                    slice_of(has_token ? private : rows[i / 2].cache_control));
        assert_text(path, exchange_header(&exchange, "CDN-Cache-Control"),
                    slice_of(has_token ? NULL : rows[i / 2].cdn));
        if (is_shared) {
            snprintf(group, sizeof(group), "\"%s\"", rows[i / 2].key);
            assert_text(path, exchange_header(&exchange, "Vary"), slice_of(rows[i / 2].vary));
            assert_text(path, exchange_header(&exchange, "Surrogate-Key"), slice_of(rows[i / 2].key));
            assert_text(path, exchange_header(&exchange, "Cache-Tag"), slice_of(rows[i / 2].key));
            assert_text(path, exchange_header(&exchange, "Cache-Groups"), slice_of(group));
        }
        exchange_fini(&exchange);
    }
}

static void a_setting_that_is_empty_sends_no_field(void **state)
{
    (void)state;
    struct exchange exchange;
    bed->settings.todo_cache_control[0] = '\0';
    get_a(&exchange);
    exchange_run(&exchange);
    assert_null(exchange_header(&exchange, "Cache-Control").data);
    assert_null(exchange_header(&exchange, "CDN-Cache-Control").data);
    assert_null(exchange_header(&exchange, "Surrogate-Key").data);
    exchange_fini(&exchange);
}

static void a_write_names_what_it_made_old(void **state)
{
    (void)state;
    struct exchange exchange;
    bed->settings.surrogate_keys = true;
    exchange_init(&exchange, "DELETE", "/todos/a");
    exchange_run(&exchange);
    assert_text("groups", exchange_header(&exchange, "Cache-Group-Invalidation"), SLICE("\"todo-a\", \"todos\""));
    assert_text("cache", exchange_header(&exchange, "Cache-Control"), SLICE("no-store"));
    exchange_fini(&exchange);
}

/* ---- The token ---- */

static void a_write_shows_the_token_if_there_is_one(void **state)
{
    static const struct {
        const char *method, *path, *authorization;
        int status;
        const char *challenge;
    } rows[] = {
        {"DELETE", "/todos/b", NULL, 401, "Bearer realm=\"todos\""},
        {"DELETE", "/todos/b", "", 401, "Bearer realm=\"todos\""},
        {"DELETE", "/todos/b", "Basic c2VjcmV0", 401, "Bearer realm=\"todos\""},
        {"DELETE", "/todos/b", "secret", 401, "Bearer realm=\"todos\""},
        {"DELETE", "/todos/b", "Bearer", 401, "Bearer realm=\"todos\""},
        {"DELETE", "/todos/b", "Bearer ", 401, "Bearer realm=\"todos\""},
        {"DELETE", "/todos/b", "Bearer secre", 401, "Bearer realm=\"todos\", error=\"invalid_token\""},
        {"DELETE", "/todos/b", "Bearer secrets", 401, "Bearer realm=\"todos\", error=\"invalid_token\""},
        {"DELETE", "/todos/b", "Bearer Secret", 401, "Bearer realm=\"todos\", error=\"invalid_token\""},
        {"DELETE", "/todos/b", "Bearer  secret", 401, "Bearer realm=\"todos\", error=\"invalid_token\""},
        {"DELETE", "/todos/b", "Bearer \xff\x01", 401, "Bearer realm=\"todos\", error=\"invalid_token\""},
        {"DELETE", "/todos/b", "Bearer secret", 404, NULL},
        {"DELETE", "/todos/b", "bearer secret", 404, NULL},
        {"POST", "/todos", NULL, 401, "Bearer realm=\"todos\""},
        {"PUT", "/todos/b", NULL, 401, "Bearer realm=\"todos\""},
        {"PATCH", "/todos/b", NULL, 401, "Bearer realm=\"todos\""},
        {"GET", "/todos/a", NULL, 200, NULL},
        {"GET", "/todos", NULL, 200, NULL},
        {"OPTIONS", "/todos/a", NULL, 204, NULL},
        {"DELETE", "/todos", NULL, 405, NULL},
    };
    (void)state;
    api_services.write_token = SLICE("secret");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char row[80];
        struct exchange exchange;
        snprintf(row, sizeof(row), "%s %s", rows[i].method, rows[i].authorization ? rows[i].authorization : "-");
        exchange_init(&exchange, rows[i].method, rows[i].path);
        exchange.request.authorization = slice_of(rows[i].authorization);
        exchange_run(&exchange);
        assert_number(row, exchange.request.status, rows[i].status);
        assert_text(row, exchange_header(&exchange, "WWW-Authenticate"), slice_of(rows[i].challenge));
        if (rows[i].status == 401)
            assert_problem(row, &exchange, 401, "unauthorized");
        exchange_fini(&exchange);
    }
    assert_int_equal(fake_store_calls(bed->store, FAKE_CHANGE), 2);
}

/* ---- The request's id ---- */

static void a_request_has_the_traces_id_or_its_own(void **state)
{
#define TRACE  "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"
    static const struct {
        const char *traceparent;
        bool is_trace; /* else an id is made up */
    } rows[] = {
        {"00-" TRACE "-" PARENT "-01", true},
        {"00-" TRACE "-" PARENT "-00", true},
        {"01-" TRACE "-" PARENT "-01-more", true},
        {"01-" TRACE "-" PARENT "-01more", false},
        {"00-" TRACE "-" PARENT "-01-more", false},
        {"ff-" TRACE "-" PARENT "-01", false},
        {"00-00000000000000000000000000000000-" PARENT "-01", false},
        {"00-" TRACE "-0000000000000000-01", false},
        {"00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01", false},
        {"00-" TRACE "-" PARENT "-0", false},
        {"00-" TRACE "-" PARENT "-0g", false},
        {"00_" TRACE "-" PARENT "-01", false},
        {"00-4bf92f3577b34da6a3ce929d0e0e473\n-" PARENT "-01", false},
        {"00", false},
        {"", false},
        {NULL, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char row[16];
        struct exchange exchange;
        snprintf(row, sizeof(row), "row %zu", i);
        get_a(&exchange)->traceparent = slice_of(rows[i].traceparent);
        exchange_run(&exchange);
        struct slice got = exchange_header(&exchange, "Request-Id");
        assert_number(row, (int64_t)strspn(got.data, "0123456789abcdef"), 32);
        assert_number(row, slice_equal(got, SLICE(TRACE)), rows[i].is_trace);
        exchange_fini(&exchange);
    }
}

static void server_timing_is_sent_if_it_is_wanted(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path;
        bool redis, store;
    } rows[] = {{"GET", "/todos/a", true, false},
                {"GET", "/todos/b", true, true},
                {"PUT", "/todos/a", false, false},
                {"PATCH", "/todos/a", false, false}, /* 415 */
                {"GET", "/nowhere", false, false}};
    for (size_t i = 0; i < 2 * COUNT_OF(rows); i++) {
        struct exchange exchange;
        bed->settings.server_timing = i % 2;
        exchange_init(&exchange, rows[i / 2].method, rows[i / 2].path);
        exchange.request.content_type = SLICE("application/json");
        exchange.request.body = SLICE("{\"name\":\"x\"}");
        exchange_run(&exchange);
        struct slice timing = exchange_header(&exchange, "Server-Timing");
        assert_number(rows[i / 2].path, timing.data != NULL, i % 2);
        if (timing.data) {
            assert_int_equal(strncmp(timing.data, "route;dur=", 10), 0);
            assert_number(rows[i / 2].path, memmem(timing.data, timing.len, "redis;dur=", 10) != NULL,
                          rows[i / 2].redis);
            assert_number(rows[i / 2].path, memmem(timing.data, timing.len, "store;dur=", 10) != NULL,
                          rows[i / 2].store);
        }
        exchange_fini(&exchange);
        fake_server_flush(bed->server);
        if (i / 2 == 0)
            bed_read(bed, worker, "a");
    }
}

/* ---- Codings ---- */

/* Gets the list; the answer's tag goes into etag, its length is returned. */
static size_t get_page(const char *accept, const char *if_none_match, int status, char etag[64])
{
    struct exchange exchange;
    exchange_init(&exchange, "GET", "/todos");
    exchange.request.accept_encoding = slice_of(accept);
    exchange.request.if_none_match = slice_of(if_none_match);
    exchange_run(&exchange);
    const char *row = accept ? accept : "none";
    assert_status(row, &exchange, status);
    struct slice tag = exchange_header(&exchange, "ETag"), coding = exchange_header(&exchange, "Content-Encoding");
    bool is_coded = memmem(tag.data, tag.len, "-gzip\"", 6) != NULL;
    assert_text(row, exchange_header(&exchange, "Vary"), SLICE("Authorization, Todo-Version, Accept-Encoding"));
    assert_text(row, coding, is_coded && status == 200 ? SLICE("gzip") : (struct slice){0});
    snprintf(etag, 64, "%.*s", (int)tag.len, tag.data);
    size_t len = exchange_body(&exchange).len;
    exchange_fini(&exchange);
    return len;
}

static void put_todos(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char id[16];
        snprintf(id, sizeof(id), "t%u", i);
        fake_store_put(bed->store, id, 1);
    }
}

static void a_page_is_compressed_for_who_accepts_it(void **state)
{
    static const struct {
        const char *accept;
        bool is_coded;
    } rows[] = {
        {NULL, false},         {"", false},        {"gzip", true},          {"GZip", true},
        {"br, gzip", true},    {"*", true},        {"gzip;q=0.1", true},    {"deflate, gzip;q=1.0, *;q=0", true},
        {"gzip;q=0", false},   {"*;q=0", false},   {"gzip;q=0, *", false},  {"identity", false},
        {"br", false},         {"gzipped", false}, {"identity;q=0", false}, {",,gzip ; q=0.000", false},
        {"*;q=0, gzip", true},
    };
    char plain[64], coded[64], etag[64];
    (void)state;
    put_todos(30);
    size_t plain_len = get_page(NULL, NULL, 200, plain), coded_len = get_page("gzip", NULL, 200, coded);
    assert_true(coded_len > 0 && coded_len < plain_len / 2);
    assert_int_equal(strlen(coded), strlen(plain) + strlen("-gzip"));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_number(rows[i].accept ? rows[i].accept : "none", (int64_t)get_page(rows[i].accept, NULL, 200, etag),
                      rows[i].is_coded ? (int64_t)coded_len : (int64_t)plain_len);
        assert_string_equal(etag, rows[i].is_coded ? coded : plain);
    }
    fake_store_put(bed->store, "more", 1); /* another page: what was compressed before is none of it */
    bed_pass(bed, 400000);
    get_page("gzip", NULL, 200, etag);
    assert_string_not_equal(etag, coded);
}

/* A 304 to a tag of the compressed form would make a cache hand that to a client which can't read it. */
static void a_tag_is_good_for_who_may_get_its_form(void **state)
{
    char plain[64], coded[64], both[140], etag[64];
    (void)state;
    put_todos(30);
    get_page(NULL, NULL, 200, plain);
    get_page("gzip", NULL, 200, coded);
    snprintf(both, sizeof(both), "%s, %s", plain, coded);
    const struct {
        const char *accept, *if_none_match;
        int status;
        const char *etag;
    } rows[] = {
        {"gzip", coded, 304, coded}, {"gzip", plain, 304, plain},   {"gzip", both, 304, coded},
        {"gzip", "*", 304, coded},   {"gzip", "\"x\"", 200, coded}, {NULL, plain, 304, plain},
        {NULL, coded, 200, plain},   {NULL, both, 304, plain},      {NULL, "*", 304, plain},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        get_page(rows[i].accept, rows[i].if_none_match, rows[i].status, etag);
        assert_string_equal(etag, rows[i].etag);
    }
}

static void a_short_page_is_sent_as_it_is(void **state)
{
    char etag[64];
    (void)state;
    get_page("gzip", NULL, 200, etag);
    assert_null(strstr(etag, "gzip"));
}

/* An exchange's body, as text. */
static void get_stats(int status, char *body, size_t size)
{
    struct exchange exchange;
    exchange_init(&exchange, "GET", "/stats");
    exchange_run(&exchange);
    assert_status("stats", &exchange, status);
    assert_text("stats", exchange_header(&exchange, "Cache-Control"),
                slice_of(status == 200 ? "max-age=1" : "no-store"));
    struct slice text = exchange_body(&exchange);
    snprintf(body, size, "%.*s", (int)text.len, text.data);
    exchange_fini(&exchange);
}

static void get_todo(const char *path)
{
    struct exchange exchange;
    exchange_init(&exchange, "GET", path);
    exchange_run(&exchange);
    exchange_fini(&exchange);
}

static void the_summary_counts_reads_by_who_answered(void **state)
{
    static const char form[] = "{\"reads\":{\"l1\":0,\"redis\":%d,\"database\":%d},\"writes\":0,\"errors\":%d,"
                               "\"redis\":\"trusted\",\"queue\":false,\"times\":{\"up_to_ms\":[0.05,0.1,%n";
    char body[1024];
    int before[4] = {0}, after[4] = {0};
    (void)state;
    get_stats(200, body, sizeof(body));
    assert_int_equal(sscanf(body, form, &before[0], &before[1], &before[2], &before[3]), 3);
    fake_store_put(bed->store, "new", 1);
    for (int i = 0; i < 3; i++) /* a miss, two hits */
        get_todo("/todos/new");
    get_todo("/todos");
    fake_store_fail(bed->store, FAKE_GET, 0, STATUS_UNAVAILABLE);
    get_todo("/todos/none");
    get_stats(200, body, sizeof(body));
    assert_int_equal(sscanf(body, form, &after[0], &after[1], &after[2], &after[3]), 3);
    assert_int_equal(after[0] - before[0], 2);
    assert_int_equal(after[1] - before[1], 3);
    assert_int_equal(after[2] - before[2], 1);
    assert_true(after[3] > 0); /* the form was met to its end */
    assert_non_null(strstr(body, ",5000,null],\"count\":["));
    assert_string_equal(body + strlen(body) - 3, "]}}");
}

static void the_summary_is_off_by_a_setting(void **state)
{
    char body[1024];
    (void)state;
    bed->settings.public_stats = false;
    get_stats(404, body, sizeof(body));
    assert_non_null(strstr(body, "keeps its counters to itself"));
}

static void a_preference_that_is_no_text_is_refused_in_text(void **state)
{
    (void)state;
    struct exchange exchange;
    exchange_init(&exchange, "DELETE", "/todos/a");
    exchange.request.prefer = SLICE("handling=strict, \xff\"\xc3\x01");
    exchange_run(&exchange);
    assert_problem("bytes", &exchange, 400, "bad-request");
    assert_true(exchange_body_has(&exchange, "preference: ?\\\"??\""));
    exchange_fini(&exchange);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, bed_end)
    const struct CMUnitTest tests[] = {
        TEST(a_client_says_what_it_takes_from_the_cache),
        TEST(a_hit_says_that_the_worker_can_not_see_the_store),
        TEST(an_older_entry_than_the_client_has_seen_is_passed_by),
        TEST(a_negative_entry_is_older_than_any_version),
        TEST(only_if_cached_never_asks_the_store_not_even_without_redis),
        TEST(each_kind_of_answer_has_its_own_freshness),
        TEST(a_setting_that_is_empty_sends_no_field),
        TEST(a_write_names_what_it_made_old),
        TEST(a_page_is_compressed_for_who_accepts_it),
        TEST(a_tag_is_good_for_who_may_get_its_form),
        TEST(a_short_page_is_sent_as_it_is),
        TEST(a_write_shows_the_token_if_there_is_one),
        TEST(a_request_has_the_traces_id_or_its_own),
        TEST(server_timing_is_sent_if_it_is_wanted),
        TEST(the_summary_counts_reads_by_who_answered),
        TEST(a_preference_that_is_no_text_is_refused_in_text),
        TEST(the_summary_is_off_by_a_setting),
    };
    return cmocka_run_group_tests_name("api_rules", tests, NULL, NULL);
}
