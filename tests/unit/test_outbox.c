/* SPDX-License-Identifier: MIT */
/*
 * Writes without Redis, and those that lose it on the way (cache/write.c): what the outbox is for (outbox.c), and that no answered
 * write leaves the old value behind.
 *
 * workers[0] writes. Todo "a" is at version 1 and, unless a test says otherwise, in Redis.
 */
#include "cache_bed.h"

#include "base/clock.h"
#include "cache/cache_state.h"
#include "cache/outbox.h"

#define ENTRY   "todo:1:{a}"
#define WRITERS "todo:1:{a}:writers"

static int begin(void **state)
{
    bed_begin(state);
    struct bed *bed = *state;
    fake_store_put(bed->store, "a", 1);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1);
    fake_journal_reset();
    return 0;
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

/* ---- Redis is away ---- */

static void without_redis_the_outbox_is_written_before_and_closed_after(void **state)
{
    struct bed *bed = *state;
    lose_redis(bed);
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
    assert_journal("outbox_put load outbox_put");
    assert_int_equal(fake_store_outbox_count(bed->store, true), 1);
    assert_int_equal(bed_outbox_count(bed), 1);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_OUTBOX_ADDED), 1);
    regain_redis(bed);
    assert_int_equal(bed_outbox_count(bed), 0);
    assert_false(fake_server_has(bed->server, ENTRY));
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 2);
    assert_int_equal(
        bed_counter(&bed->workers[0], STAT_OUTBOX_DRAINED) + bed_counter(&bed->workers[1], STAT_OUTBOX_DRAINED) >= 1,
        1);
}

/* Of a worker that knows of none, too: it meets them in its own drain. */
static void the_outbox_waits_from_its_first_record_to_the_drain_that_finds_none(void **state)
{
    struct bed *bed = *state;
    const struct cache *cache = bed->workers[0].cache;
    lose_redis(bed);
    bed_pass(bed, 5000);
    assert_int_equal(cache_outbox_waiting_s(cache), 0);
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
    bed_pass(bed, 3000);
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
    bed_pass(bed, 4000);
    assert_int_equal(cache_outbox_waiting_s(cache), 7);
    regain_redis(bed);
    bed_tend(bed);
    assert_int_equal(bed_outbox_count(bed), 0);
    bed_pass(bed, 1000);
    assert_int_equal(cache_outbox_waiting_s(cache), 0);
}

static void an_open_record_of_another_worker_counts_as_waiting(void **state)
{
    struct bed *bed = *state;
    const struct store_fence open = {
        .id = "a", .token = token_new(), .deadline_at_ms = clock_wall_ms() + bed->settings.write_deadline_ms};
    assert_int_equal(store_outbox_put(bed->store, &open, 1, NULL), STATUS_OK);
    bed_tend(bed);
    bed_pass(bed, 4000);
    bed_tend(bed);
    assert_in_range(cache_outbox_waiting_s(bed->workers[1].cache), 4, 5);
    bed_pass(bed, bed->settings.write_deadline_ms);
    bed_tend(bed);
    bed_tend(bed);
    assert_int_equal(bed_outbox_count(bed), 0);
    assert_int_equal(cache_outbox_waiting_s(bed->workers[1].cache), 0);
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
    fake_server_refuse(bed->server, "FENCE", "NOREPLICAS Not enough good replicas to write.");
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

static void an_outbox_record_that_was_not_closed_counts_after_its_deadline(void **state)
{
    struct bed *bed = *state;
    lose_redis(bed);
    fake_store_fail(bed->store, FAKE_OUTBOX_PUT, 1, STATUS_UNAVAILABLE);
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
    assert_int_equal(fake_store_outbox_count(bed->store, false), 1);
    regain_redis(bed);
    bed_tend(bed);
    assert_int_equal(bed_outbox_count(bed), 1);
    assert_int_equal(fake_server_members(bed->server, WRITERS), 1); /* as its writer would have fenced */
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
    bed_pass(bed, bed->settings.write_deadline_ms);
    bed_tend(bed);
    assert_int_equal(bed_outbox_count(bed), 0);
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
    assert_int_equal(bed_outbox_count(bed), 0);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 2);
}

