/* SPDX-License-Identifier: MIT */
/*
 * The miss path (cache/flight.c, todo_read.c): each arrow of its essay, and each interleaving that may not serve an old value.
 *
 * workers[0] is moved step by step where the order matters, workers[1] does its part at once. Todo "a" is at version 1.
 */
#include "cache_bed.h"

#include "cache/cache_state.h"

#define ENTRY   "todo:1:{a}"
#define LEASE   "todo:1:{a}:lease"
#define WRITERS "todo:1:{a}:writers"

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

/* ---- Hits, misses, negative entries ---- */

static void a_miss_takes_the_lease_reads_the_store_and_fills(void **state)
{
    struct bed *bed = *state;
    struct reader reader;
    reader_start(&reader, &bed->workers[0], "a");
    bed_settle(bed);
    assert_journal("HGETALL ACQUIRE get FILL");
    assert_int_equal(reader.answers, 1);
    assert_int_equal(reader.v, 1);
    assert_int_equal(reader.trace.source, CACHE_MISS);
    assert_true(reader.trace.stored);
    assert_false(reader.trace.collapsed);
    assert_false(fake_server_has(bed->server, LEASE));
    assert_int_equal(reader.trace.ttl_ms, fake_server_ttl_ms(bed->server, ENTRY));
    assert_int_equal(bed_counter(&bed->workers[0], STAT_MISS), 1);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_FILL), 1);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_STORE_GET_OK), 1);
}

static void a_hit_is_one_command_and_tells_its_age(void **state)
{
    struct bed *bed = *state;
    bed_read(bed, &bed->workers[0], "a");
    int64_t ttl_ms = fake_server_ttl_ms(bed->server, ENTRY);
    bed_pass(bed, 1500);
    fake_journal_reset();
    struct reader reader;
    reader_start(&reader, &bed->workers[1], "a");
    bed_settle(bed);
    assert_journal("HGETALL");
    assert_int_equal(reader.v, 1);
    assert_int_equal(reader.trace.source, CACHE_HIT);
    assert_int_equal(reader.trace.age_ms, 1500);
    assert_int_equal(reader.trace.ttl_ms, ttl_ms - 1500);
    assert_int_equal(bed_counter(&bed->workers[1], STAT_HIT), 1);
    assert_int_equal(gets(bed), 1);
}

static void what_is_not_there_is_remembered_for_a_while(void **state)
{
    struct bed *bed = *state;
    assert_int_equal(bed_read(bed, &bed->workers[0], "b"), 0);
    assert_int_equal(bed_read(bed, &bed->workers[1], "b"), 0);
    assert_int_equal(gets(bed), 1);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_STORE_GET_ABSENT), 1);
    assert_int_equal(bed_counter(&bed->workers[1], STAT_NEGATIVE_HIT), 1);
    int64_t ttl_ms = fake_server_ttl_ms(bed->server, "todo:1:{b}");
    assert_true(ttl_ms > 54000 && ttl_ms <= 60000);
    bed_pass(bed, ttl_ms);
    assert_int_equal(bed_read(bed, &bed->workers[0], "b"), 0);
    assert_int_equal(gets(bed), 2);
}

static void a_thousand_readers_of_a_cold_id_ask_the_store_once(void **state)
{
    struct bed *bed = *state;
    static struct reader readers[1000];
    for (size_t i = 0; i < COUNT_OF(readers); i++)
        reader_start(&readers[i], &bed->workers[i % 2], "a");
    bed_settle(bed);
    bed_pass(bed, 40);
    for (size_t i = 0; i < COUNT_OF(readers); i++) {
        assert_int_equal(readers[i].answers, 1);
        assert_int_equal(readers[i].v, 1);
    }
    assert_int_equal(gets(bed), 1);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_COLLAPSED), 499);
}

/* ---- Writes beside reads ---- */

static void a_fill_that_was_read_before_a_fence_is_refused(void **state)
{
    struct bed *bed = *state;
    struct reader slow;
    bed_fetch(bed, &slow);
    assert_int_equal(bed_write(bed, &bed->workers[1], "a"), STATUS_OK);
    bed_let_go(bed);
    assert_int_equal(slow.v, 1); /* it began before the write */
    assert_false(slow.trace.stored);
    assert_false(fake_server_has(bed->server, ENTRY));
    assert_int_equal(bed_counter(&bed->workers[0], STAT_FILL_REFUSED), 1);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 2);
}

