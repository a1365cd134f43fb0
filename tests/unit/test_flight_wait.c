/* SPDX-License-Identifier: MIT */
/*
 * Readers that wait for another worker's fill (cache/flight.c): how long, what they find, and what becomes of them if it never comes.
 *
 * workers[0] is held in the store, workers[1] waits. Todo "a" is at version 1.
 */
#include "cache_bed.h"

#include "cache/cache_state.h"

#define ENTRY "todo:1:{a}"
#define LEASE "todo:1:{a}:lease"

static int begin(void **state)
{
    bed_begin(state);
    struct bed *bed = *state;
    fake_store_put(bed->store, "a", 1);
    return 0;
}

static unsigned gets(const struct bed *bed)
{
    return fake_store_calls(bed->store, FAKE_GET);
}

static void who_waits_finds_what_another_worker_fills(void **state)
{
    struct bed *bed = *state;
    struct reader slow, waiting;
    bed_fetch(bed, &slow);
    reader_start(&waiting, &bed->workers[1], "a");
    bed_settle(bed);
    assert_int_equal(waiting.answers, 0);
    bed_let_go(bed);
    assert_int_equal(slow.answers, 1);
    bed_pass(bed, 5);
    assert_int_equal(waiting.answers, 1);
    assert_int_equal(waiting.v, 1);
    assert_int_equal(waiting.trace.source, CACHE_HIT);
    assert_int_equal(waiting.trace.age_ms, 5);
    assert_int_equal(gets(bed), 1);
    assert_int_equal(bed_counter(&bed->workers[1], STAT_WAIT), 1);
}

static void who_waits_finds_that_there_is_none(void **state)
{
    struct bed *bed = *state;
    struct reader slow, waiting;
    bed_hold(&bed->workers[0], true);
    reader_start(&slow, &bed->workers[0], "b");
    bed_redis(&bed->workers[0]); /* HGETALL */
    bed_redis(&bed->workers[0]); /* the lease */
    reader_start(&waiting, &bed->workers[1], "b");
    bed_settle(bed);
    bed_hold(&bed->workers[0], false);
    bed_pass(bed, 5);
    assert_int_equal(waiting.answers, 1);
    assert_int_equal(waiting.status, STATUS_NOT_FOUND);
    assert_int_equal(waiting.trace.source, CACHE_HIT);
    assert_int_equal(bed_counter(&bed->workers[1], STAT_NEGATIVE_HIT), 1);
}

static void who_waited_long_enough_reads_the_store_and_fills_nothing(void **state)
{
    struct bed *bed = *state;
    struct reader slow, waiting;
    bed_fetch(bed, &slow);
    reader_start(&waiting, &bed->workers[1], "a");
    bed_pass(bed, bed->settings.lease_wait_ms - 50);
    assert_int_equal(waiting.answers, 0);
    bed_pass(bed, 50);
    assert_int_equal(waiting.answers, 1);
    assert_int_equal(waiting.v, 1);
    assert_int_equal(waiting.trace.source, CACHE_MISS);
    assert_false(waiting.trace.stored);
    assert_false(fake_server_has(bed->server, ENTRY));
    assert_in_range(bed->server->redis->command_count, 8, 16); /* it asked less and less often */
    bed_let_go(bed);
}

static void without_patience_nobody_waits(void **state)
{
    struct bed *bed = *state;
    bed->settings.lease_wait_ms = 0;
    struct reader slow, impatient;
    bed_fetch(bed, &slow);
    reader_start(&impatient, &bed->workers[1], "a");
    bed_settle(bed);
    assert_int_equal(impatient.v, 1);
    assert_int_equal(bed_counter(&bed->workers[1], STAT_WAIT), 0);
    bed_let_go(bed);
}

static void a_lease_that_nobody_uses_runs_out(void **state)
{
    struct bed *bed = *state;
    fake_server_set_text(bed->server, LEASE, "of a worker that was killed");
    fake_server_set_ttl(bed->server, LEASE, 3000);
    struct reader reader;
    reader_start(&reader, &bed->workers[0], "a");
    bed_pass(bed, 300);
    assert_int_equal(reader.v, 1);
    assert_false(reader.trace.stored);
    fake_server_evict(bed->server, LEASE);
    reader_start(&reader, &bed->workers[0], "a");
    bed_settle(bed);
    assert_true(reader.trace.stored);
}

static void who_waits_when_redis_goes_is_answered_from_the_store(void **state)
{
    struct bed *bed = *state;
    struct reader slow, waiting;
    bed_fetch(bed, &slow);
    reader_start(&waiting, &bed->workers[1], "a");
    bed_settle(bed);
    fake_server_leave(bed->server);
    bed_pass(bed, 5);
    assert_int_equal(waiting.v, 1);
    assert_int_equal(waiting.trace.source, CACHE_BYPASS);
    bed_let_go(bed);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, bed_end)
    const struct CMUnitTest tests[] = {
        TEST(who_waits_finds_what_another_worker_fills),
        TEST(who_waits_finds_that_there_is_none),
        TEST(who_waited_long_enough_reads_the_store_and_fills_nothing),
        TEST(without_patience_nobody_waits),
        TEST(a_lease_that_nobody_uses_runs_out),
        TEST(who_waits_when_redis_goes_is_answered_from_the_store),
    };
    return cmocka_run_group_tests_name("flight_wait", tests, NULL, NULL);
}
