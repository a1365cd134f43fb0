/* SPDX-License-Identifier: MIT */
/* GET /changes, and the feed below it: who waits, who is told what, and what that costs the store. */
#include "api_bed.h"

#include "fake_follow.h"
#include "feed/feed.h"

static struct bed *bed;

static int begin(void **state)
{
    api_begin(state);
    bed = *state;
    return 0;
}

static void ask(struct exchange *exchange, const char *after, int wait_s)
{
    static char query[8][40], prefer[8][16];
    static unsigned at;
    at = (at + 1) % 8;
    exchange_init(exchange, "GET", "/changes");
    snprintf(query[at], sizeof(query[at]), "after=%s", after);
    snprintf(prefer[at], sizeof(prefer[at]), "wait=%d", wait_s);
    if (after)
        exchange->request.query = slice_of(query[at]);
    if (wait_s > 0)
        exchange->request.prefer = slice_of(prefer[at]);
}

static void assert_body(const struct exchange *exchange, const char *want)
{
    assert_text("body", exchange_body(exchange), slice_of(want));
}

static void without_a_place_the_latest_is_told(void **state)
{
    (void)state;
    struct exchange exchange;
    fake_feed_add("a", FEED_CREATED);
    ask(&exchange, NULL, 25);
    exchange_run(&exchange);
    assert_status("latest", &exchange, 200);
    assert_body(&exchange, "{\"changes\":[],\"next\":\"2-00000002\"}");
    assert_false(exchange.held);
    exchange_fini(&exchange);
}

static void what_is_behind_the_place_is_told_at_once(void **state)
{
    (void)state;
    struct exchange exchange;
    fake_feed_add("a", FEED_CREATED);
    fake_feed_add("b", FEED_DELETED);
    ask(&exchange, "1-00000001", 0);
    exchange_run(&exchange);
    assert_body(&exchange, "{\"changes\":[{\"seq\":\"2-00000002\",\"id\":\"a\",\"change\":\"created\"},"
                           "{\"seq\":\"3-00000003\",\"id\":\"b\",\"change\":\"deleted\"}],\"next\":\"3-00000003\"}");
    exchange_fini(&exchange);
}

static void a_wait_ends_with_the_first_change(void **state)
{
    (void)state;
    struct exchange exchange;
    ask(&exchange, "1-00000001", 25);
    exchange_wait(&exchange);
    assert_true(exchange.held);
    bed_pass(bed, 3000);
    assert_int_equal(exchange.answers, 0);
    fake_feed_add("a", FEED_UPDATED);
    bed_pass(bed, FEED_POLL_MS);
    assert_int_equal(exchange.answers, 1);
    assert_text("applied", exchange_header(&exchange, "Preference-Applied"), SLICE("wait=25"));
    assert_true(exchange_body_has(&exchange, "\"next\":\"2-00000002\""));
    exchange_fini(&exchange);
}

static void a_wait_ends_by_itself_without_a_change(void **state)
{
    (void)state;
    struct exchange exchange;
    ask(&exchange, "1-00000001", 90); /* more than it may */
    exchange_wait(&exchange);
    bed_pass(bed, 29500);
    assert_int_equal(exchange.answers, 0);
    bed_pass(bed, 500);
    assert_int_equal(exchange.answers, 1);
    assert_body(&exchange, "{\"changes\":[],\"next\":\"1-00000001\"}");
    bed_pass(bed, 2 * FEED_POLL_MS);
    unsigned calls = fake_feed_calls();
    bed_pass(bed, 10 * FEED_POLL_MS);
    assert_int_equal(fake_feed_calls(), calls); /* nobody waits: nobody asks */
    exchange_fini(&exchange);
}

static void a_place_that_is_unknown_is_a_410(void **state)
{
    (void)state;
    static const char *const places[] = {"7-00000007", "1-00000002"};
    for (size_t i = 0; i < 2; i++)
        for (int wait_s = 0; wait_s <= 25; wait_s += 25) {
            struct exchange exchange;
            ask(&exchange, places[i], wait_s);
            exchange_run(&exchange);
            assert_problem(places[i], &exchange, 410, "start-over");
            exchange_fini(&exchange);
        }
}

static void all_that_wait_cost_one_call_of_the_store_for_a_change(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    static struct exchange crowd[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        ask(&crowd[i], "1-00000001", 25);
        exchange_wait(&crowd[i]);
    }
    unsigned calls = fake_feed_calls();
    fake_feed_add("a", FEED_CREATED);
    bed_pass(bed, FEED_POLL_MS);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(crowd[i].answers, 1);
        exchange_fini(&crowd[i]);
        ask(&crowd[i], "2-00000002", 25); /* and comes again */
        exchange_wait(&crowd[i]);
    }
    assert_in_range(fake_feed_calls() - calls, 1, 2);
    for (size_t i = 0; i < COUNT; i++) {
        exchange_leave(&crowd[i]);
        exchange_fini(&crowd[i]);
    }
}

