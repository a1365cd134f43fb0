/* SPDX-License-Identifier: MIT */
/*
 * Queued writes: which are accepted and how, what a ticket says, and reads that ask for the write behind one.
 *
 * The plain cases are a conversation: golden/api/queue.
 */
#include "api_bed.h"

static struct bed *bed;
static const struct store_version NO_VERSION;

static int begin(void **state)
{
    api_begin(state);
    bed = *state;
    fake_queue_set_on(true);
    fake_store_put(bed->store, "a", 1);
    return 0;
}

static void ask(struct exchange *exchange, const char *method, const char *path, const char *body)
{
    exchange_init(exchange, method, path);
    exchange->request.body = slice_of(body);
    exchange->request.content_type =
        slice_of(strcmp(method, "PATCH") == 0 ? "application/merge-patch+json" : "application/json");
    exchange->request.prefer = SLICE("respond-async");
}

static void put_a(struct exchange *exchange)
{
    ask(exchange, "PUT", "/todos/a", "{\"name\":\"x\"}");
}

/* A queued write that was accepted. */
static struct fake_queued *put_in_queue(const char *method, const char *path, const char *body)
{
    struct exchange exchange;
    ask(&exchange, method, path, body);
    exchange_run(&exchange);
    assert_status(method, &exchange, 202);
    exchange_fini(&exchange);
    return fake_queue_last();
}

static struct fake_queued *queued_a(void)
{
    return put_in_queue("PUT", "/todos/a", "{\"name\":\"x\"}");
}

/* ---- Accepting ---- */

static void what_is_queued_is_what_the_request_said(void **state)
{
    (void)state;
    const struct fake_queued *merge = put_in_queue("PATCH", "/todos/a", "{\"name\":\"y\",\"done\":true}");
    assert_int_equal(merge->kind, STORE_MERGE);
    assert_int_equal(merge->fields, 1u << TODO_NAME | 1u << TODO_DONE);
    assert_string_equal(merge->id, "a");
    assert_string_equal(merge->name, "y");
    assert_int_equal(put_in_queue("DELETE", "/todos/a", "")->kind, STORE_DELETE);
    const struct fake_queued *insert = put_in_queue("POST", "/todos", "{\"id\":\"b\",\"name\":\"x\"}");
    assert_true(insert->is_insert);
    assert_int_equal(insert->kind, STORE_REPLACE);
    assert_int_equal(fake_store_v(bed->store, "a"), 1);
    assert_int_equal(fake_store_v(bed->store, "b"), 0);
}

/* All else is as without the preference, and the answer does not claim that it was applied. */
static void only_what_no_condition_decides_is_queued(void **state)
{
    static const struct {
        const char *row, *method, *path, *body, *if_match, *if_none_match, *since;
        int status;
    } rows[] = {
        {"plain", "PUT", "/todos/a", "{\"name\":\"x\"}", NULL, NULL, NULL, 202},
        {"if-match", "PUT", "/todos/a", "{\"name\":\"x\"}", "*", NULL, NULL, 200},
        {"fails", "PUT", "/todos/a", "{\"name\":\"x\"}", "\"0-0\"", NULL, NULL, 412},
        {"if-none-match", "PUT", "/todos/c", "{\"name\":\"x\"}", NULL, "*", NULL, 201},
        {"a date", "DELETE", "/todos/c", "", NULL, NULL, "Sun, 06 Nov 2044 08:49:37 GMT", 204},
        {"no date", "PATCH", "/todos/a", "{\"done\":true}", NULL, NULL, "never", 200},
        {"shown", "PUT", "/todos/a", "{\"name\":\"x\",\"created_at\":\"2020-01-01T00:00:00.000Z\"}", NULL, NULL, NULL,
         422},
        {"neither id nor key", "POST", "/todos", "{\"name\":\"x\"}", NULL, NULL, NULL, 201},
        {"with an id", "POST", "/todos", "{\"id\":\"d\",\"name\":\"x\"}", NULL, NULL, NULL, 202},
        {"nobody can know", "DELETE", "/todos/none", "", NULL, NULL, NULL, 202},
        {"no todo", "PUT", "/todos/a", "{\"name\":\"\"}", NULL, NULL, NULL, 422},
        {"no JSON", "PUT", "/todos/a", "{", NULL, NULL, NULL, 400},
        {"bad condition", "PUT", "/todos/a", "{\"name\":\"x\"}", "x", NULL, NULL, 400},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct exchange exchange;
        size_t count = fake_queue_count();
        ask(&exchange, rows[i].method, rows[i].path, rows[i].body);
        exchange.request.if_match = slice_of(rows[i].if_match);
        exchange.request.if_none_match = slice_of(rows[i].if_none_match);
        exchange.request.if_unmodified_since = slice_of(rows[i].since);
        exchange_run(&exchange);
        bool is_queued = rows[i].status == 202;
        assert_status(rows[i].row, &exchange, rows[i].status);
        assert_text(rows[i].row, exchange_header(&exchange, "Preference-Applied"),
                    slice_of(is_queued ? "respond-async" : NULL));
        assert_number(rows[i].row, (int64_t)(fake_queue_count() - count), is_queued);
        exchange_fini(&exchange);
    }
}

