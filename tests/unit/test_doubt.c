/* SPDX-License-Identifier: MIT */
/*
 * Marks past their deadline (cache/doubt.c): nothing is filled for their ids until the store shows where it stands.
 *
 * A store whose majority lags is played by hand: the write is applied (version 2), but reads are made to see version 1 until the
 * test lets the majority have it.
 */
#include "cache_bed.h"

static const char ENTRY[] = "todo:1:{a}", WRITERS[] = "todo:1:{a}:writers";
static const char LIST_WRITERS[] = "todos:1:{list}:writers";

enum { RETRY_MS = 250 };

static int begin(void **state)
{
    bed_begin(state);
    struct bed *bed = *state;
    fake_store_put(bed->store, "a", 1);
    fake_journal_reset();
    return 0;
}

/* A write without an outcome, which no majority has yet; then its mark's deadline passes. */
static void leave_in_doubt(struct bed *bed)
{
    fake_store_fail(bed->store, FAKE_LOAD, 0, STATUS_UNKNOWN);
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_UNKNOWN);
    fake_store_put(bed->store, "a", 1);
    bed_pass(bed, bed->settings.write_deadline_ms);
    fake_journal_reset();
}

/* A reader of the first worker is told so; what it does next waits. */
static void read_in_doubt(struct bed *bed, struct reader *reader)
{
    struct worker *worker = &bed->workers[0];
    leave_in_doubt(bed);
    bed_hold(worker, true);
    reader_start(reader, worker, "a");
    bed_redis(worker);
    bed_redis(worker); /* DOUBT */
}

static void nothing_is_filled_until_the_store_shows_where_it_stands(void **state)
{
    struct bed *bed = *state;
    leave_in_doubt(bed);
    fake_store_fail(bed->store, FAKE_BARRIER, 0, STATUS_UNKNOWN); /* no majority */
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1);
    assert_false(fake_server_has(bed->server, ENTRY));
    assert_int_equal(fake_server_members(bed->server, WRITERS), 1);
    fake_store_put(bed->store, "a", 2); /* the majority has it */
    bed_pass(bed, RETRY_MS);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
    assert_false(fake_server_has(bed->server, WRITERS));
    assert_int_equal(bed_counter(&bed->workers[1], STAT_MARKS_CLEARED), 1);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
    assert_true(fake_server_has(bed->server, ENTRY));
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 2);
}

static void readers_do_not_wait_for_the_barrier(void **state)
{
    struct bed *bed = *state;
    struct worker *worker = &bed->workers[0];
    struct reader reader;
    read_in_doubt(bed, &reader);
    bed_work(worker);
    bed_done(worker); /* the barrier or the read, whichever is first */
    bed_work(worker);
    bed_done(worker);
    assert_int_equal(reader.answers, 1);
    assert_int_equal(reader.trace.source, CACHE_BYPASS);
    assert_true(fake_server_has(bed->server, WRITERS)); /* clear.lua is on its way */
    bed_let_go(bed);
    assert_false(fake_server_has(bed->server, WRITERS));
}

static void one_barrier_at_a_time_is_asked_for(void **state)
{
    struct bed *bed = *state;
    struct reader readers[3];
    leave_in_doubt(bed);
    for (int i = 0; i < 3; i++)
        reader_start(&readers[i], &bed->workers[0], "a");
    fake_store_fail(bed->store, FAKE_BARRIER, 0, STATUS_UNAVAILABLE);
    bed_settle(bed);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 1); /* before the pause is over */
    assert_int_equal(fake_store_calls(bed->store, FAKE_BARRIER), 1);
}