/* design.md 4, violation 1: without the writers' set R0 would lease and read 1, W commit 2, R1 answer 2, R0 fill, R2 hit 1. */
static void readers_go_past_the_cache_while_a_write_is_under_way(void **state)
{
    struct bed *bed = *state;
    struct writer write;
    struct reader before;
    bed_hold(&bed->workers[1], true);
    writer_start(&write, &bed->workers[1], "a");
    bed_redis(&bed->workers[1]);

    bed_hold(&bed->workers[0], true);
    reader_start(&before, &bed->workers[0], "a");
    bed_redis(&bed->workers[0]);
    bed_redis(&bed->workers[0]);
    assert_false(fake_server_has(bed->server, LEASE));
    bed_work(&bed->workers[0]);

    bed_work(&bed->workers[1]); /* commits 2 */
    fake_journal_reset();
    bed_done(&bed->workers[0]);
    assert_journal(""); /* nothing is filled */
    assert_int_equal(before.v, 1);
    assert_int_equal(before.trace.source, CACHE_BYPASS);
    bed_hold(&bed->workers[0], false);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 2);
    assert_false(fake_server_has(bed->server, ENTRY));
    bed_hold(&bed->workers[1], false);
    bed_settle(bed);
    assert_int_equal(write.status, STATUS_OK);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 2);
    assert_true(fake_server_has(bed->server, ENTRY));
}

/* design.md 4, violation 3: R0 reads 1, W commits and answers, R1 joins R0's flight and would answer 1. */
static void who_joined_a_refused_flight_goes_again_together(void **state)
{
    struct bed *bed = *state;
    struct reader first, joined[3];
    bed_fetch(bed, &first);
    assert_int_equal(bed_write(bed, &bed->workers[1], "a"), STATUS_OK);
    for (size_t i = 0; i < COUNT_OF(joined); i++) {
        reader_start(&joined[i], &bed->workers[0], "a");
        bed_redis(&bed->workers[0]);
    }
    assert_int_equal(gets(bed), 1);
    bed_let_go(bed);
    assert_int_equal(first.v, 1);
    for (size_t i = 0; i < COUNT_OF(joined); i++) {
        assert_int_equal(joined[i].answers, 1);
        assert_int_equal(joined[i].v, 2);
        assert_true(joined[i].trace.stored);
    }
    assert_int_equal(gets(bed), 2);
}

static void who_joined_a_flight_without_a_lease_goes_again(void **state)
{
    struct bed *bed = *state;
    struct writer write;
    struct reader first, joined;
    bed_hold(&bed->workers[1], true);
    writer_start(&write, &bed->workers[1], "a");
    bed_redis(&bed->workers[1]);
    bed_fetch(bed, &first);
    bed_hold(&bed->workers[1], false);
    bed_settle(bed);
    assert_int_equal(write.status, STATUS_OK);
    reader_start(&joined, &bed->workers[0], "a");
    bed_redis(&bed->workers[0]);
    bed_let_go(bed);
    assert_int_equal(first.v, 1);
    assert_int_equal(joined.v, 2);
}

static void who_joined_takes_what_was_filled(void **state)
{
    struct bed *bed = *state;
    struct reader first, joined;
    bed_fetch(bed, &first);
    reader_start(&joined, &bed->workers[0], "a");
    bed_redis(&bed->workers[0]);
    bed_let_go(bed);
    assert_int_equal(first.answers, 1);
    assert_int_equal(joined.answers, 1);
    assert_int_equal(joined.v, 1);
    assert_true(joined.trace.collapsed);
    assert_false(first.trace.collapsed);
    assert_int_equal(gets(bed), 1);
}

static void a_lease_that_was_evicted_does_not_fill(void **state)
{
    struct bed *bed = *state;
    struct reader reader;
    bed_fetch(bed, &reader);
    fake_server_evict(bed->server, LEASE);
    bed_let_go(bed);
    assert_int_equal(reader.v, 1);
    assert_false(reader.trace.stored);
    assert_false(fake_server_has(bed->server, ENTRY));
}

static void the_next_holder_of_a_lease_is_not_disturbed_by_the_last(void **state)
{
    struct bed *bed = *state;
    struct reader first, second;
    bed_fetch(bed, &first);
    fake_server_evict(bed->server, LEASE);
    bed_hold(&bed->workers[1], true);
    reader_start(&second, &bed->workers[1], "a");
    bed_redis(&bed->workers[1]);
    bed_redis(&bed->workers[1]);
    bed_let_go(bed);
    assert_false(first.trace.stored);
    assert_true(fake_server_has(bed->server, LEASE));
    bed_hold(&bed->workers[1], false);
    bed_settle(bed);
    assert_true(second.trace.stored);
}

