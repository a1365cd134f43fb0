/* SPDX-License-Identifier: MIT */
/*
 * The auditor (cache/auditor.c) and its comparison (cache/audit.c): what counts as wrong, what doesn't, and that it is bounded.
 *
 * Todo "a" is at version 1 and cached. A foreign write, fake_store_put(), changes the store behind the cache's back.
 */
#include "cache_bed.h"

#include "audit/auditor.h"
#include "cache/cache_state.h"
#include "cache/trust.h"

#define ENTRY "todo:1:{a}"

static int begin_with_rate(void **state, int64_t rate)
{
    bed_begin_idle(state);
    struct bed *bed = *state;
    bed->settings.audit_rate = rate;
    bed_begin_trusted(bed);
    fake_store_put(bed->store, "a", 1);
    bed_read(bed, &bed->workers[0], "a");
    return 0;
}

static int begin(void **state)
{
    return begin_with_rate(state, 1);
}

static int begin_off(void **state)
{
    return begin_with_rate(state, 0);
}

static int begin_one_in_ten(void **state)
{
    return begin_with_rate(state, 10);
}

static uint64_t count(const struct bed *bed, enum stat_counter stat)
{
    return bed_counter(&bed->workers[0], stat);
}

static uint64_t count_all(const struct bed *bed)
{
    uint64_t sum = 0;
    for (int stat = STAT_AUDIT_CONSISTENT; stat <= STAT_AUDIT_NEGATIVE_UNANSWERED; stat++)
        sum += count(bed, (enum stat_counter)stat);
    return sum;
}

static void seconds_pass(struct bed *bed, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        bed_pass(bed, 1000);
        bed_tend(bed);
    }
}

static void hit(struct bed *bed, const char *id)
{
    struct reader reader;
    reader_start(&reader, &bed->workers[0], id);
    bed_settle(bed);
    assert_int_equal(reader.trace.source, CACHE_HIT);
}

static void a_hit_is_compared_three_times_and_forgotten(void **state)
{
    struct bed *bed = *state;
    hit(bed, "a");
    bed_tend(bed);
    assert_int_equal(count_all(bed), 0);
    seconds_pass(bed, 2);
    assert_int_equal(count(bed, STAT_AUDIT_CONSISTENT), 1);
    seconds_pass(bed, 9);
    assert_int_equal(count(bed, STAT_AUDIT_CONSISTENT), 2);
    seconds_pass(bed, 50);
    assert_int_equal(count(bed, STAT_AUDIT_CONSISTENT), 3);
    seconds_pass(bed, 100);
    assert_int_equal(count_all(bed), 3);
    assert_int_equal(bed_counter(&bed->workers[1], STAT_AUDIT_CONSISTENT), 0);
}

static void an_entry_behind_the_store_is_inconsistent(void **state)
{
    struct bed *bed = *state;
    hit(bed, "a");
    fake_store_put(bed->store, "a", 2);
    seconds_pass(bed, 2);
    assert_int_equal(count(bed, STAT_AUDIT_INCONSISTENT), 1);
    assert_int_equal(count_all(bed), 1);
}

static void the_same_todo_of_another_life_is_inconsistent(void **state)
{
    struct bed *bed = *state;
    hit(bed, "a");
    fake_store_remove(bed->store, "a");
    fake_store_put(bed->store, "a", 1); /* in the same moment, with the same name */
    seconds_pass(bed, 2);
    assert_int_equal(count(bed, STAT_AUDIT_INCONSISTENT), 1);
}

static void the_right_version_with_a_wrong_text_is_inconsistent(void **state)
{
    struct bed *bed = *state;
    hit(bed, "a");
    fake_server_set_field(bed->server, ENTRY, "name", "somebody else's");
    seconds_pass(bed, 2);
    assert_int_equal(count(bed, STAT_AUDIT_INCONSISTENT), 1);
}