/* W's worker was frozen behind its open record, and another worker may have drained that since: W must not rely on it. */
static void a_record_that_was_not_closed_before_its_deadline_is_made_again(void **state)
{
    struct bed *bed = *state;
    lose_redis(bed);
    fake_store_slow(bed->store, FAKE_LOAD, bed->settings.write_deadline_ms + 1);
    fake_store_fail(bed->store, FAKE_OUTBOX_PUT, 1, STATUS_UNAVAILABLE);
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
    assert_journal("outbox_put load outbox_put outbox_put");
    assert_int_equal(fake_store_outbox_count(bed->store, true), 1);
}

/* ---- A drain ---- */

static struct store_fence fence_of(int number, bool is_closed, int64_t deadline_at_ms)
{
    struct store_fence fence = {.deadline_at_ms = deadline_at_ms, .is_closed = is_closed};
    snprintf(fence.token.text, sizeof(fence.token.text), "%032d", number);
    snprintf(fence.id, sizeof(fence.id), "%s", "a");
    return fence;
}

/*
 * W's worker is frozen behind its open record, past the deadline. A drain lists the record, counts it as closed and unfences; a
 * reader fills 1. W goes on: it commits 2, closes the record and answers. Then the drain comes to its removal.
 */
static void a_drain_removes_no_record_that_was_closed_since_it_was_listed(void **state)
{
    struct bed *bed = *state;
    struct worker *drains = &bed->workers[0], *other = &bed->workers[1];
    struct store_fence record = fence_of(7, false, fake_now_ms() - 1);
    fake_store_outbox_add(bed->store, &record);
    bed_hold(drains, true);
    worker_tend(drains);
    bed_store(drains); /* the epoch */
    bed_redis(drains); /* who it is */
    bed_redis(drains); /* the beat */
    bed_store(drains); /* the listing */
    bed_redis(drains); /* the unfence, and the list's */
    assert_int_equal(bed_read(bed, other, "a"), 1);
    assert_true(fake_server_has(bed->server, ENTRY));
    fake_store_put(bed->store, "a", 2);
    record.is_closed = true;
    fake_store_outbox_add(bed->store, &record);
    bed_let_go(bed);
    assert_int_equal(bed_outbox_count(bed), 1);
    assert_int_equal(bed_counter(drains, STAT_OUTBOX_DRAINED), 0);
    bed_tend(bed);
    assert_int_equal(bed_outbox_count(bed), 0);
    assert_int_equal(bed_read(bed, other, "a"), 2);
}

static void open_records_hide_no_closed_ones(void **state)
{
    enum { OPEN_COUNT = 600 };
    struct bed *bed = *state;
    for (int i = 0; i <= OPEN_COUNT; i++) {
        struct store_fence record = fence_of(i, i == OPEN_COUNT, fake_now_ms() + 10000);
        fake_store_outbox_add(bed->store, &record);
    }
    bed_tend(bed);
    assert_int_equal(fake_store_outbox_count(bed->store, true), 0);
    assert_int_equal(fake_store_outbox_count(bed->store, false), OPEN_COUNT);
}

/* ---- Redis goes on the way ---- */

static void redis_may_go_at_any_step_of_a_write(void **state)
{
    enum { EXECUTE, DELIVER, WORK, DONE };
    static const int steps[] = {EXECUTE, DELIVER, WORK, DONE, EXECUTE, DELIVER};
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
        bed_let_go(bed);
        if (writer.answers == 0) /* it waits for the connection to come back */
            bed_pass(bed, 2 * FAKE_RECONNECT_MS);
        assert_number("answers", writer.answers, 1);
        assert_int_equal(writer.status, STATUS_OK);
        assert_int_equal(bed_read(bed, worker, "a"), v + 1);
        bed_pass(bed, 2 * FAKE_RECONNECT_MS);
        assert_true(cache_is_trusted(worker->cache));
        assert_int_equal(bed_outbox_count(bed), 0);
        assert_int_equal(bed_read(bed, &bed->workers[1], "a"), v + 1);
        assert_int_equal(bed_read(bed, worker, "a"), v + 1);
        bed_pass(bed, bed->settings.write_deadline_ms + 1000); /* a mark may be left over */
    }
}

static void an_unfence_that_fails_becomes_a_closed_record(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    bed_fence(bed, &writer);
    bed_store(&bed->workers[0]);
    fake_journal_reset();
    fake_redis_cut(bed_connection(&bed->workers[0]));
    bed_let_go(bed);
    assert_journal("outbox_put");
    assert_int_equal(writer.status, STATUS_OK);
    assert_int_equal(fake_store_outbox_count(bed->store, true), 1);
    assert_int_equal(fake_server_members(bed->server, WRITERS), 1);
    bed_pass(bed, 2 * FAKE_RECONNECT_MS);
    assert_int_equal(bed_outbox_count(bed), 0);
    assert_false(fake_server_has(bed->server, WRITERS));
}