static void an_entry_that_is_evicted_or_flushed_costs_a_miss(void **state)
{
    struct bed *bed = *state;
    bed_read(bed, &bed->workers[0], "a");
    fake_server_flush(bed->server);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 1);
    assert_int_equal(gets(bed), 2);
}

/* ---- The store fails ---- */

static void a_store_error_goes_to_all_aboard_and_gives_the_lease_back(void **state)
{
    struct bed *bed = *state;
    struct reader first, joined;
    fake_store_fail(bed->store, FAKE_GET, 0, STATUS_UNAVAILABLE);
    bed_fetch(bed, &first);
    assert_true(fake_server_has(bed->server, LEASE));
    reader_start(&joined, &bed->workers[0], "a");
    bed_redis(&bed->workers[0]);
    bed_let_go(bed);
    assert_int_equal(first.answers + joined.answers, 2);
    assert_int_equal(first.status, STATUS_UNAVAILABLE);
    assert_int_equal(joined.status, STATUS_UNAVAILABLE);
    assert_false(fake_server_has(bed->server, LEASE));
    assert_int_equal(bed_counter(&bed->workers[0], STAT_STORE_GET_FAILED), 1);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 1);
}

static void a_full_queue_before_the_store_is_told(void **state)
{
    struct bed *bed = *state;
    struct reader reader;
    fake_pool_refuse(bed->workers[0].pool, STATUS_BUSY);
    reader_start(&reader, &bed->workers[0], "a");
    bed_settle(bed);
    fake_pool_refuse(bed->workers[0].pool, STATUS_OK);
    assert_int_equal(reader.answers, 1);
    assert_int_equal(reader.status, STATUS_BUSY);
    assert_false(fake_server_has(bed->server, LEASE));
}

/* ---- Redis fails ---- */

/* One row per moment: how many steps are taken before the connection breaks. */
static void redis_may_go_at_any_step_of_a_read(void **state)
{
    enum { EXECUTE, DELIVER, WORK, DONE };
    static const int steps[] = {EXECUTE, DELIVER, EXECUTE, DELIVER, WORK, DONE, EXECUTE, DELIVER};
    static void (*const take[])(struct worker *) = {bed_execute, bed_deliver, bed_work, bed_done};
    struct bed *bed = *state;
    struct worker *worker = &bed->workers[0];
    for (size_t taken = 0; taken < COUNT_OF(steps); taken++) {
        struct reader first, joined;
        bed_hold(worker, true);
        reader_start(&first, worker, "a");
        for (size_t i = 0; i < taken; i++)
            take[steps[i]](worker);
        reader_start(&joined, worker, "a");
        fake_redis_cut(bed_connection(worker));
        bed_hold(worker, false);
        bed_settle(bed);
        assert_number("first", first.answers, 1);
        assert_number("joined", joined.answers, 1);
        assert_int_equal(first.v, 1);
        assert_int_equal(joined.v, 1);
        bed_pass(bed, 2 * FAKE_RECONNECT_MS);
        assert_true(cache_is_trusted(worker->cache));
        reader_start(&first, worker, "a"); /* a lease may have been left behind */
        bed_pass(bed, bed->settings.lease_wait_ms);
        assert_int_equal(first.v, 1);
        fake_server_flush(bed->server);
    }
}

static void a_frozen_redis_costs_its_timeout_and_no_more(void **state)
{
    struct bed *bed = *state;
    struct reader reader;
    bed->server->frozen = true;
    reader_start(&reader, &bed->workers[0], "a");
    bed_pass(bed, bed->settings.redis_timeout_ms - 1);
    assert_int_equal(reader.answers, 0);
    bed_pass(bed, 1);
    assert_int_equal(reader.v, 1);
    assert_int_equal(reader.trace.source, CACHE_BYPASS);
    assert_false(cache_is_trusted(bed->workers[0].cache));
    fake_journal_reset();
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 1); /* at once: nobody asks a Redis that isn't trusted */
    assert_journal("get");
    bed->server->frozen = false;
    bed_pass(bed, 2 * FAKE_RECONNECT_MS);
    assert_true(cache_is_trusted(bed->workers[0].cache));
}

static void a_fill_whose_answer_is_lost_counts_as_refused_for_those_who_joined(void **state)
{
    struct bed *bed = *state;
    struct reader first, joined;
    bed_fetch(bed, &first);
    reader_start(&joined, &bed->workers[0], "a");
    bed_redis(&bed->workers[0]);
    fake_redis_lose_reply(bed_connection(&bed->workers[0]), 1);
    bed_let_go(bed);
    assert_int_equal(first.v, 1);
    assert_int_equal(joined.v, 1);
    assert_int_equal(gets(bed), 2);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_FILL_FAILED), 1);
}

