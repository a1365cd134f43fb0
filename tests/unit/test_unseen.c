/* SPDX-License-Identifier: MIT */
/*
 * Hits of a worker that can't see the store (cache/trust.c): it can't tell an outage from a split network. What it says of such
 * hits, how long they go on, and how trust comes back.
 *
 * workers[0] is on the side without the store. Todo "a" is in Redis at version 1.
 */
#include "cache_bed.h"

#include "cache/cache_state.h"
#include "cache/trust.h"

static int begin(void **state)
{
    bed_begin(state);
    struct bed *bed = *state;
    fake_store_put(bed->store, "a", 1);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 1);
    bed_tend(bed);
    return 0;
}

static struct reader hit(struct bed *bed)
{
    struct reader reader;
    reader_start(&reader, &bed->workers[0], "a");
    bed_settle(bed);
    assert_int_equal(reader.answers, 1);
    return reader;
}

/* The worker's own looks fail, while the others' calls go well. */
static void pass_unseen(struct bed *bed, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        bed_pass(bed, 1000);
        fake_pool_refuse(bed->workers[0].pool, STATUS_UNAVAILABLE);
        worker_tend(&bed->workers[0]);
        bed_settle(bed);
        fake_pool_refuse(bed->workers[0].pool, STATUS_OK);
        worker_tend(&bed->workers[1]);
        bed_settle(bed);
    }
}

static void a_hit_says_that_the_store_was_not_seen_for_long(void **state)
{
    struct bed *bed = *state;
    pass_unseen(bed, 2);
    assert_false(hit(bed).trace.unseen);
    pass_unseen(bed, 1);
    struct reader reader = hit(bed);
    assert_int_equal(reader.trace.source, CACHE_HIT);
    assert_true(reader.trace.unseen);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_HIT_UNSEEN), 1);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_STORE_UNSEEN), 1);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_LOOK_FAILED), 3);
    bed_tend(bed);
    assert_false(hit(bed).trace.unseen);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_HIT_UNSEEN), 1);
    assert_int_equal(bed_counter(&bed->workers[1], STAT_STORE_UNSEEN), 0);
}

static void without_a_bound_hits_go_on_as_long_as_entries_live(void **state)
{
    struct bed *bed = *state;
    pass_unseen(bed, 200);
    assert_int_equal(hit(bed).trace.source, CACHE_HIT);
    assert_true(hit(bed).trace.unseen);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_STORE_UNSEEN), 198);
}

/* Worker 1 reaches the store but not Redis, so its invalidation is in the outbox, which worker 0 can't read. */
static void a_bound_ends_what_a_split_network_would_leave_stale(void **state)
{
    struct bed *bed = *state;
    struct store_fence fence = {.token = token_new(), .id = "a", .is_closed = true};
    bed->settings.hits_without_store_s = 10;
    bed_hold(&bed->workers[1], true); /* it must not bring the record to Redis itself */
    fake_store_put(bed->store, "a", 2);
    fake_store_outbox_add(bed->store, &fence);
    fake_pool_refuse(bed->workers[0].pool, STATUS_UNAVAILABLE);
    for (int i = 0; i < 10; i++) {
        bed_pass(bed, 1000);
        worker_tend(&bed->workers[0]);
        bed_settle(bed);
        assert_int_equal(hit(bed).v, 1);
    }
    bed_pass(bed, 1000);
    worker_tend(&bed->workers[0]);
    bed_settle(bed);
    assert_false(cache_is_trusted(bed->workers[0].cache));
    assert_int_equal(hit(bed).status, STATUS_UNAVAILABLE);
    fake_pool_refuse(bed->workers[0].pool, STATUS_OK);
    worker_tend(&bed->workers[0]);
    bed_settle(bed);
    assert_true(cache_is_trusted(bed->workers[0].cache)); /* after a check and a drain */
    assert_int_equal(bed_outbox_count(bed), 0);
    assert_int_equal(hit(bed).v, 2);
    assert_false(hit(bed).trace.unseen);
    bed_hold(&bed->workers[1], false);
    bed_settle(bed);
}

/* The record can be read, but not the outbox: that is no good look. */
static void a_look_without_a_drain_is_not_good(void **state)
{
    struct bed *bed = *state;
    for (int i = 0; i < 4; i++) {
        bed_pass(bed, 1000);
        fake_store_fail(bed->store, FAKE_OUTBOX_LIST, 0, STATUS_UNAVAILABLE);
        worker_tend(&bed->workers[0]);
        bed_settle(bed);
    }
    assert_true(hit(bed).trace.unseen);
}

/* Its job waits in the queue of an overloaded store, and no other look begins meanwhile. */
static void a_look_that_does_not_end_is_not_good(void **state)
{
    struct bed *bed = *state;
    bed->settings.hits_without_store_s = 5;
    fake_pool_hold(bed->workers[0].pool, true);
    for (int i = 0; i < 4; i++) {
        bed_pass(bed, 1000);
        worker_tend(&bed->workers[0]);
    }
    assert_true(hit(bed).trace.unseen);
    for (int i = 0; i < 3; i++) {
        bed_pass(bed, 1000);
        worker_tend(&bed->workers[0]);
    }
    assert_false(cache_is_trusted(bed->workers[0].cache));
    fake_pool_hold(bed->workers[0].pool, false);
    bed_settle(bed);
    bed_tend(bed);
    assert_true(cache_is_trusted(bed->workers[0].cache));
    assert_false(hit(bed).trace.unseen);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, bed_end)
    const struct CMUnitTest tests[] = {
        TEST(a_hit_says_that_the_store_was_not_seen_for_long),
        TEST(without_a_bound_hits_go_on_as_long_as_entries_live),
        TEST(a_bound_ends_what_a_split_network_would_leave_stale),
        TEST(a_look_without_a_drain_is_not_good),
        TEST(a_look_that_does_not_end_is_not_good),
    };
    return cmocka_run_group_tests_name("unseen", tests, NULL, NULL);
}
