/* SPDX-License-Identifier: MIT */
/*
 * Which Redis, which epoch, trusted or not (cache/trust.c), and the draining of the outbox before the first read (outbox.c).
 */
#include "cache_bed.h"

#include "cache/cache_state.h"
#include "cache/identity.h"
#include "cache/trust.h"

static bool is_trusted(const struct bed *bed, int worker)
{
    return cache_is_trusted(bed->workers[worker].cache);
}

/* Unless the test has set another record: in epoch 1. */
static void start(struct bed *bed)
{
    if (fake_store_meta(bed->store)->epoch == 0)
        bed_set_meta(bed, 1, "run-a");
    bed_start_workers(bed);
    bed_settle(bed);
}

static int64_t epoch_of(const struct bed *bed, int worker)
{
    return home_of_list(bed->workers[worker].cache).epoch;
}

static uint64_t moves(const struct bed *bed)
{
    return bed_counter(&bed->workers[0], STAT_EPOCH_MOVED) + bed_counter(&bed->workers[1], STAT_EPOCH_MOVED);
}

static void add_record(struct bed *bed, const char *id, bool is_closed)
{
    struct store_fence fence = {.token = token_new(), .deadline_at_ms = fake_now_ms() + 10000, .is_closed = is_closed};
    memcpy(fence.id, id, strlen(id) + 1);
    fake_store_outbox_add(bed->store, &fence);
}

static void the_first_redis_ever_begins_an_epoch_of_time_and_chance(void **state)
{
    struct bed *bed = *state;
    bed_start_workers(bed);
    bed_settle(bed);
    assert_true(is_trusted(bed, 0) && is_trusted(bed, 1));
    assert_int_equal(fake_store_meta(bed->store)->epoch >> 20, fake_now_ms());
    assert_string_equal(fake_store_meta(bed->store)->cache_run_id, "run-a");
    assert_int_equal(epoch_of(bed, 0), fake_store_meta(bed->store)->epoch);
    assert_int_equal(epoch_of(bed, 1), fake_store_meta(bed->store)->epoch);
    assert_int_equal(moves(bed), 1);
}

static void the_same_redis_keeps_its_epoch(void **state)
{
    struct bed *bed = *state;
    bed_set_meta(bed, 7, "run-a");
    start(bed);
    assert_int_equal(home_of_list(bed->workers[1].cache).epoch, 7);
    fake_server_leave(bed->server);
    assert_false(is_trusted(bed, 0));
    bed->server->away = false;
    bed_pass(bed, 2 * FAKE_RECONNECT_MS);
    assert_true(is_trusted(bed, 0));
    assert_int_equal(home_of_list(bed->workers[0].cache).epoch, 7);
    assert_int_equal(moves(bed), 0);
}

static void another_redis_moves_the_epoch_once_though_two_workers_race(void **state)
{
    struct bed *bed = *state;
    bed_set_meta(bed, 7, "run-of-old");
    bed_start_workers(bed);
    for (int i = 0; i < BED_WORKERS; i++)
        fake_pool_hold(bed->workers[i].pool, true);
    bed_settle(bed);
    fake_store_fail(bed->store, FAKE_META_SWAP, 0, STATUS_UNAVAILABLE); /* the first one fails: it tries again later */
    bed_work(&bed->workers[0]);
    bed_work(&bed->workers[1]);
    for (int i = 0; i < BED_WORKERS; i++)
        fake_pool_hold(bed->workers[i].pool, false);
    bed_settle(bed);
    assert_false(is_trusted(bed, 0));
    assert_true(is_trusted(bed, 1));
    bed_tend(bed);
    assert_true(is_trusted(bed, 0));
    assert_true(fake_store_meta(bed->store)->epoch > 7);
    assert_int_equal(epoch_of(bed, 0), fake_store_meta(bed->store)->epoch);
    assert_int_equal(epoch_of(bed, 1), fake_store_meta(bed->store)->epoch);
    assert_int_equal(moves(bed), 1);
}

