/* SPDX-License-Identifier: MIT */
/*
 * A store that goes back in time, is emptied or swapped (cache/beat.c, cache/epoch.c): no entry of its other life may be a hit.
 *
 * The store is the one of fake_store.h; a backup of it is restored while workers run, or while none does.
 */
#include "cache_bed.h"

#include "cache/beat.h"
#include "cache/cache_state.h"
#include "cache/trust.h"

#define KEY bed_key(bed, "todos:", ":{list}:beat")

static int begin(void **state)
{
    bed_begin(state);
    struct bed *bed = *state;
    fake_store_put(bed->store, "a", 1);
    return 0;
}

static uint64_t moves(const struct bed *bed)
{
    return bed_counter(&bed->workers[0], STAT_EPOCH_MOVED) + bed_counter(&bed->workers[1], STAT_EPOCH_MOVED);
}

static int64_t epoch(const struct bed *bed)
{
    return fake_store_meta(bed->store)->epoch;
}

static int64_t beat(const struct bed *bed)
{
    return fake_store_meta(bed->store)->beat;
}

static void restart(struct bed *bed)
{
    bed_stop_workers(bed);
    bed_start_workers(bed);
    bed_settle(bed);
    assert_true(cache_is_trusted(bed->workers[0].cache) && cache_is_trusted(bed->workers[1].cache));
}

/* A write, its beat, and an entry with what was written. */
static void write_and_fill(struct bed *bed, const char *id, int64_t v)
{
    assert_int_equal(bed_write(bed, &bed->workers[0], id), STATUS_OK);
    bed_pass(bed, 1000);
    bed_tend(bed);
    assert_int_equal(bed_read(bed, &bed->workers[1], id), v);
    assert_int_equal(bed_read(bed, &bed->workers[1], id), v);
}

/* ---- Numbers ---- */

static void a_number_has_time_and_chance_and_exceeds_the_last(void **state)
{
    (void)state;
    int64_t last = 0;
    for (int i = 0; i < 1000; i++) {
        int64_t next = serial_next(last, fake_now_ms());
        assert_true(next > last); /* though the clock stands still */
        last = next;
    }
    assert_int_equal(serial_next(7, fake_now_ms()) >> 20, fake_now_ms());
    assert_int_not_equal(serial_next(7, fake_now_ms()), serial_next(7, fake_now_ms()));
    int64_t future = INT64_C(8000000000000) * (1 << 20);
    assert_true(serial_next(future, fake_now_ms()) > future);
    assert_int_equal(serial_next(INT64_MAX, fake_now_ms()) >> 20, fake_now_ms());
}

/* ---- What others do to the store ---- */

/* Epochs were 2, 0, 1, 2, and what was dropped was a hit again. */
static void what_was_dropped_is_no_hit_however_often_the_epoch_begins_anew(void **state)
{
    struct bed *bed = *state;
    bed_move_epoch(&bed->workers[0]);
    bed_tend(bed);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 1);
    fake_store_empty(bed->store);
    bed_tend(bed);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 0);
        assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 0);
        bed_move_epoch(&bed->workers[0]);
        bed_tend(bed);
    }
}

static void a_store_that_goes_back_under_its_workers_is_noticed_at_the_next_look(void **state)
{
    struct bed *bed = *state;
    struct store *backup = fake_store_backup(bed->store);
    write_and_fill(bed, "a", 2);
    fake_store_restore(bed->store, backup);
    bed_pass(bed, 1000);
    bed_tend(bed);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 1);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1);
    assert_int_equal(moves(bed), 1);
    assert_true(epoch(bed) > 1);
    fake_store_free(backup);
}

/* No worker lives that has seen the later beat: Redis has. */
static void a_store_that_goes_back_between_two_lives_is_noticed_before_the_first_hit(void **state)
{
    struct bed *bed = *state;
    struct store *backup = fake_store_backup(bed->store);
    write_and_fill(bed, "a", 2);
    fake_store_restore(bed->store, backup);
    restart(bed);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 1);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1);
    fake_store_free(backup);
}

