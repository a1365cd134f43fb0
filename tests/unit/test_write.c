/* SPDX-License-Identifier: MIT */
/*
 * Fenced writes (cache/write.c, fence.c) and what becomes of them when Redis or the store can't do its part (outbox.c).
 *
 * workers[0] writes. Todo "a" is at version 1 and, unless a test says otherwise, in Redis.
 */
#include "cache_bed.h"

#include "cache/cache_state.h"

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

static size_t outbox_count(const struct bed *bed)
{
    return fake_store_outbox_count(bed->store, false) + fake_store_outbox_count(bed->store, true);
}

/* The worker has lost Redis and knows it; its next attempt fails too. */
static void lose_redis(struct bed *bed)
{
    fake_server_leave(bed->server);
    bed_settle(bed);
    fake_journal_reset();
}

static void regain_redis(struct bed *bed)
{
    bed->server->away = false;
    bed_pass(bed, 2 * FAKE_RECONNECT_MS);
}

/* Fenced, and about to call the store. */
static void start_and_fence(struct bed *bed, struct writer *writer)
{
    bed_hold(&bed->workers[0], true);
    writer_start(writer, &bed->workers[0], "a");
    bed_redis(&bed->workers[0]);
    bed_redis(&bed->workers[0]);
}

static void let_go(struct bed *bed)
{
    bed_hold(&bed->workers[0], false);
    bed_settle(bed);
}

/* ---- Redis and the store are there ---- */

static void a_write_fences_writes_and_unfences(void **state)
{
    struct bed *bed = *state;
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
    assert_journal("FENCE LIST_FENCE load UNFENCE LIST_UNFENCE");
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
    start_and_fence(bed, &writer);
    assert_journal("FENCE LIST_FENCE");
    assert_false(fake_server_has(bed->server, ENTRY));
    assert_int_equal(fake_server_members(bed->server, WRITERS), 1);
    assert_int_equal(fake_server_members(bed->server, LIST_WRITERS), 1);
    bed_store(&bed->workers[0]);
    assert_int_equal(writer.answers, 0); /* not before the unfence */
    let_go(bed);
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
    assert_journal("FENCE LIST_FENCE insert UNFENCE LIST_UNFENCE");
    assert_int_equal(bed_read(bed, &bed->workers[1], "b"), 1);
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
    assert_journal("FENCE LIST_FENCE load UNFENCE LIST_UNFENCE");
    assert_int_equal(bed_counter(&bed->workers[0], STAT_FENCE), 3);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
    assert_int_equal(bed_read(bed, &bed->workers[1], "b"), 1);
    assert_false(fake_server_has(bed->server, "todo:1:{c}:writers"));
}

static void two_writes_of_one_todo_overlap_without_harm(void **state)
{
    struct bed *bed = *state;
    struct writer first;
    start_and_fence(bed, &first);
    assert_int_equal(bed_write(bed, &bed->workers[1], "a"), STATUS_OK);
    assert_int_equal(fake_server_members(bed->server, WRITERS), 1); /* the first one's */
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
    assert_false(fake_server_has(bed->server, ENTRY));
    let_go(bed);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 3);
    assert_true(fake_server_has(bed->server, ENTRY));
}

static void scripts_that_redis_forgot_are_sent_again(void **state)
{
    struct bed *bed = *state;
    fake_server_forget_scripts(bed->server);
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
    assert_journal("NOSCRIPT NOSCRIPT FENCE LIST_FENCE load NOSCRIPT NOSCRIPT UNFENCE LIST_UNFENCE");
    assert_int_equal(outbox_count(bed), 0);
}

static void a_full_redis_takes_fences(void **state)
{
    struct bed *bed = *state;
    bed->server->full = true;
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
    assert_journal("FENCE LIST_FENCE load UNFENCE LIST_UNFENCE");
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
}