static void without_a_queue_all_is_as_it_was(void **state)
{
    (void)state;
    struct exchange exchange;
    for (int i = 0; i < 2; i++) {
        put_a(&exchange);
        fake_queue_set_on(false);
        exchange_run(&exchange);
        assert_status("put", &exchange, 200);
        assert_null(exchange_header(&exchange, "Preference-Applied").data);
        exchange_fini(&exchange);
        api_services.queue = NULL;
    }
    exchange_init(&exchange, "GET", "/queue/0-1700000000000-1");
    exchange_run(&exchange);
    assert_problem("no queue", &exchange, 404, "not-found");
    exchange_fini(&exchange);
    exchange_init(&exchange, "GET", "/todos/a");
    exchange.request.todo_version = SLICE("0-1700000000000-1");
    exchange_run(&exchange);
    assert_status("a ticket of old", &exchange, 200);
    exchange_fini(&exchange);
}

static void a_queue_that_takes_nothing_is_a_503(void **state)
{
    static const struct {
        enum status put;
        const char *slug;
    } rows[] = {{STATUS_BUSY, "queue-full"}, {STATUS_UNAVAILABLE, "unavailable"}, {STATUS_UNKNOWN, "unknown-outcome"}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct exchange exchange;
        fake_queue_fail(rows[i].put, STATUS_OK);
        put_a(&exchange);
        exchange_run(&exchange);
        assert_problem(rows[i].slug, &exchange, 503, rows[i].slug);
        assert_text(rows[i].slug, exchange_header(&exchange, "Retry-After"), SLICE("1"));
        assert_false(exchange_body_has(&exchange, "internal"));
        assert_int_equal(fake_store_v(bed->store, "a"), 1); /* not made at once instead */
        exchange_fini(&exchange);
    }
}

static void post_with_key(struct exchange *exchange, const char *body)
{
    ask(exchange, "POST", "/todos", body);
    exchange->request.idempotency_key = SLICE("\"k\"");
    exchange_run(exchange);
}

static void a_repeated_key_has_the_first_ones_ticket(void **state)
{
    (void)state;
    struct exchange first, again;
    post_with_key(&first, "{\"name\":\"x\"}");
    assert_status("first", &first, 202);
    struct fake_queued *queued = fake_queue_last();
    assert_int_equal(strlen(queued->id), 36); /* made here */
    assert_string_equal(queued->key, "k");
    assert_int_equal(queued->http_status, 201);
    assert_non_null(strstr(queued->body, queued->id));
    for (int i = 0; i < 2; i++) {
        post_with_key(&again, "{\"name\":\"x\"}");
        assert_status("again", &again, 202);
        assert_text("ticket", exchange_header(&again, "Location"), exchange_header(&first, "Location"));
        assert_text("replayed", exchange_header(&again, "Idempotency-Replayed"), SLICE("true"));
        assert_true(exchange_body_has(&again, queued->id));
        assert_true(exchange_body_has(&again, i == 0 ? "\"state\":\"pending\"" : "\"state\":\"applied\""));
        exchange_fini(&again);
        fake_queue_settle(queued, TICKET_SETTLED, STATUS_OK, (struct store_version){.v = 1, .life = 7});
    }
    fake_queue_fail(STATUS_OK, STATUS_UNAVAILABLE);
    post_with_key(&again, "{\"name\":\"x\"}");
    assert_status("not found", &again, 202);
    assert_false(exchange_body_has(&again, "\"todo\""));
    exchange_fini(&again);
    post_with_key(&again, "{\"name\":\"y\"}");
    assert_problem("another body", &again, 422, "key-reused");
    exchange_fini(&again);
    exchange_fini(&first);
    assert_int_equal(fake_queue_count(), 1);
}

/* ---- GET /queue/{ticket} ---- */