static void entries_of_a_restarted_redis_are_out_of_reach(void **state)
{
    struct bed *bed = *state;
    start(bed);
    fake_store_put(bed->store, "a", 1);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 1);
    fake_server_leave(bed->server);
    bed_settle(bed);
    fake_store_put(bed->store, "a", 2); /* by a worker whose outbox was drained into the Redis that is gone now */
    fake_server_restart(bed->server, "run-b", true);
    bed_pass(bed, 2 * FAKE_RECONNECT_MS);
    assert_true(fake_server_has(bed->server, "todo:1:{a}"));
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 2);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
    assert_true(epoch_of(bed, 1) > 1);
    assert_int_equal(moves(bed), 1);
}

static void a_replica_is_not_trusted_until_it_is_a_primary(void **state)
{
    struct bed *bed = *state;
    bed->server->redis->is_replica = true;
    start(bed);
    bed_pass(bed, 5 * FAKE_RECONNECT_MS);
    assert_false(is_trusted(bed, 0));
    fake_store_put(bed->store, "a", 1);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 1);
    bed->server->redis->is_replica = false;
    bed_pass(bed, 2 * FAKE_RECONNECT_MS);
    assert_true(is_trusted(bed, 0));
}

static void a_redis_that_loads_its_file_is_not_trusted_until_it_is_through(void **state)
{
    struct bed *bed = *state;
    bed->server->redis->is_loading = true;
    bed_start_workers(bed);
    bed_pass(bed, 5 * FAKE_RECONNECT_MS);
    assert_false(is_trusted(bed, 0));
    assert_int_equal(fake_store_meta(bed->store)->epoch, 0); /* who knows who it will be */
    bed->server->redis->is_loading = false;
    bed_pass(bed, 2 * FAKE_RECONNECT_MS);
    assert_true(is_trusted(bed, 0));
}

static void set_replication_id(struct bed *bed, char digit)
{
    memset(bed->server->redis->replication_id, digit, sizeof(bed->server->redis->replication_id) - 1);
}

/* It was made a replica, took over what its primary had, and was promoted: one process, one run id, other data. */
static void a_primary_that_was_a_replica_meanwhile_is_another_redis(void **state)
{
    struct bed *bed = *state;
    set_replication_id(bed, 'a');
    start(bed);
    fake_store_put(bed->store, "a", 1);
    bed_read(bed, &bed->workers[0], "a");
    fake_server_leave(bed->server);
    fake_store_put(bed->store, "a", 2);
    set_replication_id(bed, 'b');
    bed->server->away = false;
    bed_pass(bed, 2 * FAKE_RECONNECT_MS);
    assert_true(home_of_list(bed->workers[0].cache).epoch > 1);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 2);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
}

/* The same while the connection stands: nobody tells a client. */
static void what_a_primary_became_behind_our_back_is_noticed_at_the_next_tend(void **state)
{
    struct bed *bed = *state;
    set_replication_id(bed, 'a');
    start(bed);
    fake_store_put(bed->store, "a", 1);
    bed_read(bed, &bed->workers[0], "a");
    fake_store_put(bed->store, "a", 2);
    bed->server->redis->is_replica = true;
    bed_tend(bed);
    assert_false(is_trusted(bed, 0));
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 2);
    bed->server->redis->is_replica = false;
    bed_pass(bed, 2 * FAKE_RECONNECT_MS);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 1); /* it is who it was, and so is what it has */
    set_replication_id(bed, 'b');
    bed_tend(bed);
    bed_pass(bed, 2 * FAKE_RECONNECT_MS);
    assert_true(is_trusted(bed, 0));
    assert_true(home_of_list(bed->workers[0].cache).epoch > 1);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 2);
}

static void a_redis_that_does_not_tell_who_it_is_is_not_trusted(void **state)
{
    struct bed *bed = *state;
    fake_server_refuse(bed->server, "INFO", "NOPERM this user has no permissions to run the 'info' command");
    start(bed);
    bed_pass(bed, 5 * FAKE_RECONNECT_MS);
    assert_false(is_trusted(bed, 0));
    assert_int_equal(bed->workers[0].hidden_count, 1);
    fake_server_refuse(bed->server, NULL, NULL);
    bed_pass(bed, 2 * FAKE_RECONNECT_MS);
    assert_true(is_trusted(bed, 0));
}

