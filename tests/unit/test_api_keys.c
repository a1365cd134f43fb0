/* SPDX-License-Identifier: MIT */
/*
 * POST with an Idempotency-Key: requests that meet each other, that lose their worker, or whose answer can't be kept.
 *
 * The plain cases are a conversation: golden/api/keys.
 */
#include "api_bed.h"

static struct bed *bed;
static struct worker *worker;

static int begin(void **state)
{
    api_begin(state);
    bed = *state;
    worker = &bed->workers[0];
    fake_store_put(bed->store, "a", 1);
    return 0;
}

static void post(struct exchange *exchange, const char *key, const char *body)
{
    exchange_init(exchange, "POST", "/todos");
    exchange->request.content_type = SLICE("application/json");
    exchange->request.body = slice_of(body);
    exchange->request.idempotency_key = slice_of(key);
}

static void a_request_that_meets_itself_is_a_409(void **state)
{
    (void)state;
    struct exchange first, second;
    post(&first, "\"k\"", "{\"name\":\"x\"}");
    bed_hold(worker, true);
    request_begin(&first.request, 0);
    api_handle(&api_services, &first.request);
    bed_store(worker); /* begun; its insert waits */
    post(&second, "\"k\"", "{\"name\":\"x\"}");
    request_begin(&second.request, 0);
    api_handle(&api_services, &second.request);
    bed_store(worker);
    assert_problem("second", &second, 409, "still-running");
    bed_hold(worker, false);
    bed_settle(bed);
    assert_status("first", &first, 201);
    exchange_fini(&first);
    exchange_fini(&second);
}

/* What may come out differently the next time is forgotten; what is not known stays running until its time is up. */
static void each_outcome_is_kept_or_forgotten(void **state)
{
    static const struct {
        enum fake_call call;
        enum status status;
        int first, second; /* the same request again, at once */
        const char *slug;  /* of the second; NULL: replayed */
    } rows[] = {
        {FAKE_INSERT, STATUS_OK, 201, 201, NULL},
        {FAKE_INSERT, STATUS_UNAVAILABLE, 503, 201, ""},
        {FAKE_INSERT, STATUS_BUSY, 503, 201, ""},
        {FAKE_INSERT, STATUS_UNKNOWN, 503, 409, "still-running"},
        {FAKE_ANSWER_BEGIN, STATUS_UNAVAILABLE, 503, 201, ""},
        {FAKE_ANSWER_BEGIN, STATUS_INVALID, 503, 201, ""},
        {FAKE_ANSWER_END, STATUS_UNAVAILABLE, 201, 409, "still-running"}, /* given, though it could not be kept */
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char row[16], key[16];
        struct exchange first, second;
        snprintf(row, sizeof(row), "row %zu", i);
        snprintf(key, sizeof(key), "\"%zu\"", i);
        if (rows[i].status != STATUS_OK)
            fake_store_fail(bed->store, rows[i].call, 0, rows[i].status);
        post(&first, key, "{\"name\":\"x\"}");
        exchange_run(&first);
        assert_status(row, &first, rows[i].first);
        post(&second, key, "{\"name\":\"x\"}");
        exchange_run(&second);
        assert_status(row, &second, rows[i].second);
        if (rows[i].slug && *rows[i].slug)
            assert_problem(row, &second, rows[i].second, rows[i].slug);
        assert_number(row, exchange_header(&second, "Idempotency-Replayed").data != NULL, rows[i].slug == NULL);
        exchange_fini(&first);
        exchange_fini(&second);
    }
}

/* The worker is gone between its insert and the end of it: the request that comes past the deadline finds the todo made. */
static void a_request_whose_worker_is_gone_is_taken_up(void **state)
{
    (void)state;
    struct exchange first, early, late, again;
    post(&first, "\"k\"", "{\"name\":\"x\"}");
    fake_store_fail(bed->store, FAKE_INSERT, 0, STATUS_UNKNOWN); /* applied all the same */
    exchange_run(&first);
    assert_problem("first", &first, 503, "unknown-outcome");
    bed_pass(bed, 2 * bed->settings.write_deadline_ms - 1);
    post(&early, "\"k\"", "{\"name\":\"x\"}");
    exchange_run(&early);
    assert_problem("early", &early, 409, "still-running");
    bed_pass(bed, 1);
    post(&late, "\"k\"", "{\"name\":\"x\"}");
    exchange_run(&late);
    assert_status("late", &late, 201);
    assert_text(
        "one todo", slice_of(fake_store_answer(bed->store, "k")->id),
        (struct slice){exchange_header(&late, "Location").data + 7, exchange_header(&late, "Location").len - 7});
    assert_int_equal(fake_store_calls(bed->store, FAKE_INSERT), 1);
    post(&again, "\"k\"", "{\"name\":\"x\"}");
    exchange_run(&again);
    assert_text("again", exchange_body(&again), exchange_body(&late));
    assert_text("again", exchange_header(&again, "ETag"), exchange_header(&late, "ETag"));
    assert_text("again", exchange_header(&again, "Last-Modified"), exchange_header(&late, "Last-Modified"));
    exchange_fini(&first);
    exchange_fini(&early);
    exchange_fini(&late);
    exchange_fini(&again);
}