static void get_ticket(struct exchange *exchange, const struct fake_queued *queued, const char *method)
{
    static char path[64];
    snprintf(path, sizeof(path), "/queue/");
    ticket_print(path + strlen(path), queued->ticket);
    exchange_init(exchange, method, path);
}

static void await_ticket(struct exchange *exchange, const struct fake_queued *queued, const char *prefer)
{
    get_ticket(exchange, queued, "GET");
    exchange->request.prefer = slice_of(prefer);
    exchange_wait(exchange);
}

static void each_outcome_is_told(void **state)
{
    static const struct {
        enum ticket_state state;
        enum status status;
        int64_t v;
        const char *want, *version; /* NULL: the ticket */
    } rows[] = {
        {TICKET_PENDING, STATUS_OK, 0, "\"state\":\"pending\",\"todo\":\"a\",\"accepted_at\":\"2023-11-14T", NULL},
        {TICKET_SETTLED, STATUS_OK, 7, "\"state\":\"applied\",\"todo\":\"a\",", "a.7.1a"},
        {TICKET_SETTLED, STATUS_OK, 0, "\"state\":\"applied\",\"todo\":\"a\",", NULL},
        {TICKET_SETTLED, STATUS_NOT_FOUND, 0, "\"problem\":{\"type\":\"/problems/not-found\",\"status\":404,", NULL},
        {TICKET_SETTLED, STATUS_EXISTS, 0, "\"problem\":{\"type\":\"/problems/exists\",\"status\":409,", NULL},
        {TICKET_SETTLED, STATUS_MISMATCH, 0, "\"problem\":{\"type\":\"/problems/key-reused\",\"status\":422,", NULL},
        {TICKET_SETTLED, STATUS_INVALID, 0, "\"problem\":{\"type\":\"/problems/unreadable\",\"status\":500,", NULL},
        {TICKET_DEAD, STATUS_OK, 0, "\"problem\":{\"type\":\"/problems/refused-by-store\",\"status\":500,", NULL},
        {TICKET_FORGOTTEN, STATUS_OK, 0, "\"state\":\"settled\",\"accepted_at\":", NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct exchange exchange;
        char name[TICKET_TEXT_MAX + 1];
        struct fake_queued *queued = queued_a();
        ticket_print(name, queued->ticket);
        fake_queue_settle(queued, rows[i].state, rows[i].status,
                          (struct store_version){.v = rows[i].v, .life = rows[i].v ? 26 : 0});
        get_ticket(&exchange, queued, "GET");
        exchange_run(&exchange);
        assert_status(rows[i].want, &exchange, 200);
        if (!exchange_body_has(&exchange, rows[i].want))
            fail_msg("want %s\n got %s", rows[i].want, exchange_body(&exchange).data);
        assert_true(exchange_body_has(&exchange, name));
        assert_int_equal(exchange_body_has(&exchange, "\"version\":\"a.7.1a\""), rows[i].version != NULL);
        assert_false(exchange_body_has(&exchange, "internal"));
        assert_text(rows[i].want, exchange_header(&exchange, "Todo-Version"),
                    slice_of(rows[i].version ? rows[i].version : name));
        assert_text(rows[i].want, exchange_header(&exchange, "Cache-Control"), SLICE("no-store"));
        exchange_fini(&exchange);
        get_ticket(&exchange, queued, "HEAD");
        exchange_run(&exchange);
        assert_status("HEAD", &exchange, 200);
        assert_int_equal(exchange_body(&exchange).len, 0);
        exchange_fini(&exchange);
    }
}

static void a_ticket_that_never_was_is_a_404(void **state)
{
    static const struct {
        const char *method, *path, *accept, *query;
        int status;
    } rows[] = {
        {"GET", "/queue/0-1700000000000-1", NULL, NULL, 404},
        {"HEAD", "/queue/0-1700000000000-1", NULL, NULL, 404},
        {"GET", "/queue/8-1700000000000-1", NULL, NULL, 404},
        {"GET", "/queue/a", NULL, NULL, 404},
        {"GET", "/queue/", NULL, NULL, 404},
        {"GET", "/queue", NULL, NULL, 404},
        {"GET", "/queue/0-1700000000000-1", "text/html", NULL, 406},
        {"GET", "/queue/0-1700000000000-1", NULL, "a=1", 400},
        {"DELETE", "/queue/0-1700000000000-1", NULL, NULL, 405},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct exchange exchange;
        exchange_init(&exchange, rows[i].method, rows[i].path);
        exchange.request.accept = slice_of(rows[i].accept);
        exchange.request.query = slice_of(rows[i].query);
        exchange_run(&exchange);
        assert_status(rows[i].path, &exchange, rows[i].status);
        exchange_fini(&exchange);
    }
}

static void a_wait_ends_when_the_write_is_settled(void **state)
{
    (void)state;
    struct exchange exchange;
    struct fake_queued *queued = queued_a();
    await_ticket(&exchange, queued, "wait=10");
    assert_true(exchange.held);
    bed_pass(bed, 4500);
    assert_int_equal(exchange.answers, 0);
    fake_queue_settle(queued, TICKET_SETTLED, STATUS_OK, (struct store_version){.v = 2, .life = 26});
    bed_pass(bed, 1);
    assert_int_equal(exchange.answers, 1);
    assert_true(exchange_body_has(&exchange, "\"state\":\"applied\""));
    assert_text("applied", exchange_header(&exchange, "Preference-Applied"), SLICE("wait=10"));
    exchange_fini(&exchange);
    get_ticket(&exchange, queued, "GET");
    exchange.request.prefer = SLICE("wait=10");
    exchange_run(&exchange); /* what is settled is not waited for */
    exchange_fini(&exchange);
}

static void a_wait_ends_in_time_and_with_its_worker(void **state)
{
    (void)state;
    struct exchange exchange;
    struct fake_queued *queued = queued_a();
    for (int drains = 0; drains < 2; drains++) {
        await_ticket(&exchange, queued, "wait=90"); /* more than it may */
        bed_pass(bed, 29500);
        assert_int_equal(exchange.answers, 0);
        api_services.draining = drains;
        bed_pass(bed, 500);
        assert_int_equal(exchange.answers, 1);
        assert_true(exchange_body_has(&exchange, "\"state\":\"pending\""));
        assert_text("applied", exchange_header(&exchange, "Preference-Applied"), SLICE("wait=30"));
        exchange_fini(&exchange);
    }
    await_ticket(&exchange, queued, "wait=30");
    bed_pass(bed, 1000);
    assert_int_equal(exchange.answers, 1); /* a worker that stops tells all */
    exchange_fini(&exchange);
}

static void one_that_leaves_waits_no_longer(void **state)
{
    (void)state;
    struct exchange exchange;
    struct fake_queued *queued = queued_a();
    await_ticket(&exchange, queued, "wait=10");
    bed_pass(bed, 1500);
    assert_int_equal(fake_queue_waits(), 1);
    exchange_leave(&exchange);
    assert_int_equal(fake_queue_waits(), 0);
    fake_queue_settle(queued, TICKET_SETTLED, STATUS_OK, NO_VERSION);
    bed_pass(bed, 10000);
    assert_int_equal(exchange.answers, 0);
    exchange_fini(&exchange);
}

static void who_can_not_be_waited_for_is_told(void **state)
{
    (void)state;
    struct exchange exchange;
    struct fake_queued *queued = queued_a();
    bed->settings.changes_max = 0;
    get_ticket(&exchange, queued, "GET");
    exchange.request.prefer = SLICE("wait=10");
    exchange_run(&exchange);
    assert_problem("as many as may", &exchange, 503, "unavailable");
    exchange_fini(&exchange);
    fake_queue_fail(STATUS_OK, STATUS_UNAVAILABLE);
    get_ticket(&exchange, queued, "GET");
    exchange_run(&exchange);
    assert_problem("journal away", &exchange, 503, "unavailable");
    assert_false(exchange_body_has(&exchange, "internal"));
    exchange_fini(&exchange);
}

/* ---- Todo-Version with a ticket ---- */

static void read_with_ticket(struct exchange *exchange, const char *path, struct ticket ticket)
{
    static char text[TICKET_TEXT_MAX + 1];
    ticket_print(text, ticket);
    exchange_init(exchange, "GET", path);
    exchange->request.todo_version = slice_of(text);
}

/* The entry of the todo in Redis is its version 1; the store has version 2. */
static void a_read_with_a_ticket_shows_what_its_write_made(void **state)
{
    static const struct {
        const char *row;
        enum ticket_state state;
        enum status status;
        int64_t v;
        const char *source;
    } rows[] = {
        {"applied", TICKET_SETTLED, STATUS_OK, 1, "todo-fcgi; hit"},
        {"further than the entry", TICKET_SETTLED, STATUS_OK, 2, "todo-fcgi; fwd=request"},
        {"no version", TICKET_SETTLED, STATUS_OK, 0, "todo-fcgi; fwd=request"},
        {"refused", TICKET_SETTLED, STATUS_NOT_FOUND, 0, "todo-fcgi; fwd=request"},
        {"dead", TICKET_DEAD, STATUS_OK, 0, "todo-fcgi; fwd=request"},
        {"forgotten", TICKET_FORGOTTEN, STATUS_OK, 0, "todo-fcgi; fwd=request"},
        {"unknown", TICKET_UNKNOWN, STATUS_OK, 0, "todo-fcgi; hit"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct exchange exchange;
        fake_store_put(bed->store, "a", 1);
        int64_t life = fake_store_life(bed->store, "a");
        assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK); /* no entry of the row before */
        fake_store_put(bed->store, "a", 1);
        (void)bed_read(bed, &bed->workers[0], "a");
        fake_store_put(bed->store, "a", 2);
        struct fake_queued *queued = queued_a();
        fake_queue_settle(queued, rows[i].state, rows[i].status,
                          (struct store_version){.v = rows[i].v, .life = rows[i].v ? life : 0});
        read_with_ticket(&exchange, "/todos/a", queued->ticket);
        exchange_run(&exchange);
        assert_status(rows[i].row, &exchange, 200);
        struct slice source = exchange_header(&exchange, "Cache-Status");
        source.len = strlen(rows[i].source) < source.len ? strlen(rows[i].source) : source.len;
        assert_text(rows[i].row, source, slice_of(rows[i].source));
        exchange_fini(&exchange);
    }
}

static void a_read_waits_for_a_pending_write_but_not_for_long(void **state)
{
    (void)state;
    struct exchange exchange;
    struct fake_queued *queued = queued_a();
    read_with_ticket(&exchange, "/todos/a", queued->ticket);
    exchange_wait(&exchange);
    bed_pass(bed, 1000);
    assert_int_equal(exchange.answers, 0);
    fake_queue_settle(queued, TICKET_SETTLED, STATUS_OK, NO_VERSION);
    bed_pass(bed, 1);
    assert_int_equal(exchange.answers, 1);
    assert_status("settled", &exchange, 200);
    exchange_fini(&exchange);
    queued = queued_a();
    read_with_ticket(&exchange, "/todos/a", queued->ticket);
    exchange_wait(&exchange);
    bed_pass(bed, 2000);
    assert_int_equal(exchange.answers, 1);
    assert_problem("pending", &exchange, 503, "still-queued");
    assert_text("pending", exchange_header(&exchange, "Retry-After"), SLICE("1"));
    exchange_fini(&exchange);
}

static void a_ticket_asks_nothing_of_another_todo(void **state)
{
    (void)state;
    struct exchange exchange;
    struct fake_queued *queued = queued_a();
    char path[24] = "/todos/none";
    for (int i = 0; i < 64; i++) { /* most of them of other shards */
        snprintf(path, sizeof(path), "/todos/none-%d", i);
        read_with_ticket(&exchange, path, queued->ticket);
        exchange_run(&exchange);
        assert_status(path, &exchange, 404);
        exchange_fini(&exchange);
    }
}

static void a_read_whose_ticket_can_not_be_asked_for_shows_nothing_older(void **state)
{
    (void)state;
    struct exchange exchange;
    struct fake_queued *queued = queued_a();
    fake_queue_fail(STATUS_OK, STATUS_UNAVAILABLE);
    read_with_ticket(&exchange, "/todos/a", queued->ticket);
    exchange_run(&exchange);
    assert_problem("journal away", &exchange, 503, "unavailable");
    exchange_fini(&exchange);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, bed_end)
    const struct CMUnitTest tests[] = {
        TEST(what_is_queued_is_what_the_request_said),
        TEST(only_what_no_condition_decides_is_queued),
        TEST(without_a_queue_all_is_as_it_was),
        TEST(a_queue_that_takes_nothing_is_a_503),
        TEST(a_repeated_key_has_the_first_ones_ticket),
        TEST(each_outcome_is_told),
        TEST(a_ticket_that_never_was_is_a_404),
        TEST(a_wait_ends_when_the_write_is_settled),
        TEST(a_wait_ends_in_time_and_with_its_worker),
        TEST(one_that_leaves_waits_no_longer),
        TEST(who_can_not_be_waited_for_is_told),
        TEST(a_read_with_a_ticket_shows_what_its_write_made),
        TEST(a_read_waits_for_a_pending_write_but_not_for_long),
        TEST(a_ticket_asks_nothing_of_another_todo),
        TEST(a_read_whose_ticket_can_not_be_asked_for_shows_nothing_older),
    };
    return cmocka_run_group_tests_name("api_queue", tests, NULL, NULL);
}