static void a_worker_that_has_known_redis_goes_on_if_it_hides(void **state)
{
    struct bed *bed = *state;
    start(bed);
    fake_server_refuse(bed->server, "INFO", "ERR unknown command");
    bed_tend(bed);
    bed_pass(bed, 9 * FAKE_RECONNECT_MS);
    assert_false(is_trusted(bed, 0));
    assert_int_equal(bed->workers[0].hidden_count, 0);
}

/* The first worker's connection breaks while INFO is under way. */
static void lose_info(struct bed *bed)
{
    struct redis *redis = cache_redis(bed->workers[0].cache);
    fake_redis_hold(redis, true);
    for (int i = 0; i < 2 * FAKE_RECONNECT_MS && fake_redis_sent_count(redis) == 0; i++)
        bed_pass(bed, 1);
    assert_int_equal(fake_redis_sent_count(redis), 1);
    fake_redis_cut(redis);
    fake_redis_hold(redis, false);
}

static void a_connection_that_breaks_twice_when_redis_is_asked_who_it_is_means_nothing(void **state)
{
    struct bed *bed = *state;
    bed_start_workers(bed);
    for (int i = 0; i < IDENTITY_ASKED_MAX - 1; i++)
        lose_info(bed);
    bed_pass(bed, 2 * FAKE_RECONNECT_MS);
    assert_true(is_trusted(bed, 0));
    assert_int_equal(bed->workers[0].hidden_count, 0);
}

static void a_redis_that_ends_each_connection_that_asks_who_it_is_hides_it(void **state)
{
    struct bed *bed = *state;
    bed_start_workers(bed);
    for (int i = 0; i < IDENTITY_ASKED_MAX; i++) {
        assert_int_equal(bed->workers[0].hidden_count, 0);
        lose_info(bed);
    }
    assert_int_equal(bed->workers[0].hidden_count, 1);
}

static void without_the_store_nothing_is_trusted_until_it_is_back(void **state)
{
    struct bed *bed = *state;
    fake_store_set_away(bed->store, true);
    start(bed);
    bed_tend(bed);
    assert_false(is_trusted(bed, 0));
    fake_store_set_away(bed->store, false);
    bed_tend(bed);
    assert_true(is_trusted(bed, 0) && is_trusted(bed, 1));
}

static void a_store_that_goes_later_leaves_hits_alone(void **state)
{
    struct bed *bed = *state;
    start(bed);
    fake_store_put(bed->store, "a", 1);
    bed_read(bed, &bed->workers[0], "a");
    fake_store_set_away(bed->store, true);
    for (int i = 0; i < 3; i++)
        bed_tend(bed);
    assert_true(is_trusted(bed, 0));
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1);
}

static void the_outbox_is_drained_before_the_first_read_is_trusted(void **state)
{
    struct bed *bed = *state;
    bed_set_meta(bed, 1, "run-a");
    fake_store_put(bed->store, "a", 2);
    fake_server_set_field(bed->server, "todo:1:{a}", "none", "1");
    fake_server_set_field(bed->server, "todo:1:{a}", "at", "1700000000000");
    add_record(bed, "a", true);
    fake_journal_reset();
    start(bed);
    assert_non_null(strstr(fake_journal().data, "INFO meta_get BEAT outbox_list"));
    assert_non_null(strstr(fake_journal().data, "UNFENCE"));
    assert_int_equal(bed_outbox_count(bed), 0);
    assert_false(fake_server_has(bed->server, "todo:1:{a}"));
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 2);
}

static void an_open_record_is_fenced_and_stays(void **state)
{
    struct bed *bed = *state;
    add_record(bed, "a", false);
    start(bed);
    assert_true(is_trusted(bed, 0));
    assert_int_equal(bed_outbox_count(bed), 1);
    assert_int_equal(fake_server_members(bed->server, "todo:1:{a}:writers"), 1);
    bed_read(bed, &bed->workers[0], "a");
    assert_false(fake_server_has(bed->server, "todo:1:{a}"));
}

static void more_records_than_one_listing_holds_are_all_drained(void **state)
{
    struct bed *bed = *state;
    char id[16];
    for (int i = 0; i < 700; i++) {
        snprintf(id, sizeof(id), "%d", i);
        add_record(bed, id, true);
    }
    start(bed);
    assert_true(is_trusted(bed, 0) && is_trusted(bed, 1));
    assert_int_equal(bed_outbox_count(bed), 0);
}

