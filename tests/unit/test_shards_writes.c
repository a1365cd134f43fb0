/* SPDX-License-Identifier: MIT */
/*
 * Writes, own and others', while a cluster is not all there or its slots move: what others wrote is told at last, and
 * the store's beat follows.
 *
 * The todo is not in the list's half. workers[0] follows.
 */
#include "shards_bed.h"

enum { SETTLE_MS = 50, BATCHES = 3 };

static const char *id;

static void tend_one(struct bed *bed, int worker)
{
    worker_tend(&bed->workers[worker]);
    settle(bed);
}

/* The follower's next job: it saves its place, if there is one to save, and reads. */
static void follow(struct bed *bed)
{
    assert_true(bed_follow(bed, &bed->workers[0]));
    settle(bed);
}

static bool is_list_low(void)
{
    return slot_of_list() < HALF;
}

static int begin(void **state)
{
    shards_begin_idle(state);
    struct bed *bed = *state;
    bed->settings.follow = true;
    id = is_list_low() ? high : low;
    bed_start_workers(bed);
    settle(bed);
    for (int i = 0; i < 3; i++) /* the follower begins, under a new epoch, and goes on under it */
        for (int worker = 0; worker < BED_WORKERS; worker++) {
            tend_one(bed, worker);
            while (worker > 0 && bed_follow(bed, &bed->workers[worker])) /* it finds the lease taken */
                settle(bed);
            if (worker == 0)
                follow(bed);
        }
    assert_int_equal(fake_follow_resume_token(), 0);
    assert_all_trusted(bed);
    return 0;
}

/* With each batch the record moves on, the follower learns of it too late, and the other worker has filled an entry. */
static void the_follower_gets_on_though_the_record_never_rests(void **state)
{
    struct bed *bed = *state;
    for (int64_t v = 1; v <= BATCHES; v++) {
        bed_move_epoch(&bed->workers[1]);
        tend_one(bed, 1);
        tend_one(bed, 1);
        assert_int_equal(read_by(bed, 1, id, NULL), v);
        fake_store_put(bed->store, id, v + 1);
        fake_follow_change(id, v + 1, fake_now_ms());
        follow(bed);
        pass(bed, SETTLE_MS);
        assert_int_equal(bed_outbox_count(bed), 0);
        follow(bed);
        assert_int_equal(fake_follow_resume_token(), v);
        assert_int_equal(bed_outbox_count(bed), 1);
        tend_one(bed, 1);
        assert_int_equal(bed_outbox_count(bed), 0);
        assert_int_equal(read_by(bed, 1, id, NULL), v + 1);
    }
    assert_int_equal(bed_counter(&bed->workers[0], STAT_FOLLOW_FAILED), 0);
}

static void a_beat_follows_a_write_though_nobody_has_the_lists_slot(void **state)
{
    struct bed *bed = *state;
    fake_server_leave(is_list_low() ? bed->server : server_b);
    settle(bed);
    fake_cluster_forget(is_list_low() ? "fake:a" : "fake:b");
    settle(bed);
    tend_one(bed, 0);
    const struct home list = home_of_list(bed->workers[0].cache);
    assert_false(home_holds(&list));
    int64_t beat = fake_store_meta(bed->store)->beat;
    assert_int_equal(write_by(bed, 0, id), STATUS_OK);
    assert_int_equal(fake_store_meta(bed->store)->beat, beat);
    tend_one(bed, 0);
    assert_true(fake_store_meta(bed->store)->beat > beat);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, shards_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_follower_gets_on_though_the_record_never_rests),
        TEST(a_beat_follows_a_write_though_nobody_has_the_lists_slot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
