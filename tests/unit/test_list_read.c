/* SPDX-License-Identifier: MIT */
/*
 * Pages of lists (cache/list_read.c): rendered once, unreachable as soon as a write begins, filled only if none did.
 *
 * Three todos, a second apart: "c" is the newest. workers[0] is moved step by step where the order matters.
 */
#include "cache_bed.h"

#define GENERATION "todos:1:{list}:gen"
#define WRITERS    "todos:1:{list}:writers"

static int begin(void **state)
{
    bed_begin(state);
    struct bed *bed = *state;
    static const char *const ids[] = {"a", "b", "c"};
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        fake_store_put(bed->store, ids[i], 1);
        bed_pass(bed, 1000);
    }
    fake_journal_reset();
    return 0;
}

struct lister {
    struct cache_list list;
    unsigned answers;
    enum status status;
    char body[4096];
    char etag[64];
    char next[CURSOR_TEXT_MAX + 1];
    struct cache_trace trace;
};

static void copy(char *text, size_t size_bytes, struct slice value)
{
    snprintf(text, size_bytes, "%.*s", (int)value.len, value.data);
}

static void on_listed(void *ctx, const struct cache_page_answer *answer)
{
    struct lister *lister = ctx;
    lister->answers++;
    lister->status = answer->status;
    lister->trace = answer->trace;
    if (answer->status != STATUS_OK)
        return;
    copy(lister->body, sizeof(lister->body), answer->page->body);
    copy(lister->etag, sizeof(lister->etag), answer->page->etag);
    copy(lister->next, sizeof(lister->next), answer->page->next);
}

static void list_start(struct lister *lister, struct worker *worker, struct store_query query)
{
    *lister = (struct lister){.list = {.query = query, .demand.max_age_ms = -1, .done = on_listed}};
    lister->list.ctx = lister;
    cache_list(worker->cache, &lister->list);
    assert_int_equal(lister->answers, 0);
}

static const struct store_query newest = {.limit = 2};

static void list(struct bed *bed, struct worker *worker, struct lister *lister)
{
    list_start(lister, worker, newest);
    bed_settle(bed);
    assert_int_equal(lister->answers, 1);
    assert_int_equal(lister->status, STATUS_OK);
}

static unsigned lists(const struct bed *bed)
{
    return fake_store_calls(bed->store, FAKE_LIST);
}

/* On its way to the store, under a generation. */
static void start_and_hold_in_the_store(struct bed *bed, struct lister *lister)
{
    struct worker *worker = &bed->workers[0];
    bed_hold(worker, true);
    list_start(lister, worker, newest);
    bed_redis(worker);
    bed_redis(worker);
    bed_redis(worker);
    bed_work(worker);
}

static void a_miss_asks_for_the_generation_reads_and_fills(void **state)
{
    struct bed *bed = *state;
    struct lister lister;
    list(bed, &bed->workers[0], &lister);
    assert_journal("GET HGETALL LIST_ACQUIRE list LIST_FILL");
    assert_int_equal(lister.trace.source, CACHE_MISS);
    assert_true(lister.trace.stored);
    assert_int_equal(strncmp(lister.body, "{\"todos\":[{\"id\":\"c\"", 19), 0);
    assert_non_null(strstr(lister.body, "\"id\":\"b\""));
    assert_null(strstr(lister.body, "\"id\":\"a\""));
    assert_true(lister.next[0] != '\0');
    assert_int_equal(bed_counter(&bed->workers[0], STAT_LIST_MISS), 1);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_STORE_LIST_OK), 1);
}

static void a_hit_is_one_round_trip_and_the_same_bytes(void **state)
{
    struct bed *bed = *state;
    struct lister first, second;
    list(bed, &bed->workers[0], &first);
    bed_pass(bed, 700);
    fake_journal_reset();
    list_start(&second, &bed->workers[1], newest);
    assert_int_equal(fake_redis_sent_count(bed_connection(&bed->workers[1])), 2);
    bed_settle(bed);
    assert_journal("GET HGETALL");
    assert_string_equal(second.body, first.body);
    assert_string_equal(second.etag, first.etag);
    assert_string_equal(second.next, first.next);
    assert_int_equal(second.trace.source, CACHE_HIT);
    assert_int_equal(second.trace.age_ms, 700);
    assert_int_equal(second.trace.ttl_ms, first.trace.ttl_ms - 700);
    assert_int_equal(bed_counter(&bed->workers[1], STAT_LIST_HIT), 1);
}