static void a_negative_entry_is_compared_as_one(void **state)
{
    struct bed *bed = *state;
    bed_read(bed, &bed->workers[0], "b");
    hit(bed, "b");
    seconds_pass(bed, 2);
    assert_int_equal(count(bed, STAT_AUDIT_NEGATIVE_CONSISTENT), 1);
    fake_store_put(bed->store, "b", 1);
    seconds_pass(bed, 10);
    assert_int_equal(count(bed, STAT_AUDIT_NEGATIVE_INCONSISTENT), 1);
}

/* The first look at Redis has been, worker 0 is about to ask the store. */
static void stop_after_first_look(struct bed *bed)
{
    hit(bed, "a");
    bed_pass(bed, 1000);
    bed_hold(&bed->workers[0], true);
    auditor_tend(bed->workers[0].auditor);
    bed_redis(&bed->workers[0]);
}

static void go_on(struct bed *bed)
{
    bed_hold(&bed->workers[0], false);
    bed_settle(bed);
}

static void a_write_in_between_is_no_inconsistency(void **state)
{
    struct bed *bed = *state;
    stop_after_first_look(bed);
    assert_int_equal(bed_write(bed, &bed->workers[1], "a"), STATUS_OK);
    go_on(bed);
    assert_int_equal(count(bed, STAT_AUDIT_CHANGED), 1);
    assert_int_equal(count_all(bed), 1);
}

static void an_entry_that_was_replaced_in_between_is_no_inconsistency(void **state)
{
    struct bed *bed = *state;
    stop_after_first_look(bed);
    assert_int_equal(bed_write(bed, &bed->workers[1], "a"), STATUS_OK);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2); /* and fills */
    assert_true(fake_server_has(bed->server, ENTRY));
    go_on(bed);
    assert_int_equal(count(bed, STAT_AUDIT_CHANGED), 1);
    assert_int_equal(count_all(bed), 1);
}

static void an_entry_that_stays_beside_a_change_is_inconsistent(void **state)
{
    struct bed *bed = *state;
    stop_after_first_look(bed);
    fake_store_put(bed->store, "a", 2);
    go_on(bed);
    assert_int_equal(count(bed, STAT_AUDIT_INCONSISTENT), 1);
}

static void an_entry_that_is_gone_says_nothing(void **state)
{
    struct bed *bed = *state;
    hit(bed, "a");
    fake_server_evict(bed->server, ENTRY);
    fake_store_put(bed->store, "a", 2);
    seconds_pass(bed, 2);
    assert_int_equal(count(bed, STAT_AUDIT_CHANGED), 1);
    assert_int_equal(count_all(bed), 1);
}

static void a_store_without_an_answer_says_nothing(void **state)
{
    struct bed *bed = *state;
    hit(bed, "a");
    fake_store_fail(bed->store, FAKE_GET, 0, STATUS_UNAVAILABLE);
    seconds_pass(bed, 2);
    assert_int_equal(count(bed, STAT_AUDIT_UNANSWERED), 1);
    seconds_pass(bed, 10);
    assert_int_equal(count(bed, STAT_AUDIT_CONSISTENT), 1);
}

static void redis_may_go_at_either_look(void **state)
{
    struct bed *bed = *state;
    stop_after_first_look(bed);
    fake_store_put(bed->store, "a", 2);
    bed_store(&bed->workers[0]);
    fake_server_leave(bed->server);
    go_on(bed);
    assert_int_equal(count(bed, STAT_AUDIT_UNANSWERED), 1);
    seconds_pass(bed, 20); /* nothing is begun while it is away */
    assert_int_equal(count_all(bed), 1);
    bed->server->away = false;
    seconds_pass(bed, 4);
    assert_int_equal(count_all(bed), 2);
}

