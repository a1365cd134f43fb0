/* SPDX-License-Identifier: MIT */
/*
 * Fenced writes (cache/write.c, fence.c) while Redis is there; test_outbox.c is about those that lose it.
 *
 * workers[0] writes. Todo "a" is at version 1 and, unless a test says otherwise, in Redis.
 */
#include "cache_bed.h"

#define ENTRY        "todo:1:{a}"
#define WRITERS      "todo:1:{a}:writers"
#define LIST_WRITERS "todos:1:{list}:writers"

static int begin(void **state)
{
    bed_begin(state);
    struct bed *bed = *state;
    fake_store_put(bed->store, "a", 1);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1);
    fake_journal_reset();
    return 0;
}

/* ---- Redis and the store are there ---- */

static void a_write_fences_writes_and_unfences(void **state)
{
    struct bed *bed = *state;
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
    assert_journal("FENCE load meta_get UNFENCE");
    assert_false(fake_server_has(bed->server, ENTRY));
    assert_false(fake_server_has(bed->server, WRITERS));
    assert_false(fake_server_has(bed->server, LIST_WRITERS));
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_FENCE), 1);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_UNFENCE), 1);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_STORE_WRITE_OK), 1);
}

static void the_entry_is_gone_before_the_store_is_asked(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    bed_fence(bed, &writer);
    assert_journal("FENCE");
    assert_false(fake_server_has(bed->server, ENTRY));
    assert_int_equal(fake_server_members(bed->server, WRITERS), 1);
    assert_int_equal(fake_server_members(bed->server, LIST_WRITERS), 1);
    bed_store(&bed->workers[0]);
    assert_int_equal(writer.answers, 0); /* not before the unfence */
    bed_let_go(bed);
    assert_int_equal(writer.answers, 1);
}

struct inserted {
    struct cache_insert insert;
    unsigned answers;
    enum status status;
};

static void on_inserted(void *ctx, enum status status, const struct error *error)
{
    struct inserted *inserted = ctx;
    (void)error;
    inserted->answers++;
    inserted->status = status;
}

static enum status insert(struct bed *bed, const char *id)
{
    struct inserted inserted = {.insert = {.done = on_inserted}};
    inserted.insert.ctx = &inserted;
    inserted.insert.todo = (struct todo){.name = SLICE("new"), .description = SLICE(""), .v = 1};
    inserted.insert.todo.created_at_ms = inserted.insert.todo.updated_at_ms = fake_now_ms();
    todo_set_id(&inserted.insert.todo, slice_of(id));
    cache_insert(bed->workers[0].cache, &inserted.insert);
    assert_int_equal(inserted.answers, 0);
    bed_settle(bed);
    assert_int_equal(inserted.answers, 1);
    return inserted.status;
}

static void an_insert_takes_the_negative_entry_away(void **state)
{
    struct bed *bed = *state;
    assert_int_equal(bed_read(bed, &bed->workers[1], "b"), 0);
    assert_true(fake_server_has(bed->server, "todo:1:{b}"));
    fake_journal_reset();
    assert_int_equal(insert(bed, "b"), STATUS_OK);
    assert_journal("FENCE insert meta_get UNFENCE");
    assert_int_equal(bed_read(bed, &bed->workers[1], "b"), 1);
}

/* Of a request whose worker died after its insert. What it made must not become the entry again. */
static void an_insert_that_finds_its_todo_changed_publishes_nothing(void **state)
{
    struct bed *bed = *state;
    bed->settings.write_policy = WRITE_PUBLISH;
    struct inserted inserted = {.insert = {.done = on_inserted}};
    inserted.insert.ctx = &inserted;
    inserted.insert.todo = (struct todo){.name = SLICE("old"), .description = SLICE(""), .v = 1};
    inserted.insert.todo.life = fake_store_life(bed->store, "a");
    todo_set_id(&inserted.insert.todo, SLICE("a"));
    fake_store_put(bed->store, "a", 2);
    cache_insert(bed->workers[0].cache, &inserted.insert);
    bed_settle(bed);
    assert_int_equal(inserted.status, STATUS_OK);
    assert_false(fake_server_has(bed->server, "todo:1:{a}"));
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
}

static void an_insert_of_a_taken_id_is_refused_and_unfenced(void **state)
{
    struct bed *bed = *state;
    assert_int_equal(insert(bed, "a"), STATUS_EXISTS);
    assert_false(fake_server_has(bed->server, WRITERS));
    assert_int_equal(bed_counter(&bed->workers[0], STAT_STORE_WRITE_REFUSED), 1);
}

static void a_batch_is_fenced_with_one_call_per_script(void **state)
{
    struct bed *bed = *state;
    const char *const ids[] = {"a", "b", "c"};
    struct writer writer;
    bed_read(bed, &bed->workers[1], "b");
    fake_journal_reset();
    writer_start_many(&writer, &bed->workers[0], ids, 3);
    bed_settle(bed);
    assert_int_equal(writer.status, STATUS_OK);
    assert_journal("FENCE load meta_get UNFENCE");
    assert_int_equal(bed_counter(&bed->workers[0], STAT_FENCE), 3);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
    assert_int_equal(bed_read(bed, &bed->workers[1], "b"), 1);
    assert_false(fake_server_has(bed->server, "todo:1:{c}:writers"));
}