static void the_last_page_has_no_next_one(void **state)
{
    struct bed *bed = *state;
    struct lister lister;
    list_start(&lister, &bed->workers[0], (struct store_query){.limit = 3});
    bed_settle(bed);
    assert_string_equal(lister.next, "");
    assert_non_null(strstr(lister.body, "],\"next\":null}"));
}

static void a_page_ends_with_its_lifetime(void **state)
{
    struct bed *bed = *state;
    struct lister lister;
    list(bed, &bed->workers[0], &lister);
    assert_true(lister.trace.ttl_ms > 54000 && lister.trace.ttl_ms <= 60000);
    bed_pass(bed, lister.trace.ttl_ms + 1);
    list(bed, &bed->workers[0], &lister);
    assert_int_equal(lister.trace.source, CACHE_MISS);
}

static void a_list_after_a_write_shows_it(void **state)
{
    struct bed *bed = *state;
    struct lister before, after;
    list(bed, &bed->workers[1], &before);
    assert_int_equal(bed_write(bed, &bed->workers[0], "d"), STATUS_OK);
    list(bed, &bed->workers[1], &after);
    assert_int_equal(after.trace.source, CACHE_MISS);
    assert_non_null(strstr(after.body, "\"id\":\"d\""));
    assert_string_not_equal(after.etag, before.etag);
}

static void a_page_read_before_a_write_is_not_filled(void **state)
{
    struct bed *bed = *state;
    struct lister slow, after;
    start_and_hold_in_the_store(bed, &slow);
    assert_int_equal(bed_write(bed, &bed->workers[1], "d"), STATUS_OK);
    bed_let_go(bed);
    assert_int_equal(slow.answers, 1);
    assert_false(slow.trace.stored);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_PAGE_REFUSED), 1);
    list(bed, &bed->workers[0], &after);
    assert_non_null(strstr(after.body, "\"id\":\"d\""));
}

static void pages_are_not_filled_while_a_write_is_under_way(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    struct lister beside, after;
    bed_hold(&bed->workers[0], true);
    writer_start(&writer, &bed->workers[0], "d");
    bed_redis(&bed->workers[0]);
    list(bed, &bed->workers[1], &beside);
    assert_int_equal(beside.trace.source, CACHE_BYPASS);
    assert_false(beside.trace.stored);
    assert_int_equal(bed_counter(&bed->workers[1], STAT_LIST_BYPASS), 1);
    bed_let_go(bed);
    list(bed, &bed->workers[1], &after);
    assert_non_null(strstr(after.body, "\"id\":\"d\""));
    assert_true(after.trace.stored);
}

static void who_joined_a_refused_flight_sees_the_write(void **state)
{
    struct bed *bed = *state;
    struct lister first, joined[2];
    start_and_hold_in_the_store(bed, &first);
    assert_int_equal(bed_write(bed, &bed->workers[1], "d"), STATUS_OK);
    for (size_t i = 0; i < COUNT_OF(joined); i++) {
        list_start(&joined[i], &bed->workers[0], newest);
        bed_redis(&bed->workers[0]);
        bed_redis(&bed->workers[0]);
    }
    bed_let_go(bed);
    assert_null(strstr(first.body, "\"id\":\"d\""));
    for (size_t i = 0; i < COUNT_OF(joined); i++) {
        assert_int_equal(joined[i].answers, 1);
        assert_non_null(strstr(joined[i].body, "\"id\":\"d\""));
    }
    assert_int_equal(lists(bed), 2);
}

static void many_readers_of_one_page_ask_the_store_once(void **state)
{
    struct bed *bed = *state;
    static struct lister listers[100];
    for (size_t i = 0; i < COUNT_OF(listers); i++)
        list_start(&listers[i], &bed->workers[0], newest);
    bed_settle(bed);
    for (size_t i = 0; i < COUNT_OF(listers); i++)
        assert_string_equal(listers[i].body, listers[0].body);
    assert_int_equal(lists(bed), 1);
}

/* The page goes over the wire once; each reader asks for the generation. */
static void readers_of_one_page_share_its_answer(void **state)
{
    struct bed *bed = *state;
    struct worker *worker = &bed->workers[0];
    struct lister before, other, listers[4];
    list(bed, worker, &before);
    fake_journal_reset();
    bed_hold(worker, true);
    for (size_t i = 0; i < COUNT_OF(listers); i++)
        list_start(&listers[i], worker, newest);
    list_start(&other, worker, (struct store_query){.limit = 1});
    assert_int_equal(fake_redis_sent_count(bed_connection(worker)), 2 + 3 + 2);
    bed_let_go(bed);
    for (size_t i = 0; i < COUNT_OF(listers); i++) {
        assert_int_equal(listers[i].answers, 1);
        assert_int_equal(listers[i].trace.source, CACHE_HIT);
        assert_string_equal(listers[i].body, before.body);
        assert_string_equal(listers[i].etag, before.etag);
        assert_string_equal(listers[i].next, before.next);
    }
    assert_int_equal(other.trace.source, CACHE_MISS);
    assert_journal("GET HGETALL GET GET GET GET HGETALL LIST_ACQUIRE list LIST_FILL");
    list(bed, worker, &other);
    assert_int_equal(other.trace.source, CACHE_HIT);
}

