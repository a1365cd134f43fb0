/* SPDX-License-Identifier: MIT */
/* queue.c, wait.c: waiting for queued writes, and the figures that all workers show. */
#include "applier_bed.h"

/* ---- Waiting for it ---- */

static void a_wait_ends_when_its_write_is_settled(void **state)
{
    struct applier_bed *bed = *state;
    struct find finds[3] = {{0}};
    applier_bed_start(bed);
    queue_freeze(bed, 0, true);
    struct ticket ticket = put_name(bed, 1, "a", "milk");
    int64_t until_ms = events_now_ms(bed->bed->events) + 10000;
    for (size_t i = 0; i < COUNT_OF(finds); i++)
        queue_await(bed->queues[1], ticket, until_ms, on_found, &finds[i]);
    unsigned asked = fake_queue_journal_count("find");
    queue_pass(bed, 1000);
    assert_int_equal(finds[0].answers, 0);
    assert_in_range(fake_queue_journal_count("find") - asked, 20, 50); /* once for all three */
    queue_freeze(bed, 0, false);
    queue_pass(bed, 250);
    for (size_t i = 0; i < COUNT_OF(finds); i++) {
        assert_int_equal(finds[i].answers, 1);
        assert_int_equal(finds[i].found.state, TICKET_SETTLED);
    }
}

static void a_wait_is_bounded(void **state)
{
    struct applier_bed *bed = *state;
    struct find pending = {0}, unanswered = {0}, left = {0};
    applier_bed_start(bed);
    queue_freeze(bed, 0, true);
    struct ticket ticket = put_name(bed, 1, "a", "milk");
    int64_t now_ms = events_now_ms(bed->bed->events);
    queue_await(bed->queues[1], ticket, now_ms + 2000, on_found, &pending);
    struct queue_wait *wait = queue_await(bed->queues[1], ticket, now_ms + 1000, on_found, &left);
    queue_pass(bed, 500);
    queue_leave(wait);
    queue_pass(bed, 1400);
    assert_int_equal(pending.answers, 0);
    queue_pass(bed, 130);
    assert_int_equal(pending.answers, 1);
    assert_int_equal(pending.status, STATUS_OK);
    assert_int_equal(pending.found.state, TICKET_PENDING);
    assert_string_equal(pending.found.outcome.id, "a");
    assert_int_equal(left.answers, 0);
    fake_queue_journal_hold(queue_journal(bed->queues[1]), true);
    now_ms = events_now_ms(bed->bed->events);
    queue_await(bed->queues[1], (struct ticket){1, 5}, now_ms + 100, on_found, &unanswered);
    queue_pass(bed, 130);
    assert_int_equal(unanswered.answers, 1);
    assert_int_equal(unanswered.status, STATUS_UNAVAILABLE);
}

/* The journal told another wait, a moment before, what is over by now. */
static void a_wait_is_not_told_what_was_found_before_it(void **state)
{
    struct applier_bed *bed = *state;
    struct find first = {0}, second = {0};
    applier_bed_start(bed);
    struct ticket ticket = put_name(bed, 1, "a", "milk");
    int64_t now_ms = events_now_ms(bed->bed->events);
    queue_await(bed->queues[1], ticket, now_ms + 10000, on_found, &first);
    while (first.answers == 0)
        queue_pass(bed, 1);
    assert_int_equal(first.found.state, TICKET_SETTLED);
    fake_queue_journal_hold(queue_journal(bed->queues[1]), true);
    now_ms = events_now_ms(bed->bed->events);
    queue_await(bed->queues[1], ticket, now_ms + 100, on_found, &second);
    queue_pass(bed, 130);
    assert_int_equal(second.answers, 1);
    assert_int_equal(second.status, STATUS_UNAVAILABLE);
}

static void a_wait_for_a_ticket_that_nobody_knows_ends_at_once(void **state)
{
    struct applier_bed *bed = *state;
    struct find find = {0};
    applier_bed_start(bed);
    queue_await(bed->queues[1], (struct ticket){1, 5}, INT64_MAX, on_found, &find);
    assert_int_equal(find.answers, 0);
    queue_settle(bed);
    assert_int_equal(find.answers, 1);
    assert_int_equal(find.found.state, TICKET_UNKNOWN);
}

/* ---- Figures ---- */

static void one_worker_looks_and_all_show_the_figures(void **state)
{
    struct applier_bed *bed = *state;
    applier_bed_start(bed);
    fake_store_set_away(bed->bed->store, true);
    several(bed, 5, "a");
    unsigned looks = fake_queue_journal_count("look");
    queue_pass(bed, 9000);
    assert_int_equal(fake_queue_journal_count("look") - looks, 3);
    for (unsigned i = 0; i < BED_WORKERS; i++) {
        const struct stats *stats = &bed->bed->workers[i].stats;
        assert_int_equal(stats->gauge[STAT_NOW_QUEUE_DEPTH], 5);
        assert_in_range(stats->gauge[STAT_NOW_QUEUE_OLDEST], 8, 9);
        assert_int_equal(stats->gauge[STAT_NOW_QUEUE_DEAD], 0);
    }
    fake_store_set_away(bed->bed->store, false);
    queue_pass(bed, 5000);
    assert_int_equal(bed->bed->workers[1].stats.gauge[STAT_NOW_QUEUE_DEPTH], 0);
    assert_int_equal(bed->bed->workers[1].stats.gauge[STAT_NOW_QUEUE_OLDEST], 0);
}

#define WAIT_TEST(name) cmocka_unit_test_setup_teardown(name, applier_bed_begin, applier_bed_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WAIT_TEST(a_wait_ends_when_its_write_is_settled),
        WAIT_TEST(a_wait_is_bounded),
        WAIT_TEST(a_wait_is_not_told_what_was_found_before_it),
        WAIT_TEST(a_wait_for_a_ticket_that_nobody_knows_ends_at_once),
        WAIT_TEST(one_worker_looks_and_all_show_the_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