static void a_lost_mark_is_counted_and_what_was_filled_meanwhile_goes(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    start_and_fence(bed, &writer);
    fake_server_evict(bed->server, WRITERS);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1);
    assert_true(fake_server_has(bed->server, ENTRY));
    let_go(bed);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_FENCE_LOST), 1);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
}

/* ---- The store fails ---- */

static void an_unknown_outcome_leaves_the_fence_until_it_runs_out(void **state)
{
    struct bed *bed = *state;
    fake_store_fail(bed->store, FAKE_LOAD, 0, STATUS_UNKNOWN);
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_UNKNOWN);
    assert_journal("FENCE LIST_FENCE load");
    assert_int_equal(fake_server_members(bed->server, WRITERS), 1);
    assert_int_equal(outbox_count(bed), 0);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_STORE_WRITE_UNKNOWN), 1);
    bed_pass(bed, bed->settings.write_deadline_ms - 1);
    bed_read(bed, &bed->workers[1], "a");
    assert_false(fake_server_has(bed->server, ENTRY));
    bed_pass(bed, 1);
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
    start_and_fence(bed, &writer);
    bed_work(&bed->workers[0]); /* that job got its place; this one doesn't */
    let_go(bed);
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
        start_and_fence(bed, &writer);
        fake_clock_move(last_ms - 1 + late_ms);
        let_go(bed);
        assert_number("late", writer.status, late_ms ? STATUS_BUSY : STATUS_OK);
    }
    assert_int_equal(fake_store_v(bed->store, "a"), 2);
    assert_false(fake_server_has(bed->server, WRITERS));
}

/* ---- Redis is away ---- */

static void without_redis_the_outbox_is_written_before_and_settled_after(void **state)
{
    struct bed *bed = *state;
    lose_redis(bed);
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
    assert_journal("outbox_put load outbox_put");
    assert_int_equal(fake_store_outbox_count(bed->store, true), 1);
    assert_int_equal(outbox_count(bed), 1);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_OUTBOX_ADDED), 1);
    regain_redis(bed);
    assert_int_equal(outbox_count(bed), 0);
    assert_false(fake_server_has(bed->server, ENTRY));
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 2);
    assert_int_equal(
        bed_counter(&bed->workers[0], STAT_OUTBOX_DRAINED) + bed_counter(&bed->workers[1], STAT_OUTBOX_DRAINED) >= 1,
        1);
}

static void with_refuse_nothing_is_written_without_redis(void **state)
{
    struct bed *bed = *state;
    bed->settings.on_cache_down = CACHE_DOWN_REFUSE;
    lose_redis(bed);
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_UNAVAILABLE);
    assert_journal("");
    assert_int_equal(fake_store_v(bed->store, "a"), 1);
    regain_redis(bed);
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
}

static void with_refuse_a_fence_that_fails_refuses_the_write(void **state)
{
    struct bed *bed = *state;
    bed->settings.on_cache_down = CACHE_DOWN_REFUSE;
    fake_server_refuse(bed->server, "LIST_FENCE", "NOREPLICAS Not enough good replicas to write.");
    struct writer writer;
    writer_start(&writer, &bed->workers[0], "a");
    bed_settle(bed);
    assert_int_equal(writer.answers, 1);
    assert_int_equal(writer.status, STATUS_UNAVAILABLE);
    assert_non_null(strstr(writer.error, "on_cache_down"));
    assert_int_equal(fake_store_v(bed->store, "a"), 1);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1);
}

static void without_redis_and_outbox_nothing_is_written(void **state)
{
    static const enum status failures[] = {STATUS_UNAVAILABLE, STATUS_UNKNOWN};
    struct bed *bed = *state;
    lose_redis(bed);
    for (size_t i = 0; i < COUNT_OF(failures); i++) {
        fake_store_fail(bed->store, FAKE_OUTBOX_PUT, 0, failures[i]);
        assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_UNAVAILABLE);
    }
    assert_journal("outbox_put outbox_put");
    assert_int_equal(fake_store_v(bed->store, "a"), 1);
}