/* A backup of epoch 1, a purge, a restore, and the purge that was to help: its epoch was the one of before. */
static void purging_all_after_a_restore_brings_nothing_back(void **state)
{
    struct bed *bed = *state;
    struct store *backup = fake_store_backup(bed->store);
    bed_move_epoch(&bed->workers[0]);
    bed_tend(bed);
    write_and_fill(bed, "a", 2);
    bed_stop_workers(bed);
    fake_store_restore(bed->store, backup);
    bed_start_workers(bed);
    bed_move_epoch(&bed->workers[0]);
    bed_settle(bed);
    bed_tend(bed);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 1);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1);
    fake_store_free(backup);
}

/* The workers know epoch 2; what they left behind under epoch 1 is older still, and the store is back there. */
static void an_epoch_that_was_left_is_not_gone_back_to(void **state)
{
    struct bed *bed = *state;
    struct store *backup = fake_store_backup(bed->store);
    write_and_fill(bed, "a", 2);
    int64_t moved = bed_move_epoch(&bed->workers[0]);
    bed_tend(bed);
    fake_store_restore(bed->store, backup);
    fake_store_meta(bed->store)->beat = INT64_MAX; /* as if nothing had been written in epoch 1 */
    bed_tend(bed);
    assert_true(epoch(bed) > moved);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 1);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1);
    fake_store_free(backup);
}

/* No beat followed in the epoch that is left, and no worker lives that knows the later one: the purge counts all the same. */
static void an_epoch_that_was_left_is_not_gone_back_to_by_new_workers(void **state)
{
    struct bed *bed = *state;
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 1);
    struct store *backup = fake_store_backup(bed->store);
    fake_server_set_field(bed->server, "todo:1:{a}", "name", "what the purge was for");
    fake_server_set_field(bed->server, "todo:1:{a}", "v", "7");
    bed_move_epoch(&bed->workers[0]);
    bed_tend(bed);
    fake_store_restore(bed->store, backup);
    restart(bed);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 1);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1);
    fake_store_free(backup);
}

/* A copy takes the store's place, both go on, and come to the same Redis in turns. */
static void of_a_store_and_its_copy_each_has_its_own_entries(void **state)
{
    struct bed *bed = *state;
    struct store *copy = fake_store_backup(bed->store);
    write_and_fill(bed, "a", 2);
    struct store *first = fake_store_backup(bed->store);
    fake_store_restore(bed->store, copy);
    restart(bed);
    for (int i = 2; i < 5; i++)
        write_and_fill(bed, "a", i);
    fake_store_restore(bed->store, first);
    restart(bed);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 2);
    fake_store_free(first);
    fake_store_free(copy);
}

static void a_record_of_an_older_version_gets_an_epoch_of_its_own(void **state)
{
    struct bed *bed = *state;
    bed_read(bed, &bed->workers[0], "a");
    bed_stop_workers(bed);
    fake_store_put(bed->store, "a", 2);
    fake_store_meta(bed->store)->beat = 0; /* another store, from before there were beats: in epoch 1 as well */
    bed_start_workers(bed);
    bed_settle(bed);
    assert_int_equal(epoch(bed) >> 20, fake_now_ms());
    assert_int_equal(beat(bed), epoch(bed));
    assert_int_equal(moves(bed), 1);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 2);
}

/* ---- The beat ---- */

static void an_idle_service_writes_nothing(void **state)
{
    struct bed *bed = *state;
    bed_read(bed, &bed->workers[0], "a");
    for (int i = 0; i < 5; i++)
        bed_tend(bed);
    assert_int_equal(fake_store_calls(bed->store, FAKE_META_SWAP), 0);
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
    for (int i = 0; i < 5; i++)
        bed_tend(bed);
    assert_int_equal(fake_store_calls(bed->store, FAKE_META_SWAP), 1);
    assert_int_equal(beat(bed) >> 20, fake_now_ms());
    assert_int_equal(epoch(bed), 1);
    assert_int_equal(moves(bed), 0);
}

static void a_write_of_unknown_outcome_is_due_a_beat(void **state)
{
    struct bed *bed = *state;
    fake_store_fail(bed->store, FAKE_LOAD, 0, STATUS_UNKNOWN);
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_UNKNOWN);
    bed_tend(bed);
    assert_int_equal(fake_store_calls(bed->store, FAKE_META_SWAP), 1);
}