static void one_that_comes_back_late_is_told_what_it_missed(void **state)
{
    (void)state;
    struct exchange other, late;
    ask(&other, "1-00000001", 25);
    exchange_wait(&other);
    for (int i = 0; i < 3; i++) {
        fake_feed_add("a", FEED_UPDATED);
        bed_pass(bed, FEED_POLL_MS);
    }
    ask(&late, "2-00000002", 25);
    exchange_run(&late);
    assert_true(exchange_body_has(&late, "\"seq\":\"3-00000003\""));
    assert_true(exchange_body_has(&late, "\"next\":\"4-00000004\""));
    assert_false(exchange_body_has(&late, "\"seq\":\"2-00000002\""));
    exchange_fini(&late);
    exchange_fini(&other);
}

static void one_whose_own_read_is_overtaken_by_the_poll_is_told(void **state)
{
    (void)state;
    struct exchange other, slow;
    fake_feed_add("a", FEED_CREATED);
    ask(&other, "2-00000002", 25);
    exchange_wait(&other);
    fake_feed_add("b", FEED_CREATED);
    ask(&slow, "3-00000003", 25); /* behind the poll's own place: it asks the store itself */
    exchange_wait(&slow);
    fake_feed_add("c", FEED_CREATED);
    bed_pass(bed, 2 * FEED_POLL_MS);
    assert_int_equal(slow.answers, 1);
    assert_true(exchange_body_has(&slow, "\"seq\":\"4-00000004\""));
    assert_true(exchange_body_has(&other, "\"next\":\"4-00000004\"") ||
                exchange_body_has(&other, "\"next\":\"3-00000003\""));
    exchange_fini(&slow);
    exchange_fini(&other);
}

static void a_new_history_ends_the_waits_with_a_410(void **state)
{
    (void)state;
    struct exchange exchange;
    ask(&exchange, "1-00000001", 25);
    exchange_wait(&exchange);
    bed_pass(bed, FEED_POLL_MS);
    fake_feed_begin(500);
    bed_pass(bed, 3 * FEED_POLL_MS);
    assert_problem("new history", &exchange, 410, "start-over");
    exchange_fini(&exchange);
}

static void while_the_store_is_away_waits_go_on(void **state)
{
    (void)state;
    struct exchange exchange;
    ask(&exchange, "1-00000001", 25);
    exchange_wait(&exchange);
    bed_pass(bed, FEED_POLL_MS);
    fake_feed_fail(STATUS_UNAVAILABLE);
    bed_pass(bed, 2000);
    fake_feed_fail(STATUS_OK);
    fake_feed_add("a", FEED_CREATED);
    assert_int_equal(exchange.answers, 0);
    bed_pass(bed, 2000);
    assert_status("after the outage", &exchange, 200);
    exchange_fini(&exchange);
}

static void a_store_without_a_feed_is_a_501(void **state)
{
    (void)state;
    struct exchange exchange;
    fake_feed_fail(STATUS_UNSUPPORTED);
    for (int wait_s = 0; wait_s <= 25; wait_s += 25) {
        ask(&exchange, "1-00000001", wait_s);
        exchange_run(&exchange);
        assert_problem("no feed", &exchange, 501, "unsupported");
        exchange_fini(&exchange);
    }
}

static void a_feed_that_has_not_begun_is_a_503_and_no_fault_of_the_store(void **state)
{
    (void)state;
    struct exchange exchange;
    uint32_t retry_after_ms;
    fake_feed_fail(STATUS_MISMATCH);
    for (int i = 0; i < 20; i++) {
        ask(&exchange, NULL, 0);
        exchange_run(&exchange);
        assert_problem("not begun", &exchange, 503, "unavailable");
        assert_text("retry", exchange_header(&exchange, "Retry-After"), SLICE("1"));
        exchange_fini(&exchange);
    }
    assert_true(pool_is_open(api_services.pool, POOL_READ, &retry_after_ms));
}

static void a_client_that_goes_is_forgotten(void **state)
{
    (void)state;
    struct exchange exchange;
    ask(&exchange, "1-00000001", 25);
    exchange_wait(&exchange);
    exchange_leave(&exchange);
    fake_feed_add("a", FEED_CREATED);
    bed_pass(bed, 60000);
    assert_int_equal(exchange.answers, 0);
    exchange_fini(&exchange);
}

static void a_worker_that_stops_ends_all_waits(void **state)
{
    (void)state;
    struct exchange waiting, stream;
    ask(&waiting, "1-00000001", 25);
    exchange_wait(&waiting);
    ask(&stream, "1-00000001", 0);
    stream.request.accept = SLICE("text/event-stream");
    exchange_wait(&stream);
    api_services.draining = true;
    feed_stop(api_services.feed);
    bed_settle(bed);
    assert_int_equal(waiting.answers, 1);
    assert_int_equal(stream.answers, 1);
    exchange_fini(&waiting);
    exchange_fini(&stream);
}

static void more_than_may_wait_are_a_503(void **state)
{
    (void)state;
    struct exchange exchange;
    bed->settings.changes_max = 0;
    ask(&exchange, "1-00000001", 25);
    exchange_run(&exchange);
    assert_problem("too many", &exchange, 503, "unavailable");
    exchange_fini(&exchange);
    ask(&exchange, "1-00000001", 0);
    exchange_run(&exchange);
    assert_status("one that doesn't wait", &exchange, 200);
    exchange_fini(&exchange);
}