/* Redis has lost the mark: others may have filled what is old now, and only the record takes it away. */
static void a_queue_full_of_writes_turns_no_record_away(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    bed_fence(bed, &writer);
    bed_store(&bed->workers[0]);
    fake_pool_refuse(bed->workers[0].pool, STATUS_BUSY);
    fake_redis_cut(bed_connection(&bed->workers[0]));
    fake_pool_refuse(bed->workers[0].pool, STATUS_OK);
    assert_int_equal(writer.answers, 0);
    bed_let_go(bed);
    assert_int_equal(writer.status, STATUS_OK);
    assert_int_equal(fake_store_outbox_count(bed->store, true), 1);
}

static void what_neither_redis_nor_the_store_takes_is_owed(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    bed_fence(bed, &writer);
    bed_store(&bed->workers[0]);
    fake_redis_cut(bed_connection(&bed->workers[0]));
    fake_store_set_away(bed->store, true);
    bed_let_go(bed);
    assert_int_equal(writer.answers, 1);
    assert_int_equal(writer.status, STATUS_OK);
    bed_tend(bed);
    assert_int_equal(bed_outbox_count(bed), 0);
    fake_store_set_away(bed->store, false);
    bed_pass(bed, 2 * FAKE_RECONNECT_MS);
    bed_tend(bed);
    bed_tend(bed);
    assert_true(cache_is_trusted(bed->workers[0].cache));
    assert_false(fake_server_has(bed->server, WRITERS));
    assert_int_equal(bed_outbox_count(bed), 0);
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
    bed_let_go(bed);
    assert_int_equal(fake_store_outbox_count(bed->store, true), 2);
}

static void a_closed_record_takes_the_place_of_an_unfence_in_another_epoch(void **state)
{
    struct bed *bed = *state;
    struct worker *worker = &bed->workers[0];
    struct writer writer;
    bed_fence(bed, &writer);
    fake_store_meta(bed->store)->epoch = 2;
    worker_tend(worker);
    fake_pool_delay_oldest(worker->pool);
    bed_store(worker); /* the record is read, and differs */
    fake_journal_reset();
    bed_work(worker); /* the write commits meanwhile */
    bed_let_go(bed);
    assert_int_equal(writer.status, STATUS_OK);
    assert_null(strstr(fake_journal().data, "UNFENCE outbox_put"));
    assert_non_null(strstr(fake_journal().data, "outbox_put"));
    bed_tend(bed);
    bed_tend(bed);
    assert_int_equal(bed_outbox_count(bed), 0);
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
    bed_redis(worker); /* the beat */
    fake_pool_delay_oldest(worker->pool);
    bed_store(worker); /* the outbox: empty */
    assert_true(cache_is_trusted(worker->cache));
    assert_true(fake_server_has(bed->server, ENTRY));
    bed_let_go(bed);
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
    bed_redis(worker); /* the beat */
    fake_pool_delay_oldest(worker->pool);
    bed_work(worker); /* the outbox is listed, and empty */
    fake_pool_delay_oldest(worker->pool);
    bed_store(worker); /* W commits and answers */
    assert_int_equal(writer.status, STATUS_OK);
    assert_false(cache_is_trusted(worker->cache));
    bed_let_go(bed);
    assert_true(cache_is_trusted(worker->cache));
    assert_int_equal(bed_read(bed, worker, "a"), 2);
}

/*
 * W fences, Redis is restarted empty, another worker fills 1 in the new epoch, W commits 2 before it knows this Redis. The store
 * refuses W's record once, and by the time it is there W's worker trusts Redis, after a drain that couldn't see it.
 */