/* The writer is cut off from Redis and dies; the worker that brings its record to Redis vouches for its write. */
static void a_drained_record_is_due_a_beat(void **state)
{
    struct bed *bed = *state;
    struct store_fence fence = {.token = token_new(), .id = "a", .is_closed = true};
    fake_store_put(bed->store, "a", 2);
    fake_store_outbox_add(bed->store, &fence);
    bed_tend(bed);
    bed_tend(bed);
    assert_int_equal(bed_outbox_count(bed), 0);
    assert_true(fake_store_calls(bed->store, FAKE_META_SWAP) > 0);
}

static void a_beat_that_failed_is_made_up_for(void **state)
{
    struct bed *bed = *state;
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
    fake_store_fail(bed->store, FAKE_META_SWAP, 0, STATUS_UNAVAILABLE);
    bed_tend(bed);
    assert_int_equal(beat(bed), 1);
    bed_tend(bed);
    assert_true(beat(bed) > 1);
}

static void a_worker_that_ends_leaves_a_beat_behind(void **state)
{
    struct bed *bed = *state;
    assert_true(cache_settle(bed->workers[0].cache));
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
    assert_false(cache_settle(bed->workers[0].cache));
    bed_settle(bed);
    assert_true(cache_settle(bed->workers[0].cache));
    assert_true(cache_settle(bed->workers[1].cache));
    assert_true(beat(bed) > 1);
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)beat(bed));
    assert_text("beat", fake_server_text(bed->server, KEY), slice_of(text));
}

static void a_store_that_is_away_holds_no_end_up(void **state)
{
    struct bed *bed = *state;
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
    fake_store_set_away(bed->store, true);
    for (int i = 0; i < 10 && !cache_settle(bed->workers[0].cache); i++)
        bed_settle(bed);
    assert_true(cache_settle(bed->workers[0].cache));
}

/* ---- Races ---- */

/* Worker 0 has read the record; worker 1 moves the beat on and tells Redis; then worker 0 tells what it read. */
static void a_slow_worker_neither_hides_a_later_beat_nor_takes_it_for_a_way_back(void **state)
{
    struct bed *bed = *state;
    struct worker *worker = &bed->workers[0];
    assert_int_equal(bed_write(bed, &bed->workers[1], "a"), STATUS_OK);
    bed_hold(worker, true);
    worker_tend(worker);
    bed_work(worker); /* the record */
    worker_tend(&bed->workers[1]);
    bed_settle(bed);
    int64_t latest = beat(bed);
    assert_true(latest > 1);
    bed_hold(worker, false);
    bed_settle(bed);
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)latest);
    assert_text("beat", fake_server_text(bed->server, KEY), slice_of(text));
    assert_true(cache_is_trusted(worker->cache));
    assert_int_equal(moves(bed), 0);
}

/* It dies before Redis knows: the next look of another one tells it. */
static void a_beat_that_redis_was_not_told_is_told_by_another_worker(void **state)
{
    struct bed *bed = *state;
    struct worker *worker = &bed->workers[0];
    assert_int_equal(bed_write(bed, worker, "a"), STATUS_OK);
    struct store *backup = fake_store_backup(bed->store);
    assert_int_equal(bed_write(bed, worker, "a"), STATUS_OK);
    fake_pool_hold(worker->pool, true);
    worker_tend(worker);
    bed_store(worker); /* the record */
    bed_settle(bed);
    fake_pool_delay_oldest(worker->pool); /* the outbox goes first */
    fake_pool_work(worker->pool);
    fake_pool_work(worker->pool); /* the beat; nothing is told of it */
    assert_true(beat(bed) > 1);
    worker_tend(&bed->workers[1]);
    bed_settle(bed);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 3);
    fake_store_restore(bed->store, backup);
    worker_tend(&bed->workers[1]);
    bed_settle(bed);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
    fake_pool_hold(worker->pool, false);
    bed_settle(bed);
    fake_store_free(backup);
}

/* Both have written, both beat from the same one: one wins, the other is due at its next look. */
static void two_beats_at_once_are_one_after_the_other(void **state)
{
    struct bed *bed = *state;
    for (int i = 0; i < BED_WORKERS; i++)
        assert_int_equal(bed_write(bed, &bed->workers[i], "a"), STATUS_OK);
    for (int i = 0; i < BED_WORKERS; i++) {
        fake_pool_hold(bed->workers[i].pool, true);
        worker_tend(&bed->workers[i]);
        bed_store(&bed->workers[i]); /* the record */
        bed_settle(bed);
    }
    for (int i = 0; i < BED_WORKERS; i++)
        bed_work(&bed->workers[i]); /* the beat */
    for (int i = 0; i < BED_WORKERS; i++)
        fake_pool_hold(bed->workers[i].pool, false);
    bed_settle(bed);
    assert_int_equal(fake_store_calls(bed->store, FAKE_META_SWAP), 2);
    int64_t first = beat(bed);
    bed_tend(bed);
    assert_true(beat(bed) > first);
    int64_t second = beat(bed);
    bed_tend(bed);
    assert_int_equal(beat(bed), second);
    assert_int_equal(moves(bed), 0);
}

