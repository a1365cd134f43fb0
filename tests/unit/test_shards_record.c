/* SPDX-License-Identifier: MIT */
/*
 * The store's record of a cluster's slots (cache/record.c, claim.c): workers share it, its epochs move on, the store goes back, and no
 * entry of before is ever believed.
 */
#include "shards_bed.h"

static void of_workers_that_see_the_same_move_one_changes_the_record(void **state)
{
    struct bed *bed = *state;
    unsigned swaps = fake_store_calls(bed->store, FAKE_SLOTS_SWAP);
    int64_t serial = fake_store_meta(bed->store)->epoch;
    for (int i = 0; i < BED_WORKERS; i++)
        fake_pool_hold(bed->workers[i].pool, true);
    fake_cluster_move("fake:b", slot_of(low), slot_of(low));
    for (int i = 0; i < BED_WORKERS; i++)
        fake_pool_hold(bed->workers[i].pool, false);
    settle(bed);
    tend(bed);
    assert_true(fake_store_meta(bed->store)->epoch > serial);
    assert_int_equal(home(bed, 0, low).epoch, home(bed, 1, low).epoch);
    assert_int_equal(home(bed, 0, low).epoch, fake_store_meta(bed->store)->epoch);
    assert_true(fake_store_calls(bed->store, FAKE_SLOTS_SWAP) - swaps <= 2);
}

static void slots_are_read_only_when_the_record_has_changed(void **state)
{
    struct bed *bed = *state;
    tend(bed);
    unsigned reads = fake_store_calls(bed->store, FAKE_SLOTS_GET);
    tend(bed);
    tend(bed);
    assert_int_equal(fake_store_calls(bed->store, FAKE_SLOTS_GET), reads);
}

/* Two looks on, each worker has both slots under later epochs. */
static void assert_all_found_later(struct bed *bed, int64_t low_epoch, int64_t high_epoch)
{
    tend(bed);
    tend(bed);
    assert_all_trusted(bed);
    for (int i = 0; i < BED_WORKERS; i++) {
        assert_true(home(bed, i, low).epoch > low_epoch);
        assert_true(home(bed, i, high).epoch > high_epoch);
    }
}

static void a_purge_of_all_gives_each_slot_another_epoch(void **state)
{
    struct bed *bed = *state;
    int64_t low_epoch = home(bed, 0, low).epoch, high_epoch = home(bed, 0, high).epoch;
    bed_move_epoch(&bed->workers[0]);
    assert_all_found_later(bed, low_epoch, high_epoch);
    assert_false(hits(bed, 0, low) || hits(bed, 0, high));
}

/* Slots are on their way, and refuse the beat. */
static void move_epoch_untold(struct bed *bed)
{
    fake_server_refuse(bed->server, "BEAT", "TRYAGAIN Multiple keys request during rehashing of slot");
    bed_move_epoch(&bed->workers[0]);
}

static void a_look_that_cannot_tell_the_beat_takes_what_is_lost_all_the_same(void **state)
{
    struct bed *bed = *state;
    move_epoch_untold(bed);
    tend(bed);
    const struct home lost = home(bed, 0, low);
    assert_false(home_holds(&lost));
    assert_int_equal(trusted_count(bed, 0), 2);
    fake_server_refuse(bed->server, NULL, NULL);
    tend(bed);
    tend(bed);
    assert_all_trusted(bed);
}

/* For example those that a batch is about to move, whose keys of the beat are not there yet. */
static void a_look_passes_by_many_slots_that_are_on_their_way(void **state)
{
    struct bed *bed = *state;
    move_epoch_untold(bed);
    unsigned until = bed->server->redis->command_count + 40;
    worker_tend(&bed->workers[0]);
    do
        bed_settle(bed);
    while (bed->server->redis->command_count < until && fake_cluster_step());
    assert_true(bed->server->redis->command_count >= until);
    fake_server_refuse(bed->server, NULL, NULL);
    settle(bed);
    const struct home found = home(bed, 0, low);
    assert_true(home_holds(&found));
}

static void slots_with_another_epoch_are_nobodys_until_the_outbox_is_drained(void **state)
{
    struct bed *bed = *state;
    bed_move_epoch(&bed->workers[0]);
    fake_store_fail(bed->store, FAKE_OUTBOX_LIST, 0, STATUS_UNAVAILABLE); /* of one shard */
    worker_tend(&bed->workers[0]);
    settle(bed);
    assert_int_equal(shards_missing_slots(bed->workers[0].cache->shards), HALF);
    assert_int_equal(trusted_count(bed, 0), 2);
    tend(bed);
    assert_int_equal(shards_missing_slots(bed->workers[0].cache->shards), 0);
}

static void a_store_that_went_back_gives_up_all_slots(void **state)
{
    struct bed *bed = *state;
    struct store *backup = fake_store_backup(bed->store);
    int64_t low_epoch = home(bed, 0, low).epoch, high_epoch = home(bed, 0, high).epoch;
    assert_int_equal(write_by(bed, 0, low), STATUS_OK);
    assert_int_equal(write_by(bed, 0, high), STATUS_OK);
    pass(bed, 1000);
    tend(bed); /* the beat */
    read_by(bed, 0, low, NULL);
    read_by(bed, 0, high, NULL);
    fake_store_restore(bed->store, backup);
    assert_all_found_later(bed, low_epoch, high_epoch);
    assert_int_equal(read_by(bed, 0, low, NULL), 1);
    assert_int_equal(read_by(bed, 1, high, NULL), 1);
    fake_store_free(backup);
}

/* Redis remembers the beat for workers that have seen nothing, and a claim of theirs does not hide it. */
static void workers_that_begin_after_a_restore_and_a_move_give_up_all_slots(void **state)
{
    struct bed *bed = *state;
    struct store *backup = fake_store_backup(bed->store);
    int64_t high_epoch = home(bed, 0, high).epoch;
    assert_int_equal(write_by(bed, 0, high), STATUS_OK);
    pass(bed, 1000);
    tend(bed); /* the beat, and each shard is told */
    tend(bed);
    assert_int_equal(read_by(bed, 0, high, NULL), 2);
    bed_stop_workers(bed);
    fake_store_restore(bed->store, backup);
    fake_cluster_move("fake:b", 0, 0);
    bed->server->away = true; /* b has to find it out alone */
    bed_start_workers(bed);
    settle(bed);
    tend(bed);
    assert_true(home(bed, 0, high).epoch > high_epoch);
    bed->server->away = false;
    pass(bed, 2 * FAKE_RECONNECT_MS);
    tend(bed);
    assert_all_trusted(bed);
    assert_int_equal(read_by(bed, 0, high, NULL), 1);
    fake_store_free(backup);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHARDS_TEST(of_workers_that_see_the_same_move_one_changes_the_record),
        SHARDS_TEST(slots_are_read_only_when_the_record_has_changed),
        SHARDS_TEST(a_purge_of_all_gives_each_slot_another_epoch),
        SHARDS_TEST(a_look_that_cannot_tell_the_beat_takes_what_is_lost_all_the_same),
        SHARDS_TEST(a_look_passes_by_many_slots_that_are_on_their_way),
        SHARDS_TEST(slots_with_another_epoch_are_nobodys_until_the_outbox_is_drained),
        SHARDS_TEST(a_store_that_went_back_gives_up_all_slots),
        SHARDS_TEST(workers_that_begin_after_a_restore_and_a_move_give_up_all_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