static void an_outbox_record_that_was_not_settled_counts_after_its_deadline(void **state)
{
    struct bed *bed = *state;
    lose_redis(bed);
    fake_store_fail(bed->store, FAKE_OUTBOX_PUT, 1, STATUS_UNAVAILABLE);
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
    assert_int_equal(fake_store_outbox_count(bed->store, false), 1);
    regain_redis(bed);
    bed_tend(bed);
    assert_int_equal(outbox_count(bed), 1);
    assert_int_equal(fake_server_members(bed->server, WRITERS), 1); /* as its writer would have fenced */
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
    bed_pass(bed, bed->settings.write_deadline_ms);
    bed_tend(bed);
    assert_int_equal(outbox_count(bed), 0);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
    assert_true(fake_server_has(bed->server, ENTRY));
}

static void an_unknown_outcome_without_redis_leaves_the_record_open(void **state)
{
    struct bed *bed = *state;
    lose_redis(bed);
    fake_store_fail(bed->store, FAKE_LOAD, 0, STATUS_UNKNOWN);
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_UNKNOWN);
    assert_int_equal(fake_store_outbox_count(bed->store, false), 1);
    bed_pass(bed, bed->settings.write_deadline_ms);
    regain_redis(bed);
    assert_int_equal(outbox_count(bed), 0);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 2);
}

/* ---- Redis goes on the way ---- */

static void redis_may_go_at_any_step_of_a_write(void **state)
{
    enum { EXECUTE, DELIVER, WORK, DONE };
    static const int steps[] = {EXECUTE, DELIVER, EXECUTE, DELIVER, WORK, DONE, EXECUTE, DELIVER, EXECUTE, DELIVER};
    static void (*const take[])(struct worker *) = {bed_execute, bed_deliver, bed_work, bed_done};
    struct bed *bed = *state;
    struct worker *worker = &bed->workers[0];
    for (size_t taken = 0; taken <= COUNT_OF(steps); taken++) {
        struct writer writer;
        int64_t v = fake_store_v(bed->store, "a");
        assert_int_equal(bed_read(bed, &bed->workers[1], "a"), v);
        bed_hold(worker, true);
        writer_start(&writer, worker, "a");
        for (size_t i = 0; i < taken; i++)
            take[steps[i]](worker);
        fake_redis_cut(bed_connection(worker));
        let_go(bed);
        assert_number("answers", writer.answers, 1);
        assert_int_equal(writer.status, STATUS_OK);
        assert_int_equal(bed_read(bed, worker, "a"), v + 1);
        bed_pass(bed, 2 * FAKE_RECONNECT_MS);
        assert_true(cache_is_trusted(worker->cache));
        assert_int_equal(outbox_count(bed), 0);
        assert_int_equal(bed_read(bed, &bed->workers[1], "a"), v + 1);
        assert_int_equal(bed_read(bed, worker, "a"), v + 1);
        bed_pass(bed, bed->settings.write_deadline_ms + 1000); /* a mark may be left over */
    }
}

static void an_unfence_that_fails_becomes_a_settled_record(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    start_and_fence(bed, &writer);
    bed_store(&bed->workers[0]);
    fake_journal_reset();
    fake_redis_cut(bed_connection(&bed->workers[0]));
    let_go(bed);
    assert_journal("outbox_put");
    assert_int_equal(writer.status, STATUS_OK);
    assert_int_equal(fake_store_outbox_count(bed->store, true), 1);
    assert_int_equal(fake_server_members(bed->server, WRITERS), 1);
    bed_pass(bed, 2 * FAKE_RECONNECT_MS);
    assert_int_equal(outbox_count(bed), 0);
    assert_false(fake_server_has(bed->server, WRITERS));
}