/* ---- Redis ---- */

static void a_redis_that_lost_the_beat_learns_it_anew(void **state)
{
    struct bed *bed = *state;
    write_and_fill(bed, "a", 2);
    fake_server_evict(bed->server, KEY);
    bed_tend(bed);
    assert_true(fake_server_has(bed->server, KEY));
    assert_int_equal(moves(bed), 0);
    assert_true(fake_server_ttl_ms(bed->server, KEY) > bed->settings.todo_ttl_s * 1000);
}

/* The workers themselves have seen a later beat. */
static void a_flush_does_not_hide_that_the_store_went_back(void **state)
{
    struct bed *bed = *state;
    struct store *backup = fake_store_backup(bed->store);
    write_and_fill(bed, "a", 2);
    fake_server_evict(bed->server, KEY);
    fake_store_restore(bed->store, backup);
    bed_tend(bed);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1);
    fake_store_free(backup);
}

static void a_redis_that_does_not_tell_the_beat_is_not_trusted(void **state)
{
    struct bed *bed = *state;
    fake_server_refuse(bed->server, "BEAT", "NOPERM this user has no permissions to access one of the keys");
    bed_tend(bed);
    assert_false(cache_is_trusted(bed->workers[0].cache));
    bed_tend(bed);
    assert_false(cache_is_trusted(bed->workers[0].cache));
    fake_server_refuse(bed->server, NULL, NULL);
    bed_tend(bed);
    assert_true(cache_is_trusted(bed->workers[0].cache));
}

/* Another program's, larger than all beats: it does not hold the workers up for ever. */
static void a_number_that_is_no_beat_moves_the_epoch_once(void **state)
{
    struct bed *bed = *state;
    fake_server_set_text(bed->server, KEY, "9223372036854775807");
    bed_tend(bed);
    bed_tend(bed);
    assert_true(cache_is_trusted(bed->workers[0].cache) && cache_is_trusted(bed->workers[1].cache));
    assert_int_equal(moves(bed), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, bed_end)
    const struct CMUnitTest tests[] = {
        TEST(a_number_has_time_and_chance_and_exceeds_the_last),
        TEST(what_was_dropped_is_no_hit_however_often_the_epoch_begins_anew),
        TEST(a_store_that_goes_back_under_its_workers_is_noticed_at_the_next_look),
        TEST(a_store_that_goes_back_between_two_lives_is_noticed_before_the_first_hit),
        TEST(purging_all_after_a_restore_brings_nothing_back),
        TEST(an_epoch_that_was_left_is_not_gone_back_to),
        TEST(an_epoch_that_was_left_is_not_gone_back_to_by_new_workers),
        TEST(of_a_store_and_its_copy_each_has_its_own_entries),
        TEST(a_record_of_an_older_version_gets_an_epoch_of_its_own),
        TEST(an_idle_service_writes_nothing),
        TEST(a_write_of_unknown_outcome_is_due_a_beat),
        TEST(a_drained_record_is_due_a_beat),
        TEST(a_beat_that_failed_is_made_up_for),
        TEST(a_worker_that_ends_leaves_a_beat_behind),
        TEST(a_store_that_is_away_holds_no_end_up),
        TEST(a_slow_worker_neither_hides_a_later_beat_nor_takes_it_for_a_way_back),
        TEST(a_beat_that_redis_was_not_told_is_told_by_another_worker),
        TEST(two_beats_at_once_are_one_after_the_other),
        TEST(a_redis_that_lost_the_beat_learns_it_anew),
        TEST(a_flush_does_not_hide_that_the_store_went_back),
        TEST(a_redis_that_does_not_tell_the_beat_is_not_trusted),
        TEST(a_number_that_is_no_beat_moves_the_epoch_once),
    };
    return cmocka_run_group_tests_name("beat", tests, NULL, NULL);
}
