/* SPDX-License-Identifier: MIT */
/*
 * Writes of a worker that hasn't learned yet that the epoch has moved on (cache/write.c): those who have may hold, under the new
 * epoch, what such a write makes old, and its fence and unfence stand where they never look.
 *
 * workers[0] is the late one, workers[1] the one that knows. Todo "a" is at version 1.
 */
#include "cache_bed.h"

#include "cache/cache_state.h"
#include "cache/trust.h"

#define OLD_WRITERS "todo:1:{a}:writers"
#define NEW_ENTRY   bed_key(bed, "todo:", ":{a}")

static int begin(void **state)
{
    bed_begin(state);
    struct bed *bed = *state;
    fake_store_put(bed->store, "a", 1);
    return 0;
}

/* As by "todoctl purge --all": the same Redis, another epoch, and workers[1] has an entry there. */
static void move_epoch(struct bed *bed)
{
    fake_store_meta(bed->store)->epoch = 2;
    worker_tend(&bed->workers[1]);
    bed_settle(bed);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1);
    assert_true(fake_server_has(bed->server, NEW_ENTRY));
    assert_int_equal(home_of_list(bed->workers[0].cache).epoch, 1);
    fake_journal_reset();
}

static void a_write_looks_once_whether_the_epoch_still_stands(void **state)
{
    struct bed *bed = *state;
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
    assert_journal("FENCE load meta_get UNFENCE");
    assert_int_equal(bed_outbox_count(bed), 0);
}

static void an_entry_of_the_new_epoch_is_gone_within_a_second(void **state)
{
    struct bed *bed = *state;
    move_epoch(bed);
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
    assert_int_equal(fake_store_outbox_count(bed->store, true), 1);
    assert_false(fake_server_has(bed->server, OLD_WRITERS));
    worker_tend(&bed->workers[1]);
    bed_settle(bed);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
    assert_int_equal(bed_outbox_count(bed), 0);
}

/* The old one lives on, and keeps whoever is connected to it; the address leads to another. */
static void nor_does_one_in_another_redis_outlive_it(void **state)
{
    struct bed *bed = *state;
    struct fake_server *next = fake_server_new("fake:a", "run-b"); /* found before the first one */
    fake_redis_cut(bed_connection(&bed->workers[1]));
    bed_pass(bed, 2 * FAKE_RECONNECT_MS);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1);
    assert_true(fake_server_has(next, NEW_ENTRY));
    assert_true(cache_is_trusted(bed->workers[0].cache));
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
    worker_tend(&bed->workers[1]);
    bed_settle(bed);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
    bed_stop_workers(bed);
    fake_server_free(next);
}

static void an_epoch_that_moves_after_the_look_is_no_matter(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    bed_fence(bed, &writer);
    bed_store(&bed->workers[0]);
    fake_store_meta(bed->store)->epoch = 2;
    worker_tend(&bed->workers[1]);
    bed_settle(bed);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
    bed_let_go(bed);
    assert_int_equal(writer.status, STATUS_OK);
    assert_int_equal(fake_store_calls(bed->store, FAKE_OUTBOX_PUT), 0);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
}

static void a_write_through_publishes_nothing_then(void **state)
{
    struct bed *bed = *state;
    bed->settings.write_policy = WRITE_PUBLISH;
    move_epoch(bed);
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
    assert_journal("FENCE load meta_get outbox_put UNFENCE");
}

/* The time limit of the answer is used up, and a store that didn't answer this will hardly answer that. */
static void an_unknown_outcome_is_answered_without_a_look(void **state)
{
    struct bed *bed = *state;
    fake_store_fail(bed->store, FAKE_LOAD, 0, STATUS_UNKNOWN);
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_UNKNOWN);
    assert_journal("FENCE load");
}

static void what_the_store_does_not_tell_counts_as_moved(void **state)
{
    struct bed *bed = *state;
    fake_store_fail(bed->store, FAKE_META_GET, 0, STATUS_UNAVAILABLE);
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
    assert_journal("FENCE load meta_get outbox_put UNFENCE");
    bed_tend(bed);
    assert_int_equal(bed_outbox_count(bed), 0);
}

static void a_record_that_the_store_does_not_take_is_owed(void **state)
{
    struct bed *bed = *state;
    move_epoch(bed);
    fake_store_fail(bed->store, FAKE_OUTBOX_PUT, 0, STATUS_UNAVAILABLE);
    fake_store_fail(bed->store, FAKE_OUTBOX_PUT, 1, STATUS_UNAVAILABLE);
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
    bed_tend(bed);
    bed_tend(bed);
    assert_int_equal(bed_outbox_count(bed), 0);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
}

static void a_write_that_changed_nothing_does_not_look(void **state)
{
    struct bed *bed = *state;
    fake_store_fail(bed->store, FAKE_LOAD, 0, STATUS_UNAVAILABLE);
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_UNAVAILABLE);
    assert_journal("FENCE load UNFENCE");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, bed_end)
    const struct CMUnitTest tests[] = {
        TEST(a_write_looks_once_whether_the_epoch_still_stands),
        TEST(an_entry_of_the_new_epoch_is_gone_within_a_second),
        TEST(nor_does_one_in_another_redis_outlive_it),
        TEST(an_epoch_that_moves_after_the_look_is_no_matter),
        TEST(a_write_through_publishes_nothing_then),
        TEST(an_unknown_outcome_is_answered_without_a_look),
        TEST(what_the_store_does_not_tell_counts_as_moved),
        TEST(a_record_that_the_store_does_not_take_is_owed),
        TEST(a_write_that_changed_nothing_does_not_look),
    };
    return cmocka_run_group_tests_name("write_epoch", tests, NULL, NULL);
}