static void what_neither_redis_nor_the_store_takes_is_owed(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    start_and_fence(bed, &writer);
    bed_store(&bed->workers[0]);
    fake_redis_cut(bed_connection(&bed->workers[0]));
    fake_store_set_away(bed->store, true);
    let_go(bed);
    assert_int_equal(writer.answers, 1);
    assert_int_equal(writer.status, STATUS_OK);
    bed_tend(bed);
    assert_int_equal(outbox_count(bed), 0);
    fake_store_set_away(bed->store, false);
    bed_pass(bed, 2 * FAKE_RECONNECT_MS);
    bed_tend(bed);
    bed_tend(bed);
    assert_true(cache_is_trusted(bed->workers[0].cache));
    assert_false(fake_server_has(bed->server, WRITERS));
    assert_int_equal(outbox_count(bed), 0);
}

static void what_becomes_owed_while_a_debt_is_paid_is_kept_too(void **state)
{
    struct bed *bed = *state;
    struct worker *worker = &bed->workers[0];
    const char *const first[] = {"a"}, *const second[] = {"b"};
    struct token tokens[] = {token_new(), token_new()};
    lose_redis(bed);
    bed_hold(worker, true);
    outbox_owe(worker->cache->outbox, &tokens[0], first, 1);
    outbox_tend(worker->cache->outbox);
    bed_work(worker);
    outbox_owe(worker->cache->outbox, &tokens[1], second, 1);
    let_go(bed);
    assert_int_equal(fake_store_outbox_count(bed->store, true), 2);
}

static void a_settled_record_takes_the_place_of_an_unfence_in_another_epoch(void **state)
{
    struct bed *bed = *state;
    struct worker *worker = &bed->workers[0];
    struct writer writer;
    start_and_fence(bed, &writer);
    fake_store_meta(bed->store)->epoch = 2;
    cache_tend(worker->cache);
    fake_pool_delay_oldest(worker->pool);
    bed_store(worker); /* the record is read, and differs */
    bed_work(worker);  /* the write commits meanwhile */
    fake_journal_reset();
    let_go(bed);
    assert_int_equal(writer.status, STATUS_OK);
    assert_null(strstr(fake_journal().data, "UNFENCE LIST_UNFENCE outbox_put"));
    assert_non_null(strstr(fake_journal().data, "outbox_put"));
    bed_tend(bed);
    bed_tend(bed);
    assert_int_equal(outbox_count(bed), 0);
    assert_int_equal(bed_read(bed, worker, "a"), 2);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
}

/*
 * Redis is away when W begins, and back before W's record is in the store: the drain can't have seen it. Readers trust Redis,
 * which still has 1; W commits 2 and answers.
 */
static void a_write_through_the_outbox_ends_with_an_unfence_if_redis_is_back(void **state)
{
    struct bed *bed = *state;
    struct worker *worker = &bed->workers[0];
    struct writer writer;
    lose_redis(bed);
    bed_hold(worker, true);
    writer_start(&writer, worker, "a");
    bed->server->away = false;
    bed_pass(bed, 2 * FAKE_RECONNECT_MS);
    bed_redis(worker); /* INFO */
    fake_pool_delay_oldest(worker->pool);
    bed_store(worker); /* the record */
    fake_pool_delay_oldest(worker->pool);
    bed_store(worker); /* the outbox: empty */
    assert_true(cache_is_trusted(worker->cache));
    assert_true(fake_server_has(bed->server, ENTRY));
    let_go(bed);
    assert_int_equal(writer.status, STATUS_OK);
    assert_int_equal(bed_read(bed, worker, "a"), 2);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
    assert_int_equal(bed_counter(worker, STAT_FENCE_LOST), 0);
}