/* Redis has answered the page before the write, and the second reader comes after the write's answer. */
static void who_joins_an_older_answer_sees_the_write(void **state)
{
    struct bed *bed = *state;
    struct worker *worker = &bed->workers[0];
    struct lister before, first, joined;
    list(bed, worker, &before);
    bed_hold(worker, true);
    list_start(&first, worker, newest);
    bed_execute(worker);
    bed_execute(worker);
    assert_int_equal(bed_write(bed, &bed->workers[1], "d"), STATUS_OK);
    list_start(&joined, worker, newest);
    assert_int_equal(fake_redis_sent_count(bed_connection(worker)), 1);
    bed_let_go(bed);
    assert_string_equal(first.body, before.body);
    assert_int_equal(joined.answers, 1);
    assert_non_null(strstr(joined.body, "\"id\":\"d\""));
}

static void other_queries_have_other_pages(void **state)
{
    struct bed *bed = *state;
    struct lister newest_first, oldest_first;
    list(bed, &bed->workers[0], &newest_first);
    list_start(&oldest_first, &bed->workers[0], (struct store_query){.limit = 2, .ascending = true});
    bed_settle(bed);
    assert_int_equal(oldest_first.trace.source, CACHE_MISS);
    assert_int_equal(strncmp(oldest_first.body, "{\"todos\":[{\"id\":\"a\"", 19), 0);
}

/* Eviction between the two may pair an old page with no token, or a new token with an old page. */
static void a_generation_that_was_evicted_costs_misses(void **state)
{
    struct bed *bed = *state;
    struct lister lister;
    list(bed, &bed->workers[0], &lister);
    fake_server_evict(bed->server, GENERATION);
    list(bed, &bed->workers[0], &lister);
    assert_int_equal(lister.trace.source, CACHE_MISS);
    assert_int_equal(lists(bed), 2);
    list(bed, &bed->workers[0], &lister);
    assert_int_equal(lister.trace.source, CACHE_HIT);
}

static void lost_marks_of_writers_leave_no_stale_page_after_the_answer(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    struct lister beside, after;
    bed_hold(&bed->workers[0], true);
    writer_start(&writer, &bed->workers[0], "d");
    bed_redis(&bed->workers[0]);
    fake_server_evict(bed->server, WRITERS);
    list(bed, &bed->workers[1], &beside);
    assert_true(beside.trace.stored);
    bed_let_go(bed);
    list(bed, &bed->workers[1], &after);
    assert_non_null(strstr(after.body, "\"id\":\"d\""));
}

static void a_generation_that_is_no_token_is_replaced(void **state)
{
    struct bed *bed = *state;
    struct lister lister;
    fake_server_set_text(bed->server, GENERATION, "1");
    list(bed, &bed->workers[0], &lister);
    assert_true(lister.trace.stored);
    list(bed, &bed->workers[0], &lister);
    assert_int_equal(lister.trace.source, CACHE_HIT);
}

static void without_redis_pages_come_from_the_store(void **state)
{
    struct bed *bed = *state;
    struct lister lister;
    fake_server_leave(bed->server);
    bed_settle(bed);
    fake_journal_reset();
    list(bed, &bed->workers[0], &lister);
    assert_journal("list");
    assert_int_equal(lister.trace.source, CACHE_BYPASS);
}

static void redis_may_go_at_any_step_of_a_list(void **state)
{
    struct bed *bed = *state;
    struct worker *worker = &bed->workers[0];
    for (int taken = 0; taken < 14; taken++) {
        struct lister lister, joined;
        bed_hold(worker, true);
        list_start(&lister, worker, newest);
        list_start(&joined, worker, newest);
        for (int i = 0; i < taken; i++)
            (void)(fake_redis_execute(bed_connection(worker)) || fake_redis_deliver(bed_connection(worker)) ||
                   fake_pool_work(worker->pool) || fake_pool_done(worker->pool));
        fake_redis_cut(bed_connection(worker));
        bed_let_go(bed);
        assert_number("answers", lister.answers, 1);
        assert_number("answers", joined.answers, 1);
        assert_int_equal(lister.status, STATUS_OK);
        assert_int_equal(joined.status, STATUS_OK);
        bed_pass(bed, 2 * FAKE_RECONNECT_MS);
        fake_server_flush(bed->server);
    }
}