static void change(const char *method, const char *id, const char *if_match)
{
    char path[TODO_ID_MAX + 16];
    struct exchange exchange;
    snprintf(path, sizeof(path), "/todos/%s", id);
    exchange_init(&exchange, method, path);
    exchange.request.content_type = SLICE("application/merge-patch+json");
    exchange.request.body = slice_of(strcmp(method, "PATCH") == 0 ? "{\"name\":\"edited\"}" : NULL);
    exchange.request.if_match = slice_of(if_match);
    exchange_run(&exchange);
    assert_status(method, &exchange, strcmp(method, "PATCH") == 0 ? 200 : 204);
    exchange_fini(&exchange);
}

/* What became of the todo of a request whose worker died after the insert. v: of the todo in the end; 0: there is none. */
static void what_was_made_is_not_made_again(void **state)
{
    static const struct {
        const char *first, *second;
        int64_t v;
    } rows[] = {{NULL, NULL, 1}, {"PATCH", NULL, 2}, {"DELETE", NULL, 0}, {"PATCH", "DELETE", 0}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char row[16], key[16], id[TODO_ID_MAX + 1], etag[TODO_ID_MAX];
        struct exchange first, late, again;
        snprintf(row, sizeof(row), "row %zu", i);
        snprintf(key, sizeof(key), "\"made-%zu\"", i);
        fake_store_fail(bed->store, FAKE_INSERT, 0, STATUS_UNKNOWN); /* applied all the same */
        post(&first, key, "{\"name\":\"x\"}");
        exchange_run(&first);
        assert_status(row, &first, 503);
        snprintf(key, sizeof(key), "made-%zu", i);
        snprintf(id, sizeof(id), "%s", fake_store_answer(bed->store, key)->id);
        const int64_t life = fake_store_life(bed->store, id);
        if (rows[i].first)
            change(rows[i].first, id, NULL);
        if (rows[i].second)
            change(rows[i].second, id, NULL);
        bed_pass(bed, 2 * bed->settings.write_deadline_ms);
        const unsigned inserts = fake_store_calls(bed->store, FAKE_INSERT);
        post(&late, key, "{\"name\":\"x\"}");
        exchange_run(&late);
        assert_status(row, &late, 201);
        assert_true(exchange_body_has(&late, "\"name\":\"x\"")); /* as it was made */
        snprintf(etag, sizeof(etag), "\"1-%llx-", (unsigned long long)life);
        assert_memory_equal(exchange_header(&late, "ETag").data, etag, strlen(etag));
        assert_number(row, fake_store_calls(bed->store, FAKE_INSERT), inserts);
        assert_number(row, fake_store_v(bed->store, id), rows[i].v);
        post(&again, key, "{\"name\":\"x\"}");
        exchange_run(&again);
        assert_text(row, exchange_header(&again, "Todo-Version"), exchange_header(&late, "Todo-Version"));
        assert_text(row, exchange_header(&again, "ETag"), exchange_header(&late, "ETag"));
        exchange_fini(&first);
        exchange_fini(&late);
        exchange_fini(&again);
    }
}

/* Its worker died before the insert. The record has the life, so a late insert of that worker would be the same one. */
static void what_was_not_made_is_made_by_the_retry(void **state)
{
    (void)state;
    struct exchange first, late;
    fake_store_fail(bed->store, FAKE_INSERT, 0, STATUS_UNKNOWN);
    post(&first, "k", "{\"id\":\"new\",\"name\":\"x\"}");
    exchange_run(&first);
    fake_store_remove(bed->store, "new"); /* as if it had not been applied */
    fake_store_answer(bed->store, "k")->is_made = false;
    bed_pass(bed, 2 * bed->settings.write_deadline_ms);
    post(&late, "k", "{\"id\":\"new\",\"name\":\"x\"}");
    exchange_run(&late);
    assert_status("late", &late, 201);
    assert_true(fake_store_life(bed->store, "new") == fake_store_answer(bed->store, "k")->life);
    exchange_fini(&first);
    exchange_fini(&late);
}

static void a_kept_answer_expires(void **state)
{
    (void)state;
    struct exchange exchange;
    for (int i = 0; i < 2; i++) {
        post(&exchange, "\"k\"", i == 0 ? "{\"name\":\"x\"}" : "{\"name\":\"y\"}");
        exchange_run(&exchange);
        assert_status("new", &exchange, 201);
        exchange_fini(&exchange);
        bed_pass(bed, bed->settings.idempotency_ttl_s * 1000);
    }
}