static void trust_that_was_withdrawn_in_between_says_nothing(void **state)
{
    struct bed *bed = *state;
    stop_after_first_look(bed);
    fake_store_put(bed->store, "a", 2);
    trust_report_refusal(home_of_list(bed->workers[0].cache).trust, "a test");
    go_on(bed);
    assert_int_equal(count(bed, STAT_AUDIT_UNANSWERED), 1);
}

static void a_rate_of_none_takes_none(void **state)
{
    struct bed *bed = *state;
    for (int i = 0; i < 1000; i++)
        hit(bed, "a");
    seconds_pass(bed, 3);
    assert_int_equal(count_all(bed), 0);
}

static void a_rate_of_ten_takes_a_tenth(void **state)
{
    struct bed *bed = *state;
    for (int i = 0; i < 1000; i++)
        hit(bed, "a");
    seconds_pass(bed, 3);
    assert_true(count_all(bed) > 50 && count_all(bed) < 150);
}

static void what_it_remembers_is_bounded(void **state)
{
    struct bed *bed = *state;
    for (int i = 0; i < 1000; i++)
        hit(bed, "a");
    seconds_pass(bed, 3);
    assert_int_equal(count_all(bed), 256);
    unsigned before = fake_store_calls(bed->store, FAKE_GET);
    seconds_pass(bed, 70);
    assert_int_equal(fake_store_calls(bed->store, FAKE_GET) - before, 2 * 256);
    bed_read(bed, &bed->workers[0], "b");
    hit(bed, "b");
    seconds_pass(bed, 3);
    assert_int_equal(count_all(bed), 3 * 256 + 1);
}

static void few_comparisons_run_at_once(void **state)
{
    struct bed *bed = *state;
    for (int i = 0; i < 50; i++)
        hit(bed, "a");
    bed_pass(bed, 1000);
    bed_hold(&bed->workers[0], true);
    auditor_tend(bed->workers[0].auditor);
    auditor_tend(bed->workers[0].auditor);
    for (int i = 0; i < 4; i++)
        bed_redis(&bed->workers[0]);
    assert_false(fake_redis_execute(bed_connection(&bed->workers[0])));
    assert_int_equal(pool_busy_count(bed->workers[0].pool), 4);
    go_on(bed);
    assert_int_equal(count_all(bed), 50);
}

static void a_worker_that_ends_leaves_its_samples(void **state)
{
    struct bed *bed = *state;
    hit(bed, "a");
    bed_pass(bed, 1000);
    bed_hold(&bed->workers[0], true);
    auditor_tend(bed->workers[0].auditor);
    bed_stop_workers(bed); /* the look that is under way fails; cache_free() would end a process that leaks it */
}

int main(void)
{
#define TEST(name)            cmocka_unit_test_setup_teardown(name, begin, bed_end)
#define TEST_WITH(name, rate) cmocka_unit_test_setup_teardown(name, rate, bed_end)
    const struct CMUnitTest tests[] = {
        TEST(a_hit_is_compared_three_times_and_forgotten),
        TEST(an_entry_behind_the_store_is_inconsistent),
        TEST(the_same_todo_of_another_life_is_inconsistent),
        TEST(the_right_version_with_a_wrong_text_is_inconsistent),
        TEST(a_negative_entry_is_compared_as_one),
        TEST(a_write_in_between_is_no_inconsistency),
        TEST(an_entry_that_was_replaced_in_between_is_no_inconsistency),
        TEST(an_entry_that_stays_beside_a_change_is_inconsistent),
        TEST(an_entry_that_is_gone_says_nothing),
        TEST(a_store_without_an_answer_says_nothing),
        TEST(redis_may_go_at_either_look),
        TEST(trust_that_was_withdrawn_in_between_says_nothing),
        TEST_WITH(a_rate_of_none_takes_none, begin_off),
        TEST_WITH(a_rate_of_ten_takes_a_tenth, begin_one_in_ten),
        TEST(what_it_remembers_is_bounded),
        TEST(few_comparisons_run_at_once),
        TEST(a_worker_that_ends_leaves_its_samples),
    };
    return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
