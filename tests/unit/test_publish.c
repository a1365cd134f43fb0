/* SPDX-License-Identifier: MIT */
/*
 * write_policy = publish (cache/write.c, scripts/publish.lua): a write leaves what it made as the entry, if no other write of that
 * id overlapped it; else it is an invalidation like any other.
 *
 * workers[0] is moved step by step where the order matters. Todo "a" is at version 1 and, unless a test says otherwise, in Redis.
 */
#include "cache_bed.h"

#define ENTRY   "todo:1:{a}"
#define WRITERS "todo:1:{a}:writers"

static int begin(void **state)
{
    bed_begin(state);
    struct bed *bed = *state;
    bed->settings.write_policy = WRITE_PUBLISH;
    fake_store_put(bed->store, "a", 1);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1);
    fake_journal_reset();
    return 0;
}

static void what_was_written_is_a_hit_at_once(void **state)
{
    struct bed *bed = *state;
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
    assert_journal("FENCE load meta_get PUBLISH UNFENCE");
    assert_text("v", fake_server_field(bed->server, ENTRY, "v"), SLICE("2"));
    assert_false(fake_server_has(bed->server, WRITERS));
    fake_journal_reset();
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
    assert_journal("HGETALL");
    assert_int_equal(bed_counter(&bed->workers[0], STAT_PUBLISHED), 1);
}

static void what_was_published_lives_as_long_as_what_was_filled(void **state)
{
    struct bed *bed = *state;
    bed_write(bed, &bed->workers[0], "a");
    int64_t ttl_ms = fake_server_ttl_ms(bed->server, ENTRY), most_ms = bed->settings.todo_ttl_s * 1000;
    assert_true(ttl_ms > most_ms * 9 / 10 - 1 && ttl_ms <= most_ms);
}

/* Which of the two the store took last nobody can tell from here, so neither leaves an entry. */
static void two_writes_that_overlap_publish_nothing(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    bed_fence(bed, &writer);
    assert_int_equal(bed_write(bed, &bed->workers[1], "a"), STATUS_OK);
    assert_false(fake_server_has(bed->server, ENTRY));
    bed_let_go(bed);
    assert_int_equal(writer.status, STATUS_OK);
    assert_false(fake_server_has(bed->server, ENTRY));
    assert_false(fake_server_has(bed->server, WRITERS)); /* the last one takes all marks along */
    assert_int_equal(bed_counter(&bed->workers[0], STAT_PUBLISH_REFUSED), 1);
    assert_int_equal(bed_counter(&bed->workers[1], STAT_PUBLISH_REFUSED), 1);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 3);
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
    assert_text("v", fake_server_field(bed->server, ENTRY, "v"), SLICE("4"));
}

static void a_write_whose_mark_was_lost_publishes_nothing(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    bed_fence(bed, &writer);
    fake_server_flush(bed->server);
    bed_let_go(bed);
    assert_int_equal(writer.status, STATUS_OK);
    assert_false(fake_server_has(bed->server, ENTRY));
    assert_int_equal(bed_counter(&bed->workers[0], STAT_FENCE_LOST), 1);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
}

/* Another writer came after the loss and saw none of ours: it is told, by '!', and publishes nothing either. */
static void who_finds_its_mark_lost_tells_the_other_writers(void **state)
{
    struct bed *bed = *state;
    struct writer first, second;
    bed_fence(bed, &first);
    bed_store(&bed->workers[0]); /* version 2; its unfence is still to come */
    fake_server_flush(bed->server);
    bed_hold(&bed->workers[1], true);
    writer_start(&second, &bed->workers[1], "a");
    bed_redis(&bed->workers[1]); /* fenced */
    bed_let_go(bed);
    assert_int_equal(first.answers, 1);
    assert_int_equal(fake_server_members(bed->server, WRITERS), 2);
    bed_hold(&bed->workers[1], false);
    bed_settle(bed);
    assert_int_equal(second.answers, 1);
    assert_false(fake_server_has(bed->server, ENTRY));
    assert_false(fake_server_has(bed->server, WRITERS));
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 3);
}

