/* SPDX-License-Identifier: MIT */
/* What the follower adds to the feed: each change once, wherever it ends, and a beginning where it knows no more. */
#include "cache_bed.h"

/* So long, a follower ends, and one begins again: also if the lease must run out. */
enum { AGAIN_S = 10 };

static void seconds(struct bed *bed, int count)
{
    for (int second = 0; second < count; second++) {
        for (int i = 0; i < BED_WORKERS; i++)
            worker_tend(&bed->workers[i]);
        bed_settle(bed);
        for (int i = 0; i < BED_WORKERS; i++)
            bed_follow(bed, &bed->workers[i]);
        bed_pass(bed, 1000);
    }
}

static int begin(void **state)
{
    bed_begin_idle(state);
    struct bed *bed = *state;
    bed->settings.follow = true;
    bed_begin_trusted(bed);
    seconds(bed, AGAIN_S);
    assert_int_equal(fake_feed_count(), 1);
    assert_int_equal(fake_feed_row(0)->kind, FEED_START);
    return 0;
}

static void each_change_is_added_once_wherever_a_follower_ends(void **state)
{
    struct bed *bed = *state;
    static const char *const calls[] = {"follow_keep", "stream_read", "meta_get"};
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        char id[2] = {(char)('a' + i), '\0'};
        fake_follow_change(id, 2, fake_now_ms());
        fake_follow_fail(calls[i], STATUS_UNAVAILABLE);
        seconds(bed, AGAIN_S);
    }
    assert_int_equal(fake_feed_count(), 1 + COUNT_OF(calls));
    for (size_t i = 0; i < COUNT_OF(calls); i++) {
        assert_int_equal(fake_feed_row(1 + i)->id[0], 'a' + i);
        assert_int_equal(fake_feed_row(1 + i)->place.seq, fake_feed_row(i)->place.seq + 1);
    }
}

static void a_lost_history_begins_another_one_far_beyond(void **state)
{
    struct bed *bed = *state;
    fake_follow_drop();
    seconds(bed, AGAIN_S);
    assert_int_equal(fake_feed_count(), 2);
    assert_int_equal(fake_feed_row(1)->kind, FEED_START);
    assert_true(fake_feed_row(1)->place.seq - fake_feed_row(0)->place.seq > 1000000);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, begin, bed_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_change_is_added_once_wherever_a_follower_ends),
        TEST(a_lost_history_begins_another_one_far_beyond),
    };
    return cmocka_run_group_tests_name("follow, the feed", tests, NULL, NULL);
}