/* ---- Another epoch, another Redis ---- */

/* A job of the link's, which overtakes the slow read's that is at the head of the queue. */
static void overtake(struct worker *worker)
{
    fake_pool_delay_oldest(worker->pool);
    bed_store(worker);
}

static void a_flight_of_an_older_epoch_gives_its_joiners_to_the_new_one(void **state)
{
    struct bed *bed = *state;
    struct worker *worker = &bed->workers[0];
    struct reader first, joined, later;
    bed_fetch(bed, &first);
    reader_start(&joined, worker, "a");
    bed_redis(worker);
    fake_store_meta(bed->store)->epoch = 2;
    worker_tend(worker);
    bed_redis(worker); /* it still is who it was */
    overtake(worker);  /* the record is read, and differs */
    assert_false(cache_is_trusted(worker->cache));
    bed_redis(worker);
    overtake(worker);  /* it is compared with the run id */
    bed_redis(worker); /* the old epoch is left */
    bed_redis(worker); /* the beat */
    overtake(worker);  /* the outbox is empty */
    assert_true(cache_is_trusted(worker->cache));
    reader_start(&later, worker, "a");
    bed_redis(worker);
    bed_redis(worker);
    fake_store_put(bed->store, "a", 2);
    bed_hold(worker, false);
    bed_settle(bed);
    assert_int_equal(first.answers, 1);
    assert_false(first.trace.stored);
    assert_int_equal(joined.answers, 1);
    assert_int_equal(joined.v, 2);
    assert_int_equal(later.v, 2);
    assert_int_equal(gets(bed), 2);
    assert_text("v", fake_server_field(bed->server, "todo:2:{a}", "v"), SLICE("2"));
}

/*
 * R0's acquire finds the entry in Redis, its answer is on the way; the epoch moves on; W, in the new one, commits 2 and answers; this
 * worker learns of the epoch; R1 begins, can't ask Redis, boards R0's flight, and would get 1.
 */
static void what_was_found_before_trust_was_withdrawn_is_not_given_out(void **state)
{
    struct bed *bed = *state;
    struct worker *worker = &bed->workers[0];
    struct reader first, later;
    bed_hold(worker, true);
    reader_start(&first, worker, "a");
    bed_redis(worker);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1);
    bed_execute(worker);
    fake_store_meta(bed->store)->epoch = 2;
    worker_tend(&bed->workers[1]);
    assert_int_equal(bed_write(bed, &bed->workers[1], "a"), STATUS_OK);
    worker_tend(worker);
    bed_store(worker);
    reader_start(&later, worker, "a");
    bed_hold(worker, false);
    bed_settle(bed);
    assert_int_equal(first.answers, 1);
    assert_int_equal(later.answers, 1);
    assert_int_equal(later.v, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, bed_end)
    const struct CMUnitTest tests[] = {
        TEST(a_miss_takes_the_lease_reads_the_store_and_fills),
        TEST(a_hit_is_one_command_and_tells_its_age),
        TEST(what_is_not_there_is_remembered_for_a_while),
        TEST(a_thousand_readers_of_a_cold_id_ask_the_store_once),
        TEST(a_fill_that_was_read_before_a_fence_is_refused),
        TEST(readers_go_past_the_cache_while_a_write_is_under_way),
        TEST(who_joined_a_refused_flight_goes_again_together),
        TEST(who_joined_a_flight_without_a_lease_goes_again),
        TEST(who_joined_takes_what_was_filled),
        TEST(a_lease_that_was_evicted_does_not_fill),
        TEST(the_next_holder_of_a_lease_is_not_disturbed_by_the_last),
        TEST(an_entry_that_is_evicted_or_flushed_costs_a_miss),
        TEST(a_store_error_goes_to_all_aboard_and_gives_the_lease_back),
        TEST(a_full_queue_before_the_store_is_told),
        TEST(redis_may_go_at_any_step_of_a_read),
        TEST(a_frozen_redis_costs_its_timeout_and_no_more),
        TEST(a_fill_whose_answer_is_lost_counts_as_refused_for_those_who_joined),
        TEST(a_flight_of_an_older_epoch_gives_its_joiners_to_the_new_one),
        TEST(what_was_found_before_trust_was_withdrawn_is_not_given_out),
    };
    return cmocka_run_group_tests_name("flight", tests, NULL, NULL);
}