static void many_at_once_are_invalidated(void **state)
{
    static const char *const ids[] = {"a", "b"};
    struct bed *bed = *state;
    struct writer writer;
    writer_start_many(&writer, &bed->workers[0], ids, COUNT_OF(ids));
    bed_settle(bed);
    assert_journal("FENCE load meta_get UNFENCE");
    assert_false(fake_server_has(bed->server, ENTRY));
}

static void an_unknown_outcome_is_not_published(void **state)
{
    struct bed *bed = *state;
    fake_store_fail(bed->store, FAKE_LOAD, 0, STATUS_UNKNOWN);
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_UNKNOWN);
    assert_journal("FENCE load");
    assert_false(fake_server_has(bed->server, ENTRY));
    assert_int_equal(fake_server_members(bed->server, WRITERS), 1);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
    assert_false(fake_server_has(bed->server, ENTRY)); /* readers go past the cache until the mark runs out */
}

/* The fence was in a Redis that is another one by now: whoever wrote there meanwhile, this write doesn't know of it. */
static void a_write_of_an_older_epoch_publishes_nothing(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    bed_fence(bed, &writer);
    bed_store(&bed->workers[0]);
    fake_server_leave(bed->server);
    fake_server_restart(bed->server, "run-b", false);
    bed_let_go(bed);
    bed_pass(bed, 5 * FAKE_RECONNECT_MS);
    assert_int_equal(writer.status, STATUS_OK);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_PUBLISHED), 0);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
}

/*
 * W's fence had no answer, so W fenced again, over another connection. Should the first fence arrive after all when W's mark has run
 * out and another write is done, it would be a mark that stands for nothing, and a publish would trust it.
 */
static void a_fence_that_may_come_late_forbids_it(void **state)
{
    struct bed *bed = *state;
    struct worker *worker = &bed->workers[0];
    struct writer writer;
    fake_redis_set_coming(bed_connection(worker), true);
    fake_redis_lose_reply(bed_connection(worker), 1);
    writer_start(&writer, worker, "a");
    bed_pass(bed, 2 * FAKE_RECONNECT_MS);
    assert_int_equal(writer.status, STATUS_OK);
    assert_null(strstr(fake_journal().data, "PUBLISH"));
    assert_non_null(strstr(fake_journal().data, "load meta_get UNFENCE"));
    assert_false(fake_server_has(bed->server, ENTRY));
    assert_int_equal(bed_write(bed, worker, "a"), STATUS_OK);
    assert_true(fake_server_has(bed->server, ENTRY));
}

static void a_full_redis_takes_the_invalidation_all_the_same(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    bed_fence(bed, &writer);
    fake_server_refuse(bed->server, "PUBLISH", "OOM command not allowed when used memory > 'maxmemory'.");
    bed_let_go(bed);
    assert_int_equal(writer.answers, 1);
    assert_int_equal(writer.status, STATUS_OK);
    assert_false(fake_server_has(bed->server, ENTRY));
    assert_int_equal(bed_counter(&bed->workers[0], STAT_PUBLISHED), 0);
    fake_server_refuse(bed->server, NULL, NULL);
    bed_pass(bed, 5 * FAKE_RECONNECT_MS);
    bed_tend(bed);
    bed_tend(bed);
    assert_int_equal(bed_outbox_count(bed), 0);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, bed_end)
    const struct CMUnitTest tests[] = {
        TEST(what_was_written_is_a_hit_at_once),
        TEST(what_was_published_lives_as_long_as_what_was_filled),
        TEST(two_writes_that_overlap_publish_nothing),
        TEST(a_write_whose_mark_was_lost_publishes_nothing),
        TEST(who_finds_its_mark_lost_tells_the_other_writers),
        TEST(many_at_once_are_invalidated),
        TEST(an_unknown_outcome_is_not_published),
        TEST(a_write_of_an_older_epoch_publishes_nothing),
        TEST(a_fence_that_may_come_late_forbids_it),
        TEST(a_full_redis_takes_the_invalidation_all_the_same),
    };
    return cmocka_run_group_tests_name("publish", tests, NULL, NULL);
}