static void a_store_that_is_away_is_told_and_nothing_is_kept(void **state)
{
    struct bed *bed = *state;
    struct lister lister;
    fake_store_fail(bed->store, FAKE_LIST, 0, STATUS_UNAVAILABLE);
    list_start(&lister, &bed->workers[0], newest);
    bed_settle(bed);
    assert_int_equal(lister.status, STATUS_UNAVAILABLE);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_STORE_LIST_FAILED), 1);
    list(bed, &bed->workers[0], &lister);
    assert_true(lister.trace.stored);
}

static void on_inserted(void *ctx, enum status status, const struct error *error)
{
    (void)error;
    *(enum status *)ctx = status;
}

/* One page upwards, from behind after; whether it has the todo "late". */
static bool page_has_late(struct bed *bed, struct worker *worker, struct cursor after)
{
    struct lister lister;
    struct store_query upwards = {.limit = 10, .ascending = true, .has_after = true, .after = after};
    list_start(&lister, worker, upwards);
    bed_settle(bed);
    assert_int_equal(lister.status, STATUS_OK);
    return strstr(lister.body, "\"id\":\"late\"") != NULL;
}

/*
 * A todo gets its created_at when its request is read, and is seen when it is committed. A walk upwards that has passed that time
 * in between does not show it. But a write that waits too long is not made: so behind a cursor that is older than
 * write_deadline_ms nothing comes late.
 */
static void upwards_nothing_comes_late_behind_a_cursor_older_than_the_deadline(void **state)
{
    static const struct {
        int64_t waits_ms;
        enum status want;
    } cases[] = {{10, STATUS_OK}, {5900, STATUS_OK}, {6000, STATUS_BUSY}, {20000, STATUS_BUSY}};
    struct bed *bed = *state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct worker *worker = &bed->workers[0], *other = &bed->workers[1];
        enum status status = STATUS_COUNT;
        struct cache_insert insert = {.done = on_inserted, .ctx = &status};
        int64_t begun_ms = fake_now_ms();
        insert.todo = (struct todo){.name = SLICE("n"), .v = 1, .created_at_ms = begun_ms, .updated_at_ms = begun_ms};
        todo_set_id(&insert.todo, SLICE("late"));
        bed_hold(worker, true);
        cache_insert(worker->cache, &insert);
        bed_redis(worker); /* the fence */
        bed_pass(bed, cases[i].waits_ms);
        struct cursor passed = {.created_at_ms = fake_now_ms()}, older = {.created_at_ms = begun_ms - 1};
        assert_false(page_has_late(bed, other, older));
        bed_let_go(bed);
        assert_number("status", status, cases[i].want);
        assert_false(page_has_late(bed, other, passed));
        assert_int_equal(page_has_late(bed, other, older), status == STATUS_OK);
        assert_true(status != STATUS_OK || fake_now_ms() - begun_ms < bed->settings.write_deadline_ms);
        fake_store_remove(bed->store, "late");
        bed_pass(bed, bed->settings.write_deadline_ms + 1000);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, bed_end)
    const struct CMUnitTest tests[] = {
        TEST(a_miss_asks_for_the_generation_reads_and_fills),
        TEST(a_hit_is_one_round_trip_and_the_same_bytes),
        TEST(the_last_page_has_no_next_one),
        TEST(a_page_ends_with_its_lifetime),
        TEST(a_list_after_a_write_shows_it),
        TEST(a_page_read_before_a_write_is_not_filled),
        TEST(pages_are_not_filled_while_a_write_is_under_way),
        TEST(who_joined_a_refused_flight_sees_the_write),
        TEST(many_readers_of_one_page_ask_the_store_once),
        TEST(readers_of_one_page_share_its_answer),
        TEST(who_joins_an_older_answer_sees_the_write),
        TEST(other_queries_have_other_pages),
        TEST(a_generation_that_was_evicted_costs_misses),
        TEST(lost_marks_of_writers_leave_no_stale_page_after_the_answer),
        TEST(a_generation_that_is_no_token_is_replaced),
        TEST(without_redis_pages_come_from_the_store),
        TEST(redis_may_go_at_any_step_of_a_list),
        TEST(a_store_that_is_away_is_told_and_nothing_is_kept),
        TEST(upwards_nothing_comes_late_behind_a_cursor_older_than_the_deadline),
    };
    return cmocka_run_group_tests_name("list_read", tests, NULL, NULL);
}
