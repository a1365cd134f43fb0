/* SPDX-License-Identifier: MIT */
/*
 * A write of a worker that doesn't trust Redis just now, while others do (cache/write.c): it waits if Redis is likely to be back in a
 * moment, for until its fence stands there the others answer from entries that it makes old.
 *
 * Todo "a" is at version 1 and cached; workers[0] is the one that loses its connection.
 */
#include "cache_bed.h"

#include "cache/cache_state.h"

#define ENTRY "todo:1:{a}"

enum { AWAIT_MAX_MS = 1000 };

static int begin(void **state)
{
    bed_begin(state);
    struct bed *bed = *state;
    fake_store_put(bed->store, "a", 1);
    bed_read(bed, &bed->workers[1], "a");
    fake_redis_set_coming(bed_connection(&bed->workers[0]), true);
    return 0;
}

static unsigned outbox_puts(const struct bed *bed)
{
    return fake_store_calls(bed->store, FAKE_OUTBOX_PUT);
}

static void a_write_waits_for_a_connection_that_was_cut(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    fake_redis_cut(bed_connection(&bed->workers[0]));
    assert_false(cache_is_trusted(bed->workers[0].cache));
    writer_start(&writer, &bed->workers[0], "a");
    bed_settle(bed);
    assert_int_equal(writer.answers, 0);
    assert_int_equal(fake_store_v(bed->store, "a"), 1);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1);
    bed_pass(bed, FAKE_RECONNECT_MS + 5);
    assert_int_equal(writer.answers, 1);
    assert_int_equal(writer.status, STATUS_OK);
    assert_int_equal(outbox_puts(bed), 0);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_FENCE), 1);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
}

static void a_write_does_not_wait_for_a_redis_that_failed(void **state)
{
    struct bed *bed = *state;
    fake_redis_set_coming(bed_connection(&bed->workers[0]), false);
    fake_redis_cut(bed_connection(&bed->workers[0]));
    struct writer writer;
    writer_start(&writer, &bed->workers[0], "a");
    bed_settle(bed);
    assert_int_equal(writer.answers, 1);
    assert_int_equal(writer.status, STATUS_OK);
    assert_true(outbox_puts(bed) > 0);
}

static void waiting_ends_as_soon_as_there_is_no_hope(void **state)
{
    struct bed *bed = *state;
    bed->server->away = true;
    fake_redis_cut(bed_connection(&bed->workers[0]));
    struct writer writer;
    writer_start(&writer, &bed->workers[0], "a");
    bed_pass(bed, 100);
    assert_int_equal(writer.answers, 0);
    fake_redis_set_coming(bed_connection(&bed->workers[0]), false);
    bed_pass(bed, 5);
    assert_int_equal(writer.answers, 1);
    assert_true(outbox_puts(bed) > 0);
}

static void waiting_has_a_limit(void **state)
{
    struct bed *bed = *state;
    bed->server->away = true;
    fake_redis_cut(bed_connection(&bed->workers[0]));
    struct writer writer;
    writer_start(&writer, &bed->workers[0], "a");
    bed_pass(bed, AWAIT_MAX_MS - 10);
    assert_int_equal(writer.answers, 0);
    bed_pass(bed, 20);
    assert_int_equal(writer.answers, 1);
    assert_int_equal(writer.status, STATUS_OK);
    assert_int_equal(fake_store_v(bed->store, "a"), 2);
    assert_true(outbox_puts(bed) > 0);
}

static void a_wall_clock_that_is_set_back_makes_no_write_wait_longer(void **state)
{
    struct bed *bed = *state;
    bed->server->away = true;
    fake_redis_cut(bed_connection(&bed->workers[0]));
    struct writer writer;
    writer_start(&writer, &bed->workers[0], "a");
    bed_pass(bed, 10);
    fake_wall_set(-3600);
    bed_pass(bed, AWAIT_MAX_MS);
    assert_int_equal(writer.answers, 1);
}