static void two_writes_of_one_todo_overlap_without_harm(void **state)
{
    struct bed *bed = *state;
    struct writer first;
    bed_fence(bed, &first);
    assert_int_equal(bed_write(bed, &bed->workers[1], "a"), STATUS_OK);
    assert_int_equal(fake_server_members(bed->server, WRITERS), 2); /* the first one's, and "!" */
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
    assert_false(fake_server_has(bed->server, ENTRY));
    bed_let_go(bed);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 3);
    assert_true(fake_server_has(bed->server, ENTRY));
}

static void scripts_that_redis_forgot_are_sent_again(void **state)
{
    struct bed *bed = *state;
    fake_server_forget_scripts(bed->server);
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
    assert_journal("NOSCRIPT FENCE load meta_get NOSCRIPT UNFENCE");
    assert_int_equal(bed_outbox_count(bed), 0);
}

static void a_full_redis_takes_fences(void **state)
{
    struct bed *bed = *state;
    bed->server->redis->is_full = true;
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
    assert_journal("FENCE load meta_get UNFENCE");
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
}

static void a_lost_mark_is_counted_and_what_was_filled_meanwhile_goes(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    bed_fence(bed, &writer);
    fake_server_evict(bed->server, WRITERS);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1);
    assert_true(fake_server_has(bed->server, ENTRY));
    bed_let_go(bed);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_FENCE_LOST), 1);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
}

/* ---- The store fails ---- */

static void an_unknown_outcome_leaves_the_fence_until_the_store_is_asked(void **state)
{
    struct bed *bed = *state;
    fake_store_fail(bed->store, FAKE_LOAD, 0, STATUS_UNKNOWN);
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_UNKNOWN);
    assert_journal("FENCE load");
    assert_int_equal(fake_server_members(bed->server, WRITERS), 1);
    assert_int_equal(bed_outbox_count(bed), 0);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_STORE_WRITE_UNKNOWN), 1);
    bed_pass(bed, bed->settings.write_deadline_ms - 1);
    bed_read(bed, &bed->workers[1], "a");
    assert_false(fake_server_has(bed->server, ENTRY));
    bed_pass(bed, 1);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
    assert_false(fake_server_has(bed->server, ENTRY)); /* test_doubt.c */
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
    assert_true(fake_server_has(bed->server, ENTRY));
}

static void a_store_that_is_away_is_told_and_unfenced(void **state)
{
    struct bed *bed = *state;
    fake_store_fail(bed->store, FAKE_LOAD, 0, STATUS_UNAVAILABLE);
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_UNAVAILABLE);
    assert_false(fake_server_has(bed->server, WRITERS));
    assert_int_equal(fake_store_v(bed->store, "a"), 1);
}

static void a_full_queue_is_told_and_unfenced(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    bed_fence(bed, &writer);
    bed_work(&bed->workers[0]); /* that job got its place; this one doesn't */
    bed_let_go(bed);
    fake_pool_refuse(bed->workers[0].pool, STATUS_BUSY);
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_BUSY);
    fake_pool_refuse(bed->workers[0].pool, STATUS_OK);
    assert_false(fake_server_has(bed->server, WRITERS));
    assert_int_equal(fake_store_v(bed->store, "a"), 2);
}

static void a_write_that_waited_too_long_is_not_begun(void **state)
{
    struct bed *bed = *state;
    int64_t last_ms = bed->settings.write_deadline_ms - 2 * bed->settings.store_timeout_ms;
    for (int64_t late_ms = 0; late_ms <= 1; late_ms++) {
        struct writer writer;
        bed_fence(bed, &writer);
        fake_clock_move(last_ms - 1 + late_ms);
        bed_let_go(bed);
        assert_number("late", writer.status, late_ms ? STATUS_BUSY : STATUS_OK);
    }
    assert_int_equal(fake_store_v(bed->store, "a"), 2);
    assert_false(fake_server_has(bed->server, WRITERS));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, bed_end)
    const struct CMUnitTest tests[] = {
        TEST(a_write_fences_writes_and_unfences),
        TEST(the_entry_is_gone_before_the_store_is_asked),
        TEST(an_insert_takes_the_negative_entry_away),
        TEST(an_insert_that_finds_its_todo_changed_publishes_nothing),
        TEST(an_insert_of_a_taken_id_is_refused_and_unfenced),
        TEST(a_batch_is_fenced_with_one_call_per_script),
        TEST(two_writes_of_one_todo_overlap_without_harm),
        TEST(scripts_that_redis_forgot_are_sent_again),
        TEST(a_full_redis_takes_fences),
        TEST(a_lost_mark_is_counted_and_what_was_filled_meanwhile_goes),
        TEST(an_unknown_outcome_leaves_the_fence_until_the_store_is_asked),
        TEST(a_store_that_is_away_is_told_and_unfenced),
        TEST(a_full_queue_is_told_and_unfenced),
        TEST(a_write_that_waited_too_long_is_not_begun),
    };
    return cmocka_run_group_tests_name("write", tests, NULL, NULL);
}