static void a_kept_answer_that_is_not_ours_makes_no_header(void **state)
{
    static const char *const etags[] = {"\"x\"\r\nSet-Cookie: y", "a b", "\xff"};
    (void)state;
    struct exchange exchange;
    post(&exchange, "\"k\"", "{\"name\":\"x\"}");
    exchange_run(&exchange);
    exchange_fini(&exchange);
    for (size_t i = 0; i < COUNT_OF(etags); i++) {
        fake_store_answer(bed->store, "k")->etag = slice_of(etags[i]);
        post(&exchange, "\"k\"", "{\"name\":\"x\"}");
        exchange_run(&exchange);
        assert_problem(etags[i], &exchange, 503, "unavailable");
        exchange_fini(&exchange);
    }
}

/* The key is the same, as clients count them: 1, 2, 3. */
static void a_key_is_one_per_authorization(void **state)
{
    static const struct {
        const char *authorization;
        int id; /* the same number: the same todo */
    } rows[] = {{NULL, 0}, {"Bearer x", 1}, {"Bearer y", 2}, {"Bearer x", 1}, {NULL, 0}, {"", 0}, {"bearer x", 3}};
    struct slice locations[COUNT_OF(rows)] = {0};
    struct exchange exchanges[COUNT_OF(rows)];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        post(&exchanges[i], "\"1\"", "{\"name\":\"x\"}");
        exchanges[i].request.authorization = slice_of(rows[i].authorization);
        exchange_run(&exchanges[i]);
        struct slice location = exchange_header(&exchanges[i], "Location");
        bool is_first = !locations[rows[i].id].data;
        assert_status("", &exchanges[i], 201);
        assert_text("replayed", exchange_header(&exchanges[i], "Idempotency-Replayed"),
                    is_first ? (struct slice){0} : SLICE("true"));
        if (is_first)
            locations[rows[i].id] = location;
        assert_text("the todo", location, locations[rows[i].id]);
    }
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        exchange_fini(&exchanges[i]);
    assert_int_equal(fake_store_calls(bed->store, FAKE_INSERT), 4);
}

/* As the store has it: a hash of both. A client that knows it gets nowhere with it. */
static void a_key_never_looks_like_another_clients(void **state)
{
    (void)state;
    struct exchange exchange;
    post(&exchange, "\\0123456789abcdef0123456789abcdef", "{\"name\":\"x\"}");
    exchange_run(&exchange);
    assert_problem("scoped", &exchange, 400, "bad-request");
    exchange_fini(&exchange);
}

static void a_key_is_a_short_printable_string(void **state)
{
    static char longest[STORE_KEY_MAX + 3], too_long[STORE_KEY_MAX + 4];
    static const struct {
        const char *key;
        int status;
    } rows[] = {
        {"\"k\"", 409}, {"k", 409},    {"\" \"", 201}, {longest, 201},    {too_long, 400},    {"", 400},
        {"\"", 400},    {"\"\"", 400}, {"\"a", 400},   {"a\"", 400},      {"\"a\"b\"", 400},  {"\"a\\\"b\"", 400},
        {"a\\", 400},   {"a\tb", 400}, {"a\x7f", 400}, {"\xc3\xa4", 400}, {"a\r\nX: y", 400}, {"\x01", 400},
    };
    (void)state;
    struct exchange exchange;
    memset(longest, 'k', STORE_KEY_MAX + 2);
    longest[0] = longest[STORE_KEY_MAX + 1] = '"';
    memset(too_long, 'k', STORE_KEY_MAX + 1);
    post(&exchange, "\"k\"", "{\"id\":\"a\",\"name\":\"x\"}");
    exchange_run(&exchange);
    assert_problem("taken", &exchange, 409, "exists");
    exchange_fini(&exchange);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        post(&exchange, rows[i].key, rows[i].status == 409 ? "{\"id\":\"a\",\"name\":\"x\"}" : "{\"name\":\"x\"}");
        exchange_run(&exchange);
        assert_status(rows[i].key, &exchange, rows[i].status);
        exchange_fini(&exchange);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, bed_end)
    const struct CMUnitTest tests[] = {
        TEST(a_request_that_meets_itself_is_a_409),           TEST(each_outcome_is_kept_or_forgotten),
        TEST(a_request_whose_worker_is_gone_is_taken_up),     TEST(what_was_made_is_not_made_again),
        TEST(what_was_not_made_is_made_by_the_retry),         TEST(a_kept_answer_expires),
        TEST(a_kept_answer_that_is_not_ours_makes_no_header), TEST(a_key_is_one_per_authorization),
        TEST(a_key_never_looks_like_another_clients),         TEST(a_key_is_a_short_printable_string),
    };
    return cmocka_run_group_tests_name("api_keys", tests, NULL, NULL);
}