/* As above, but W answers after the drain has taken its listing and before reads trust Redis. */
static void a_drain_looks_again_if_a_write_has_ended_meanwhile(void **state)
{
    struct bed *bed = *state;
    struct worker *worker = &bed->workers[0];
    struct writer writer;
    lose_redis(bed);
    bed_hold(worker, true);
    writer_start(&writer, worker, "a");
    bed->server->away = false;
    bed_pass(bed, 2 * FAKE_RECONNECT_MS);
    bed_redis(worker);
    fake_pool_delay_oldest(worker->pool);
    bed_store(worker);
    fake_pool_delay_oldest(worker->pool);
    bed_work(worker); /* the outbox is listed, and empty */
    fake_pool_delay_oldest(worker->pool);
    bed_store(worker); /* W commits and answers */
    assert_int_equal(writer.status, STATUS_OK);
    assert_false(cache_is_trusted(worker->cache));
    let_go(bed);
    assert_true(cache_is_trusted(worker->cache));
    assert_int_equal(bed_read(bed, worker, "a"), 2);
}

/* Reads go well, writes don't (a primary that lacks replicas, or was made one): hits would show the old value for a lifetime. */
static void a_redis_that_refuses_a_fence_is_not_trusted_until_it_takes_it(void **state)
{
    struct bed *bed = *state;
    fake_server_refuse(bed->server, "FENCE", "NOREPLICAS Not enough good replicas to write.");
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
    assert_int_equal(fake_store_outbox_count(bed->store, true), 1);
    fake_server_refuse(bed->server, "UNFENCE", "NOREPLICAS Not enough good replicas to write.");
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 2);
    for (int i = 0; i < 3; i++) {
        bed_tend(bed);
        assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 2);
        assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
    }
    fake_server_refuse(bed->server, NULL, NULL);
    bed_tend(bed);
    bed_tend(bed);
    assert_true(cache_is_trusted(bed->workers[0].cache));
    assert_true(cache_is_trusted(bed->workers[1].cache));
    assert_int_equal(outbox_count(bed), 0);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, bed_end)
    const struct CMUnitTest tests[] = {
        TEST(a_write_fences_writes_and_unfences),
        TEST(the_entry_is_gone_before_the_store_is_asked),
        TEST(an_insert_takes_the_negative_entry_away),
        TEST(an_insert_of_a_taken_id_is_refused_and_unfenced),
        TEST(a_batch_is_fenced_with_one_call_per_script),
        TEST(two_writes_of_one_todo_overlap_without_harm),
        TEST(scripts_that_redis_forgot_are_sent_again),
        TEST(a_full_redis_takes_fences),
        TEST(a_lost_mark_is_counted_and_what_was_filled_meanwhile_goes),
        TEST(an_unknown_outcome_leaves_the_fence_until_it_runs_out),
        TEST(a_store_that_is_away_is_told_and_unfenced),
        TEST(a_full_queue_is_told_and_unfenced),
        TEST(a_write_that_waited_too_long_is_not_begun),
        TEST(without_redis_the_outbox_is_written_before_and_settled_after),
        TEST(with_refuse_nothing_is_written_without_redis),
        TEST(with_refuse_a_fence_that_fails_refuses_the_write),
        TEST(without_redis_and_outbox_nothing_is_written),
        TEST(an_outbox_record_that_was_not_settled_counts_after_its_deadline),
        TEST(an_unknown_outcome_without_redis_leaves_the_record_open),
        TEST(redis_may_go_at_any_step_of_a_write),
        TEST(an_unfence_that_fails_becomes_a_settled_record),
        TEST(what_neither_redis_nor_the_store_takes_is_owed),
        TEST(what_becomes_owed_while_a_debt_is_paid_is_kept_too),
        TEST(a_settled_record_takes_the_place_of_an_unfence_in_another_epoch),
        TEST(a_write_through_the_outbox_ends_with_an_unfence_if_redis_is_back),
        TEST(a_drain_looks_again_if_a_write_has_ended_meanwhile),
        TEST(a_redis_that_refuses_a_fence_is_not_trusted_until_it_takes_it),
    };
    return cmocka_run_group_tests_name("write", tests, NULL, NULL);
}
