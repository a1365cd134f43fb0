/* SPDX-License-Identifier: MIT */
/*
 * Fences while their slot is on its way (cache/parted.c): the server refuses scripts of several keys, and takes single commands.
 *
 * A cluster of one primary. Todo "a" is at version 1 and in Redis; workers[0] writes.
 */
#include "shards_bed.h"

#define SCRIPTS "FENCE UNFENCE PUBLISH INVALIDATE ACQUIRE LIST_ACQUIRE FILL LIST_FILL"

static const char AGAIN[] = "TRYAGAIN Multiple keys request during rehashing of slot";

static struct todo_keys keys;

static int begin(void **state)
{
    bed_begin_idle(state);
    struct bed *bed = *state;
    memcpy(bed->settings.redis, "cluster://fake:a", sizeof("cluster://fake:a"));
    fake_cluster_reset();
    fake_cluster_move("fake:a", 0, SLOT_COUNT - 1);
    fake_store_put(bed->store, "a", 1);
    bed_start_workers(bed);
    settle(bed);
    tend(bed);
    struct home of_a = home(bed, 0, "a");
    assert_true(home_holds(&of_a));
    todo_keys_init(&keys, of_a.epoch, "a");
    read_by(bed, 0, "a", NULL);
    assert_true(fake_server_has(bed->server, keys.entry.text));
    fake_server_refuse(bed->server, SCRIPTS, AGAIN);
    fake_journal_reset();
    return 0;
}

static int end(void **state)
{
    struct bed *bed = *state;
    fake_server_refuse(bed->server, NULL, NULL);
    settle(bed);
    return bed_end(state);
}

/* Steps until the store has been asked, and what is left of the write still to come. */
static void start_and_fence(struct bed *bed, struct writer *writer)
{
    writer_start(writer, &bed->workers[0], "a");
    while (fake_store_v(bed->store, "a") == 1 && fake_cluster_step())
        continue;
}

static void a_write_goes_by_single_commands(void **state)
{
    struct bed *bed = *state;
    assert_int_equal(write_by(bed, 0, "a"), STATUS_OK);
    assert_false(fake_server_has(bed->server, keys.entry.text));
    assert_int_equal(fake_server_members(bed->server, keys.writers.text), 1); /* '!' */
    assert_int_equal(fake_store_calls(bed->store, FAKE_OUTBOX_PUT), 0);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_FENCE_LOST), 0);
    assert_true(cache_is_trusted(bed->workers[0].cache));
}

static void its_mark_stands_until_the_store_has_answered(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    start_and_fence(bed, &writer);
    assert_int_equal(fake_server_members(bed->server, keys.writers.text), 2); /* and '!' */
    assert_false(fake_server_has(bed->server, keys.entry.text));
    fake_server_refuse(bed->server, NULL, NULL); /* a reader finds the mark where scripts run */
    struct reader reader;
    reader_start(&reader, &bed->workers[1], "a");
    while (reader.answers == 0 && (fake_cluster_step() || fake_pool_step(bed->workers[1].pool)))
        continue;
    assert_int_equal(reader.trace.source, CACHE_BYPASS);
    fake_server_refuse(bed->server, SCRIPTS, AGAIN);
    settle(bed);
    assert_int_equal(writer.status, STATUS_OK);
    assert_int_equal(fake_server_members(bed->server, keys.writers.text), 1);
}

static void a_reader_fills_nothing_meanwhile(void **state)
{
    struct bed *bed = *state;
    fake_server_evict(bed->server, keys.entry.text);
    assert_int_equal(read_by(bed, 0, "a", NULL), 1);
    assert_false(fake_server_has(bed->server, keys.entry.text));
    assert_true(cache_is_trusted(bed->workers[0].cache));
}

/* So a write of a worker that is not refused publishes nothing. */
static void another_writes_mark_is_warned(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    fake_server_refuse(bed->server, NULL, NULL);
    struct writer other;
    writer_start(&other, &bed->workers[1], "a");
    while (fake_server_members(bed->server, keys.writers.text) == 0 && fake_cluster_step())
        continue;
    fake_server_refuse(bed->server, SCRIPTS, AGAIN);
    start_and_fence(bed, &writer);
    assert_int_equal(fake_server_members(bed->server, keys.writers.text), 3); /* both, and '!' */
    settle(bed);
    assert_int_equal(writer.status, STATUS_OK);
    assert_int_equal(other.status, STATUS_OK);
    assert_false(fake_server_has(bed->server, keys.entry.text));
}

static void a_mark_that_was_lost_is_counted(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    start_and_fence(bed, &writer);
    fake_server_evict(bed->server, keys.writers.text);
    settle(bed);
    assert_int_equal(writer.status, STATUS_OK);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_FENCE_LOST), 1);
}

/* The server had all keys when it let the script in. */
static void a_publish_that_is_torn_is_no_refusal(void **state)
{
    struct bed *bed = *state;
    bed->settings.write_policy = WRITE_PUBLISH;
    fake_server_refuse(
        bed->server, "PUBLISH",
        "ERR Script attempted to access a non local key in a cluster node script: f_1, on @user_script:1.");
    assert_int_equal(write_by(bed, 0, "a"), STATUS_OK);
    assert_false(fake_server_has(bed->server, keys.entry.text));
    assert_int_equal(fake_store_calls(bed->store, FAKE_OUTBOX_PUT), 0);
    assert_true(cache_is_trusted(bed->workers[0].cache));
}

/* It has moved for good, and nobody has it yet: the outbox is asked, and the trust in other slots stays. */
static void a_slot_that_has_moved_is_no_refusal(void **state)
{
    struct bed *bed = *state;
    fake_server_refuse(bed->server, SCRIPTS, "MOVED 1 fake:9");
    assert_int_equal(write_by(bed, 0, "a"), STATUS_OK);
    assert_true(fake_store_calls(bed->store, FAKE_OUTBOX_PUT) > 0);
    assert_true(cache_is_trusted(bed->workers[0].cache));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_write_goes_by_single_commands),     TEST(its_mark_stands_until_the_store_has_answered),
        TEST(a_reader_fills_nothing_meanwhile),    TEST(another_writes_mark_is_warned),
        TEST(a_mark_that_was_lost_is_counted),     TEST(a_publish_that_is_torn_is_no_refusal),
        TEST(a_slot_that_has_moved_is_no_refusal),
    };
    return cmocka_run_group_tests_name("parted", tests, NULL, NULL);
}