/* Open records fill the listing: what is closed behind them can't be seen, so nothing may be trusted yet. */
static void closed_records_behind_many_open_ones_are_not_passed_over(void **state)
{
    struct bed *bed = *state;
    char id[16];
    bed_set_meta(bed, 1, "run-a");
    for (int i = 0; i < 300; i++) {
        snprintf(id, sizeof(id), "%d", i);
        add_record(bed, id, false);
    }
    fake_store_put(bed->store, "a", 1);
    fake_server_set_field(bed->server, "todo:1:{a}", "none", "1");
    fake_server_set_field(bed->server, "todo:1:{a}", "at", "1700000000000");
    add_record(bed, "a", true);
    start(bed);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 1);
    bed_tend(bed);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 1);
    bed_pass(bed, 10000); /* the open ones' deadline */
    bed_tend(bed);
    assert_true(is_trusted(bed, 0) && is_trusted(bed, 1));
    assert_int_equal(bed_outbox_count(bed), 0);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 1);
}

static void records_made_elsewhere_are_drained_each_second(void **state)
{
    struct bed *bed = *state;
    start(bed);
    fake_store_put(bed->store, "a", 1);
    bed_read(bed, &bed->workers[0], "a");
    fake_store_put(bed->store, "a", 2);
    add_record(bed, "a", true);
    bed_tend(bed);
    assert_int_equal(bed_outbox_count(bed), 0);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 2);
}

static void an_epoch_moved_by_somebody_else_is_noticed_at_the_next_tend(void **state)
{
    struct bed *bed = *state;
    start(bed);
    fake_store_put(bed->store, "a", 1);
    bed_read(bed, &bed->workers[0], "a");
    fake_store_put(bed->store, "a", 2);
    bed_set_meta(bed, 2, "run-a");
    bed_tend(bed);
    assert_true(is_trusted(bed, 0));
    assert_int_equal(home_of_list(bed->workers[0].cache).epoch, 2);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 2);
    assert_int_equal(moves(bed), 0);
}

/* The address leads to another Redis by now, but this worker's connection to the old one still stands. */
static void a_worker_follows_the_record_to_another_redis(void **state)
{
    struct bed *bed = *state;
    start(bed);
    struct fake_server *next = fake_server_new("fake:a", "run-b"); /* found before the first one */
    bed_set_meta(bed, 2, "run-b");
    bed_tend(bed);
    assert_false(is_trusted(bed, 0));
    bed_pass(bed, 2 * FAKE_RECONNECT_MS);
    assert_true(is_trusted(bed, 0));
    assert_int_equal(home_of_list(bed->workers[0].cache).epoch, 2);
    assert_int_equal(fake_store_meta(bed->store)->epoch, 2);
    fake_store_put(bed->store, "a", 1);
    bed_read(bed, &bed->workers[0], "a");
    assert_true(fake_server_has(next, "todo:2:{a}"));
    bed_stop_workers(bed);
    fake_server_free(next);
}

/*
 * This worker is late to learn of epoch 2, in which another has an old entry: what it takes to Redis under epoch 1 must not
 * be struck off.
 */
static void a_drain_under_an_old_epoch_removes_nothing(void **state)
{
    struct bed *bed = *state;
    struct worker *worker = &bed->workers[0];
    start(bed);
    fake_pool_hold(worker->pool, true);
    worker_tend(worker);
    bed_store(worker); /* the record: still epoch 1 */
    bed_set_meta(bed, 2, "run-a");
    worker_tend(&bed->workers[1]);
    bed_settle(bed);
    fake_store_put(bed->store, "a", 1);
    bed_read(bed, &bed->workers[1], "a");
    fake_store_put(bed->store, "a", 2);
    add_record(bed, "a", true);
    fake_pool_hold(worker->pool, false);
    bed_settle(bed);
    assert_int_equal(bed_outbox_count(bed), 1);
    bed_tend(bed);
    bed_tend(bed);
    assert_int_equal(bed_outbox_count(bed), 0);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
}