static void a_wall_clock_that_is_set_on_does_not_end_the_waiting(void **state)
{
    struct bed *bed = *state;
    fake_redis_cut(bed_connection(&bed->workers[0]));
    struct writer writer;
    writer_start(&writer, &bed->workers[0], "a");
    bed_settle(bed);
    fake_wall_set(3600);
    bed_pass(bed, FAKE_RECONNECT_MS + 5);
    assert_int_equal(writer.answers, 1);
    assert_int_equal(writer.status, STATUS_OK);
    assert_int_equal(outbox_puts(bed), 0);
}

static void who_is_told_to_refuse_waits_as_well(void **state)
{
    struct bed *bed = *state;
    bed->settings.on_cache_down = CACHE_DOWN_REFUSE;
    bed->server->away = true;
    fake_redis_cut(bed_connection(&bed->workers[0]));
    struct writer writer;
    writer_start(&writer, &bed->workers[0], "a");
    bed_pass(bed, AWAIT_MAX_MS + 10);
    assert_int_equal(writer.answers, 1);
    assert_int_equal(writer.status, STATUS_UNAVAILABLE);
    assert_int_equal(fake_store_v(bed->store, "a"), 1);
}

/* The fence was carried out, its answer was lost: the same token is fenced again, which moves its deadline and nothing else. */
static void a_fence_without_an_answer_is_sent_again(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    bed_hold(&bed->workers[0], true);
    writer_start(&writer, &bed->workers[0], "a");
    bed_execute(&bed->workers[0]);
    fake_redis_cut(bed_connection(&bed->workers[0]));
    bed_hold(&bed->workers[0], false);
    bed_pass(bed, 100);
    assert_int_equal(writer.answers, 1);
    assert_int_equal(writer.status, STATUS_OK);
    assert_int_equal(outbox_puts(bed), 0);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_FENCE), 2);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_FENCE_LOST), 0);
    assert_int_equal(fake_server_members(bed->server, ENTRY ":writers"), 0);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
}

static void a_frozen_redis_is_not_waited_for(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    fake_redis_set_coming(bed_connection(&bed->workers[0]), false); /* as after a timeout */
    bed->server->frozen = true;
    writer_start(&writer, &bed->workers[0], "a");
    bed_pass(bed, bed->settings.redis_timeout_ms + 10);
    assert_int_equal(writer.answers, 1);
    assert_int_equal(writer.status, STATUS_OK);
    assert_true(outbox_puts(bed) > 0);
}

/* The store is slow: the check of the connection before that one still runs when the next one is there. */
static void a_write_waits_while_an_earlier_check_still_runs(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    struct worker *worker = &bed->workers[0];
    bed_hold(worker, true);
    for (int i = 0; i < 2; i++) {
        fake_redis_cut(bed_connection(worker));
        bed_pass(bed, FAKE_RECONNECT_MS + 1);
        bed_redis(worker); /* INFO; the check waits in the pool, the second time in vain */
    }
    writer_start(&writer, worker, "a");
    bed_pass(bed, 20);
    assert_int_equal(writer.answers, 0);
    assert_int_equal(outbox_puts(bed), 0);
    bed_let_go(bed);
    bed_pass(bed, 20);
    assert_int_equal(writer.answers, 1);
    assert_int_equal(writer.status, STATUS_OK);
    assert_int_equal(outbox_puts(bed), 0);
    assert_int_equal(bed_counter(worker, STAT_FENCE), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, bed_end)
    const struct CMUnitTest tests[] = {
        TEST(a_write_waits_for_a_connection_that_was_cut),
        TEST(a_write_does_not_wait_for_a_redis_that_failed),
        TEST(waiting_ends_as_soon_as_there_is_no_hope),
        TEST(waiting_has_a_limit),
        TEST(who_is_told_to_refuse_waits_as_well),
        TEST(a_wall_clock_that_is_set_back_makes_no_write_wait_longer),
        TEST(a_wall_clock_that_is_set_on_does_not_end_the_waiting),
        TEST(a_fence_without_an_answer_is_sent_again),
        TEST(a_frozen_redis_is_not_waited_for),
        TEST(a_write_waits_while_an_earlier_check_still_runs),
    };
    return cmocka_run_group_tests_name("write_await", tests, NULL, NULL);
}