static void bad_questions_are_refused(void **state)
{
    (void)state;
    static const char *const queries[] = {"after=",
                                          "after=1",
                                          "after=1-1",
                                          "after=0-00000001",
                                          "after=1-0000000g",
                                          "after=1-00000001x",
                                          "after=-1-00000001",
                                          "before=1-00000001",
                                          "after=1-00000001&after=1-00000001"};
    for (size_t i = 0; i < sizeof(queries) / sizeof(*queries); i++) {
        struct exchange exchange;
        exchange_init(&exchange, "GET", "/changes");
        exchange.request.query = slice_of(queries[i]);
        exchange_run(&exchange);
        assert_problem(queries[i], &exchange, 400, "bad-request");
        exchange_fini(&exchange);
    }
    struct exchange exchange;
    exchange_init(&exchange, "GET", "/changes");
    exchange.request.accept = SLICE("text/html");
    exchange_run(&exchange);
    assert_problem("no form", &exchange, 406, "not-acceptable");
    exchange_fini(&exchange);
}

static void assert_sent(struct exchange *exchange, const char *want)
{
    const char *at = strstr(exchange->sent.data, want);
    if (!at)
        fail_msg("not sent: %s\nbut: %s", want, exchange->sent.data);
    buf_reset(&exchange->sent);
}

static void a_stream_begins_with_a_reset_and_goes_on(void **state)
{
    (void)state;
    struct exchange exchange;
    fake_feed_add("a", FEED_CREATED);
    ask(&exchange, NULL, 0);
    exchange.request.accept = SLICE("text/event-stream");
    exchange_wait(&exchange);
    assert_sent(&exchange, "\r\n\r\nretry: 1000\n\nid: 2-00000002\nevent: reset\ndata: {}\n\n");
    fake_feed_add("b", FEED_UPDATED);
    bed_pass(bed, FEED_POLL_MS);
    assert_sent(
        &exchange,
        "id: 3-00000003\nevent: change\ndata: {\"seq\":\"3-00000003\",\"id\":\"b\",\"change\":\"updated\"}\n\n");
    bed_pass(bed, 16000);
    assert_sent(&exchange, ":\n\n");
    exchange_leave(&exchange);
    exchange_fini(&exchange);
}

static void a_stream_resumes_by_the_last_event_id(void **state)
{
    (void)state;
    struct exchange exchange;
    fake_feed_add("a", FEED_CREATED);
    fake_feed_add("b", FEED_CREATED);
    ask(&exchange, "1-00000001", 0);
    exchange.request.accept = SLICE("text/event-stream");
    exchange.request.last_event_id = SLICE("2-00000002");
    exchange_wait(&exchange);
    bed_pass(bed, FEED_POLL_MS);
    assert_null(strstr(exchange.sent.data, "reset"));
    assert_null(strstr(exchange.sent.data, "2-00000002"));
    assert_sent(&exchange, "id: 3-00000003\n");
    exchange_leave(&exchange);
    exchange_fini(&exchange);
}

static void a_stream_whose_place_is_lost_is_told_to_start_over(void **state)
{
    (void)state;
    static const struct slice ids[] = {SLICE("9-00000009"), SLICE("nonsense")};
    for (size_t i = 0; i < 2; i++) {
        struct exchange exchange;
        ask(&exchange, NULL, 0);
        exchange.request.accept = SLICE("text/event-stream");
        exchange.request.last_event_id = ids[i];
        exchange_wait(&exchange);
        bed_pass(bed, 2 * FEED_POLL_MS);
        assert_sent(&exchange, "id: 1-00000001\nevent: reset\n");
        exchange_leave(&exchange);
        exchange_fini(&exchange);
    }
}

#define BED(test) cmocka_unit_test_setup_teardown(test, begin, bed_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BED(without_a_place_the_latest_is_told),
        BED(what_is_behind_the_place_is_told_at_once),
        BED(a_wait_ends_with_the_first_change),
        BED(a_wait_ends_by_itself_without_a_change),
        BED(a_place_that_is_unknown_is_a_410),
        BED(all_that_wait_cost_one_call_of_the_store_for_a_change),
        BED(one_that_comes_back_late_is_told_what_it_missed),
        BED(one_whose_own_read_is_overtaken_by_the_poll_is_told),
        BED(a_new_history_ends_the_waits_with_a_410),
        BED(while_the_store_is_away_waits_go_on),
        BED(a_store_without_a_feed_is_a_501),
        BED(a_feed_that_has_not_begun_is_a_503_and_no_fault_of_the_store),
        BED(a_client_that_goes_is_forgotten),
        BED(a_worker_that_stops_ends_all_waits),
        BED(more_than_may_wait_are_a_503),
        BED(bad_questions_are_refused),
        BED(a_stream_begins_with_a_reset_and_goes_on),
        BED(a_stream_resumes_by_the_last_event_id),
        BED(a_stream_whose_place_is_lost_is_told_to_start_over),
    };
    return cmocka_run_group_tests_name("changes", tests, NULL, NULL);
}