/* The listing was taken before the connection was lost: it says nothing about the Redis that is there now. */
static void a_drain_that_outlived_its_connection_removes_nothing(void **state)
{
    struct bed *bed = *state;
    struct worker *worker = &bed->workers[0];
    start(bed);
    bed_hold(&bed->workers[1], true);
    add_record(bed, "a", true);
    fake_pool_hold(worker->pool, true);
    worker_tend(worker);
    bed_store(worker); /* the record */
    bed_settle(bed);   /* the beat */
    bed_work(worker);  /* the listing */
    fake_redis_cut(bed_connection(worker));
    bed_pass(bed, 2 * FAKE_RECONNECT_MS);
    assert_true(redis_is_up(bed_connection(worker)));
    fake_journal_reset();
    bed_done(worker);
    assert_int_equal(fake_redis_sent_count(bed_connection(worker)), 0);
    assert_int_equal(bed_outbox_count(bed), 1);
    fake_pool_hold(worker->pool, false);
    bed_settle(bed);
    bed_tend(bed);
    assert_true(is_trusted(bed, 0));
    assert_int_equal(bed_outbox_count(bed), 0);
    bed_hold(&bed->workers[1], false);
    bed_settle(bed);
}

/* Lost and regained while each of the link's jobs is under way: whatever happens, trust comes back by itself. */
static void no_moment_of_losing_redis_is_forgotten(void **state)
{
    struct bed *bed = *state;
    struct worker *worker = &bed->workers[0];
    start(bed);
    add_record(bed, "a", false);
    for (int taken = 0; taken < 12; taken++) {
        bed_hold(worker, true);
        fake_redis_cut(bed_connection(worker));
        bed_pass(bed, FAKE_RECONNECT_MS);
        for (int i = 0; i < taken; i++)
            (void)(fake_redis_execute(bed_connection(worker)) || fake_redis_deliver(bed_connection(worker)) ||
                   fake_pool_work(worker->pool) || fake_pool_done(worker->pool));
        fake_redis_cut(bed_connection(worker));
        bed_pass(bed, FAKE_RECONNECT_MS);
        bed_hold(worker, false);
        bed_settle(bed);
        bed_tend(bed);
        bed_tend(bed);
        assert_true(is_trusted(bed, 0));
    }
}

static void trust_is_not_given_to_a_connection_that_is_gone(void **state)
{
    struct bed *bed = *state;
    struct worker *worker = &bed->workers[0];
    bed_start_workers(bed);
    fake_pool_hold(worker->pool, true);
    bed_settle(bed);
    bed_work(worker); /* the record is read for this connection */
    fake_server_leave(bed->server);
    fake_pool_hold(worker->pool, false);
    bed_settle(bed);
    assert_false(is_trusted(bed, 0));
    bed->server->away = false;
    bed_pass(bed, 2 * FAKE_RECONNECT_MS);
    assert_true(is_trusted(bed, 0));
}

/* The record was compared with the run id of a Redis that has since been restarted from old data. */
static void a_check_for_the_last_redis_says_nothing_about_this_one(void **state)
{
    struct bed *bed = *state;
    struct worker *worker = &bed->workers[0];
    bed_set_meta(bed, 1, "run-a");
    fake_store_put(bed->store, "a", 1);
    fake_server_set_field(bed->server, "todo:1:{a}", "none", "1");
    fake_server_set_field(bed->server, "todo:1:{a}", "at", "1700000000000");
    bed_start_workers(bed);
    bed_hold(&bed->workers[1], true);
    fake_pool_hold(worker->pool, true);
    bed_settle(bed);
    bed_work(worker); /* run-a: the record's */
    fake_server_restart(bed->server, "run-b", true);
    bed_pass(bed, 2 * FAKE_RECONNECT_MS);
    fake_pool_hold(worker->pool, false);
    bed_settle(bed);
    assert_int_equal(bed_read(bed, worker, "a"), 1);
    bed_hold(&bed->workers[1], false);
    bed_settle(bed);
    bed_tend(bed);
    assert_int_equal(bed_read(bed, worker, "a"), 1);
    assert_true(home_of_list(worker->cache).epoch > 1);
}