static void a_record_that_came_too_late_for_the_drain_is_followed_by_an_unfence(void **state)
{
    struct bed *bed = *state;
    struct worker *worker = &bed->workers[0];
    struct writer writer;
    bed_fence(bed, &writer);
    fake_server_restart(bed->server, "run-b", false);
    bed_pass(bed, 2 * FAKE_RECONNECT_MS);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1);
    assert_true(fake_server_has(bed->server, bed_key(bed, "todo:", ":{a}")));
    fake_store_fail(bed->store, FAKE_OUTBOX_PUT, 0, STATUS_UNAVAILABLE);
    bed_store(worker);
    bed_redis(worker); /* INFO */
    fake_pool_delay_oldest(worker->pool);
    bed_store(worker); /* the link's record */
    bed_redis(worker); /* the old epoch is left */
    bed_redis(worker); /* the beat */
    fake_pool_delay_oldest(worker->pool);
    bed_store(worker); /* the outbox: empty */
    assert_true(cache_is_trusted(worker->cache));
    assert_int_equal(writer.answers, 0);
    bed_let_go(bed);
    assert_int_equal(writer.status, STATUS_OK);
    assert_int_equal(bed_read(bed, worker, "a"), 2);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
}

/* Reads go well, writes don't (a primary that lacks replicas, or was made one): hits would show the old value for a lifetime. */
static void a_redis_that_refuses_a_fence_is_not_trusted_until_it_takes_it(void **state)
{
    struct bed *bed = *state;
    fake_server_refuse(bed->server, "FENCE UNFENCE DEL", "NOREPLICAS Not enough good replicas.");
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
    assert_int_equal(fake_store_outbox_count(bed->store, true), 1);
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
    assert_int_equal(bed_outbox_count(bed), 0);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
}

/* W began without Redis, reads trust it again when W has committed, and then it refuses: it still has the old value. */
static void a_redis_that_refuses_an_unfence_is_not_trusted_either(void **state)
{
    struct bed *bed = *state;
    struct worker *worker = &bed->workers[0];
    struct writer writer;
    lose_redis(bed);
    fake_pool_hold(worker->pool, true);
    writer_start(&writer, worker, "a");
    bed->server->away = false;
    bed_pass(bed, 2 * FAKE_RECONNECT_MS);
    for (int i = 0; i < 2; i++) { /* the link's jobs overtake the write */
        fake_pool_delay_oldest(worker->pool);
        bed_store(worker);
        bed_settle(bed); /* the beat is compared */
    }
    assert_true(cache_is_trusted(worker->cache));
    fake_server_refuse(bed->server, "UNFENCE", "READONLY You can't write against a read only replica.");
    fake_pool_hold(worker->pool, false);
    bed_settle(bed);
    assert_int_equal(writer.status, STATUS_OK);
    assert_int_equal(bed_read(bed, worker, "a"), 2);
    fake_server_refuse(bed->server, NULL, NULL);
    bed_tend(bed);
    bed_tend(bed);
    assert_int_equal(bed_outbox_count(bed), 0);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, bed_end)
    const struct CMUnitTest tests[] = {
        TEST(without_redis_the_outbox_is_written_before_and_closed_after),
        TEST(the_outbox_waits_from_its_first_record_to_the_drain_that_finds_none),
        TEST(an_open_record_of_another_worker_counts_as_waiting),
        TEST(with_refuse_nothing_is_written_without_redis),
        TEST(a_record_that_was_not_closed_before_its_deadline_is_made_again),
        TEST(a_drain_removes_no_record_that_was_closed_since_it_was_listed),
        TEST(open_records_hide_no_closed_ones),
        TEST(with_refuse_a_fence_that_fails_refuses_the_write),
        TEST(without_redis_and_outbox_nothing_is_written),
        TEST(an_outbox_record_that_was_not_closed_counts_after_its_deadline),
        TEST(an_unknown_outcome_without_redis_leaves_the_record_open),
        TEST(redis_may_go_at_any_step_of_a_write),
        TEST(an_unfence_that_fails_becomes_a_closed_record),
        TEST(a_queue_full_of_writes_turns_no_record_away),
        TEST(what_neither_redis_nor_the_store_takes_is_owed),
        TEST(what_becomes_owed_while_a_debt_is_paid_is_kept_too),
        TEST(a_closed_record_takes_the_place_of_an_unfence_in_another_epoch),
        TEST(a_write_through_the_outbox_ends_with_an_unfence_if_redis_is_back),
        TEST(a_drain_looks_again_if_a_write_has_ended_meanwhile),
        TEST(a_record_that_came_too_late_for_the_drain_is_followed_by_an_unfence),
        TEST(a_redis_that_refuses_a_fence_is_not_trusted_until_it_takes_it),
        TEST(a_redis_that_refuses_an_unfence_is_not_trusted_either),
    };
    return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