/* A later write's entry must not stand beside a mark in doubt: that write may come after it, or before. */
static void a_publish_beside_a_mark_in_doubt_leaves_no_entry(void **state)
{
    struct bed *bed = *state;
    bed->settings.write_policy = WRITE_PUBLISH;
    leave_in_doubt(bed);
    assert_int_equal(bed_write(bed, &bed->workers[1], "a"), STATUS_OK);
    assert_false(fake_server_has(bed->server, ENTRY));
    assert_true(fake_server_has(bed->server, WRITERS));
    bed_pass(bed, bed->settings.write_deadline_ms); /* of '!', which the later write has left */
    bed_read(bed, &bed->workers[1], "a");
    bed_read(bed, &bed->workers[1], "a");
    assert_true(fake_server_has(bed->server, ENTRY));
}

/* The barrier says nothing of writes whose marks came after it was begun. */
static void a_mark_that_is_set_during_the_barrier_stays(void **state)
{
    struct bed *bed = *state;
    struct reader reader;
    read_in_doubt(bed, &reader);
    fake_store_fail(bed->store, FAKE_LOAD, 0, STATUS_UNKNOWN);
    assert_int_equal(bed_write(bed, &bed->workers[1], "a"), STATUS_UNKNOWN);
    bed_let_go(bed);
    assert_int_equal(fake_server_members(bed->server, WRITERS), 2); /* the new mark, and '!' */
    bed_read(bed, &bed->workers[1], "a");
    assert_false(fake_server_has(bed->server, ENTRY));
}

static void on_listed(void *ctx, const struct cache_page_answer *answer)
{
    *(enum cache_source *)ctx = answer->trace.source;
}

static enum cache_source list(struct bed *bed)
{
    enum cache_source source = CACHE_REQUEST;
    struct cache_list list = {.query = {.limit = 10}, .demand = {.max_age_ms = -1}, .done = on_listed, .ctx = &source};
    cache_list(bed->workers[0].cache, &list);
    bed_settle(bed);
    return source;
}

static void pages_wait_for_the_store_as_well(void **state)
{
    struct bed *bed = *state;
    leave_in_doubt(bed);
    assert_int_equal(list(bed), CACHE_BYPASS);
    assert_false(fake_server_has(bed->server, LIST_WRITERS));
    assert_int_equal(list(bed), CACHE_MISS);
    assert_int_equal(list(bed), CACHE_HIT);
}

/* Redis was away: what the outbox has of that write is no proof either. */
static void an_open_record_past_its_deadline_waits_for_the_store(void **state)
{
    struct bed *bed = *state;
    struct store_fence fence = {.token = token_new(), .id = "a", .deadline_at_ms = fake_now_ms() - 1};
    fake_store_outbox_add(bed->store, &fence);
    fake_store_fail(bed->store, FAKE_BARRIER, 0, STATUS_UNAVAILABLE);
    worker_tend(&bed->workers[0]);
    bed_settle(bed);
    assert_int_equal(bed_outbox_count(bed), 1);
    assert_int_equal(fake_server_members(bed->server, WRITERS), 1); /* past its deadline, so readers ask */
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1);
    bed_tend(bed);
    assert_int_equal(bed_outbox_count(bed), 0);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1);
    assert_true(fake_server_has(bed->server, ENTRY));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_filled_until_the_store_shows_where_it_stands, begin, bed_end),
        cmocka_unit_test_setup_teardown(readers_do_not_wait_for_the_barrier, begin, bed_end),
        cmocka_unit_test_setup_teardown(one_barrier_at_a_time_is_asked_for, begin, bed_end),
        cmocka_unit_test_setup_teardown(a_publish_beside_a_mark_in_doubt_leaves_no_entry, begin, bed_end),
        cmocka_unit_test_setup_teardown(a_mark_that_is_set_during_the_barrier_stays, begin, bed_end),
        cmocka_unit_test_setup_teardown(pages_wait_for_the_store_as_well, begin, bed_end),
        cmocka_unit_test_setup_teardown(an_open_record_past_its_deadline_waits_for_the_store, begin, bed_end),
    };
    return cmocka_run_group_tests_name("doubt", tests, NULL, NULL);
}