static void a_drain_that_ends_late_does_not_disturb_the_next_check(void **state)
{
    struct bed *bed = *state;
    struct worker *worker = &bed->workers[0];
    start(bed);
    bed_hold(worker, true);
    fake_redis_cut(bed_connection(worker));
    bed_pass(bed, FAKE_RECONNECT_MS);
    bed_redis(worker);
    bed_store(worker);
    bed_redis(worker); /* the beat */
    bed_work(worker);  /* the listing */
    fake_redis_cut(bed_connection(worker));
    bed_pass(bed, FAKE_RECONNECT_MS);
    bed_redis(worker);
    bed_done(worker); /* of the listing, while the next check is under way */
    bed_hold(worker, false);
    bed_settle(bed);
    assert_true(is_trusted(bed, 0));
}

/*
 * A read that takes nothing from the store is sent to a Redis that is being asked who it is, and stays there for longer than the store
 * takes to say what the epoch is by now.
 */
static void what_was_asked_before_trust_is_not_believed_after_it(void **state)
{
    struct bed *bed = *state;
    struct worker *worker = &bed->workers[0];
    struct reader reader;
    start(bed);
    fake_store_put(bed->store, "a", 1);
    assert_int_equal(bed_read(bed, worker, "a"), 1);
    bed_hold(worker, true);
    fake_store_meta(bed->store)->epoch = 2;
    worker_tend(worker);
    bed_redis(worker);
    bed_store(worker);
    assert_false(cache_is_trusted(worker->cache));
    bed_redis(worker); /* INFO */
    bed_store(worker);
    bed_redis(worker); /* the old epoch is left */
    bed_redis(worker); /* the beat */
    reader_start_asking(&reader, worker, "a", (struct cache_demand){.max_age_ms = -1, .only_if_cached = true});
    bed_execute(worker);
    bed_store(worker); /* the outbox */
    assert_true(cache_is_trusted(worker->cache));
    bed_deliver(worker);
    assert_int_equal(reader.answers, 1);
    assert_int_equal(reader.status, STATUS_MISMATCH);
    bed_let_go(bed);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bed_begin_idle, bed_end)
    const struct CMUnitTest tests[] = {
        TEST(the_first_redis_ever_begins_an_epoch_of_time_and_chance),
        TEST(the_same_redis_keeps_its_epoch),
        TEST(another_redis_moves_the_epoch_once_though_two_workers_race),
        TEST(entries_of_a_restarted_redis_are_out_of_reach),
        TEST(a_replica_is_not_trusted_until_it_is_a_primary),
        TEST(a_redis_that_loads_its_file_is_not_trusted_until_it_is_through),
        TEST(a_primary_that_was_a_replica_meanwhile_is_another_redis),
        TEST(what_a_primary_became_behind_our_back_is_noticed_at_the_next_tend),
        TEST(a_redis_that_does_not_tell_who_it_is_is_not_trusted),
        TEST(a_worker_that_has_known_redis_goes_on_if_it_hides),
        TEST(a_connection_that_breaks_twice_when_redis_is_asked_who_it_is_means_nothing),
        TEST(a_redis_that_ends_each_connection_that_asks_who_it_is_hides_it),
        TEST(without_the_store_nothing_is_trusted_until_it_is_back),
        TEST(a_store_that_goes_later_leaves_hits_alone),
        TEST(the_outbox_is_drained_before_the_first_read_is_trusted),
        TEST(an_open_record_is_fenced_and_stays),
        TEST(more_records_than_one_listing_holds_are_all_drained),
        TEST(closed_records_behind_many_open_ones_are_not_passed_over),
        TEST(records_made_elsewhere_are_drained_each_second),
        TEST(an_epoch_moved_by_somebody_else_is_noticed_at_the_next_tend),
        TEST(a_worker_follows_the_record_to_another_redis),
        TEST(a_drain_under_an_old_epoch_removes_nothing),
        TEST(a_drain_that_outlived_its_connection_removes_nothing),
        TEST(no_moment_of_losing_redis_is_forgotten),
        TEST(trust_is_not_given_to_a_connection_that_is_gone),
        TEST(a_check_for_the_last_redis_says_nothing_about_this_one),
        TEST(a_drain_that_ends_late_does_not_disturb_the_next_check),
        TEST(what_was_asked_before_trust_is_not_believed_after_it),
    };
    return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
