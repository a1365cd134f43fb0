/* SPDX-License-Identifier: MIT */
/*
 * Writes of others (cache/follow.c), told by a fake of store/follow.h: when entries go and when they stay, when the place is saved, and
 * what becomes of it all when Redis, the store, the lease or the history is lost.
 *
 * Todo "a" is at version 1 in the store. workers[0] follows, from place 0 on, under epoch 2; workers[1] is asked to follow as well.
 */
#include "cache_bed.h"

#include "cache/cache_state.h"
#include "cache/trust.h"

enum { SETTLE_MS = 50, LEASE_MS = 6000 };

#define ENTRY   bed_key(bed, "todo:", ":{a}")
#define LEASE   bed_key(bed, "todo:", ":{a}:lease")
#define WRITERS bed_key(bed, "todo:", ":{a}:writers")
#define PAGES   bed_key(bed, "todos:", ":{list}:gen")

static int64_t first_epoch; /* that a follower made: begin() */

static struct worker *follower(struct bed *bed)
{
    return &bed->workers[0];
}

static int begin_idle(void **state)
{
    bed_begin_idle(state);
    struct bed *bed = *state;
    bed->settings.follow = true;
    bed_begin_trusted(bed);
    fake_store_put(bed->store, "a", 1);
    return 0;
}

/* A second of both workers' life, in which the followers' jobs are done that are there to do. */
static void second(struct bed *bed)
{
    for (int i = 0; i < BED_WORKERS; i++)
        worker_tend(&bed->workers[i]);
    bed_settle(bed);
    for (int i = 0; i < BED_WORKERS; i++)
        bed_follow(bed, &bed->workers[i]);
}

/* Times that a follower has moved the epoch. */
static uint64_t anew_count(const struct bed *bed)
{
    return bed_counter(&bed->workers[0], STAT_FOLLOW_ANEW) + bed_counter(&bed->workers[1], STAT_FOLLOW_ANEW);
}

static int begin(void **state)
{
    begin_idle(state);
    struct bed *bed = *state;
    second(bed);                       /* the first one begins anew, the other finds the lease taken */
    bed_follow(bed, &bed->workers[1]); /* it has ended */
    second(bed);                       /* both learn of the new epoch, and the first one ends for that */
    bed_follow(bed, &bed->workers[1]);
    bed_follow(bed, &bed->workers[0]);
    worker_tend(follower(bed));
    bed_settle(bed);
    assert_true(bed_follow(bed, follower(bed)));
    first_epoch = fake_store_meta(bed->store)->epoch;
    assert_true(first_epoch > 1);
    assert_int_equal(home_of_list(follower(bed)->cache).epoch, first_epoch);
    assert_int_equal(anew_count(bed), 1);
    assert_int_equal(fake_follow_resume_token(), 0);
    fake_journal_reset();
    return 0;
}

/* Somebody else's write: v and the time say that it is new, or it says nothing. */
static void change(struct bed *bed, const char *id, int64_t v, bool told)
{
    fake_store_put(bed->store, id, v);
    fake_follow_change(id, told ? v : 0, told ? fake_now_ms() : 0);
}

/* Reads what has happened, and lets it settle and be invalidated. */
static void take(struct bed *bed)
{
    assert_true(bed_follow(bed, follower(bed)));
    bed_pass(bed, SETTLE_MS);
}

static uint64_t count(struct bed *bed, enum stat_counter stat)
{
    return bed_counter(&bed->workers[0], stat) + bed_counter(&bed->workers[1], stat);
}

/* ---- Changes ---- */

static void what_others_change_is_read_anew(void **state)
{
    struct bed *bed = *state;
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1);
    change(bed, "a", 2, false);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1); /* nobody knows of it yet */
    take(bed);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
    assert_int_equal(count(bed, STAT_FOLLOW_INVALIDATED), 1);
    assert_int_equal(count(bed, STAT_FOLLOW_KEPT), 0);
}

static void pages_go_with_every_batch(void **state)
{
    struct bed *bed = *state;
    fake_server_set_text(bed->server, PAGES, "before");
    change(bed, "b", 1, true);
    take(bed);
    assert_false(fake_server_has(bed->server, PAGES));
}

static void the_entry_that_the_change_left_stays(void **state)
{
    struct bed *bed = *state;
    assert_int_equal(bed_write(bed, &bed->workers[1], "a"), STATUS_OK); /* an own write is told of as well */
    fake_follow_change("a", 2, fake_now_ms());
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
    take(bed);
    assert_true(fake_server_has(bed->server, ENTRY));
    assert_int_equal(count(bed, STAT_FOLLOW_KEPT), 1);
    assert_int_equal(count(bed, STAT_FOLLOW_INVALIDATED), 0);
}

static void an_entry_of_the_same_version_but_another_time_goes(void **state)
{
    struct bed *bed = *state;
    bed_read(bed, &bed->workers[1], "a");
    fake_follow_change("a", 1, fake_now_ms() + 1);
    take(bed);
    assert_false(fake_server_has(bed->server, ENTRY));
}

/* Two lives of one id in one millisecond: the entry of the first has the second's version and time. */
static void an_entry_of_another_life_goes(void **state)
{
    struct bed *bed = *state;
    bed_read(bed, &bed->workers[1], "a");
    int64_t life = fake_store_life(bed->store, "a");
    fake_follow_insert("a", 1, fake_now_ms(), life);
    take(bed);
    assert_true(fake_server_has(bed->server, ENTRY));
    fake_server_set_field(bed->server, ENTRY, "updated_at", "1700000000000");
    fake_follow_insert("a", 1, INT64_C(1700000000000), life + 1);
    take(bed);
    assert_false(fake_server_has(bed->server, ENTRY));
}

static void a_deletion_leaves_what_says_that_there_is_none(void **state)
{
    struct bed *bed = *state;
    assert_int_equal(bed_read(bed, &bed->workers[1], "gone"), 0);
    bed_read(bed, &bed->workers[1], "a");
    fake_follow_delete("gone");
    fake_follow_delete("a");
    take(bed);
    assert_true(fake_server_has(bed->server, bed_key(bed, "todo:", ":{gone}")));
    assert_false(fake_server_has(bed->server, ENTRY));
}

static void an_insert_takes_away_what_says_that_there_is_none(void **state)
{
    struct bed *bed = *state;
    assert_int_equal(bed_read(bed, &bed->workers[1], "b"), 0);
    change(bed, "b", 1, true);
    take(bed);
    assert_int_equal(bed_read(bed, &bed->workers[1], "b"), 1);
}

/* The reader asked the store before the change, and would fill after it. */
static void a_reader_on_its_way_does_not_fill_what_was_before(void **state)
{
    struct bed *bed = *state;
    struct worker *late = &bed->workers[1];
    struct reader reader;
    bed_hold(late, true);
    reader_start(&reader, late, "a");
    bed_redis(late); /* a miss */
    bed_redis(late); /* a lease */
    bed_work(late);  /* version 1 */
    assert_true(fake_server_has(bed->server, LEASE));
    change(bed, "a", 2, true);
    take(bed);
    bed_hold(late, false);
    bed_settle(bed);
    assert_int_equal(reader.answers, 1);
    assert_false(fake_server_has(bed->server, ENTRY));
    assert_int_equal(bed_read(bed, late, "a"), 2);
}

/* Ours commits 2, theirs 3; both changes are told before ours comes to publish 2. */
static void a_write_that_others_overtook_publishes_nothing(void **state)
{
    struct bed *bed = *state;
    struct worker *slow = &bed->workers[1];
    struct writer writer;
    bed->settings.write_policy = WRITE_PUBLISH;
    bed_hold(slow, true);
    writer_start(&writer, slow, "a");
    bed_redis(slow);
    bed_work(slow);
    fake_follow_change("a", 2, fake_now_ms());
    change(bed, "a", 3, true);
    take(bed);
    bed_hold(slow, false);
    bed_settle(bed);
    assert_int_equal(writer.answers, 1);
    assert_false(fake_server_has(bed->server, ENTRY));
    assert_false(fake_server_has(bed->server, WRITERS));
    assert_int_equal(bed_read(bed, slow, "a"), 3);
}

static void changes_settle_unless_there_are_many(void **state)
{
    struct bed *bed = *state;
    change(bed, "a", 2, true);
    assert_true(bed_follow(bed, follower(bed)));
    bed_pass(bed, SETTLE_MS - 1);
    assert_journal("stream_read");
    bed_pass(bed, 1);
    assert_journal("stream_read INVALIDATE UNFENCE");
    for (int i = 0; i < STORE_CHANGES_MAX; i++)
        fake_follow_change("a", 0, 0);
    fake_journal_reset();
    assert_true(bed_follow(bed, follower(bed)));
    assert_journal("meta_get follow_keep stream_read INVALIDATE UNFENCE");
    assert_int_equal(count(bed, STAT_FOLLOW_INVALIDATED), 1 + STORE_CHANGES_MAX);
}

/* ---- The place ---- */

static void the_place_is_saved_only_after_redis_has_answered(void **state)
{
    struct bed *bed = *state;
    change(bed, "a", 2, true);
    assert_true(bed_follow(bed, follower(bed)));
    bed_hold(follower(bed), true);
    bed_pass(bed, SETTLE_MS);
    bed_execute(follower(bed));
    bed_execute(follower(bed));
    assert_false(bed_follow(bed, follower(bed))); /* both are done, and nobody has said so */
    assert_int_equal(fake_follow_resume_token(), 0);
    bed_hold(follower(bed), false);
    bed_settle(bed);
    assert_int_equal(fake_follow_resume_token(), 0);
    assert_true(bed_follow(bed, follower(bed)));
    assert_int_equal(fake_follow_resume_token(), 1);
    assert_journal("stream_read INVALIDATE UNFENCE meta_get follow_keep stream_read");
}

static void in_a_quiet_time_the_lease_is_renewed_now_and_then(void **state)
{
    struct bed *bed = *state;
    for (int i = 0; i < 4 * LEASE_MS / 500; i++) {
        bed_pass(bed, 500);
        assert_true(bed_follow(bed, follower(bed)));
        assert_true(fake_follow_is_leased());
    }
    assert_int_equal(count(bed, STAT_FOLLOW_FAILED), 0);
    unsigned keeps = 0;
    for (const char *at = fake_journal().data; (at = strstr(at, "follow_keep")); at++)
        keeps++;
    assert_in_range(keeps, 10, 13);
}

/* Killed: its jobs are never done. The other has to wait for the lease, then repeats what wasn't saved. */
static void another_worker_takes_over_from_the_saved_place(void **state)
{
    struct bed *bed = *state;
    struct worker *other = &bed->workers[1];
    bed_read(bed, other, "a");
    change(bed, "a", 2, true);
    for (int i = 0; i < 2; i++) {
        worker_tend(other);
        bed_settle(bed);
        while (bed_follow(bed, other))
            continue;
        assert_int_equal(bed_read(bed, other, "a"), 1);
        bed_pass(bed, LEASE_MS / 2);
    }
    worker_tend(other);
    bed_settle(bed);
    assert_true(bed_follow(bed, other)); /* the lease and the stream */
    assert_true(bed_follow(bed, other));
    bed_pass(bed, SETTLE_MS);
    assert_int_equal(bed_read(bed, other, "a"), 2);
    assert_true(bed_follow(bed, other));
    assert_int_equal(fake_follow_resume_token(), 1);
    assert_int_equal(fake_store_meta(bed->store)->epoch, first_epoch);
}

static void who_has_lost_the_lease_saves_nothing_and_stops(void **state)
{
    struct bed *bed = *state;
    change(bed, "a", 2, true);
    take(bed);
    fake_follow_take_lease();
    assert_true(bed_follow(bed, follower(bed)));
    assert_int_equal(fake_follow_resume_token(), 0);
    assert_true(bed_follow(bed, follower(bed)));
    assert_int_equal(fake_follow_stream_count(), 0);
    assert_true(fake_follow_is_leased());
    assert_journal("stream_read INVALIDATE UNFENCE meta_get follow_keep stream_close");
    second(bed);
    assert_false(bed_follow(bed, follower(bed)) && bed_follow(bed, follower(bed)));
}

/* ---- The history ---- */

static void the_first_time_ever_leaves_all_entries(void **state)
{
    struct bed *bed = *state;
    bed_read(bed, &bed->workers[1], "a");
    fake_store_put(bed->store, "a", 2); /* before anybody followed */
    fake_journal_reset();
    worker_tend(follower(bed));
    bed_settle(bed);
    assert_true(bed_follow(bed, follower(bed)));
    assert_non_null(strstr(fake_journal().data, "follow_claim stream_open stream_read meta_get meta_swap follow_keep"));
    assert_int_equal(fake_store_meta(bed->store)->epoch >> 20, fake_now_ms());
    assert_string_equal(fake_store_meta(bed->store)->cache_run_id, "run-a");
    assert_int_equal(count(bed, STAT_FOLLOW_ANEW), 1);
    bed_tend(bed);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
}

static void a_saved_place_is_gone_on_from(void **state)
{
    struct bed *bed = *state;
    bed_read(bed, &bed->workers[1], "a");
    bed_stop_workers(bed);
    assert_false(fake_follow_is_leased());
    change(bed, "a", 2, true);
    bed_start_workers(bed);
    bed_settle(bed);
    second(bed);
    take(bed);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
    assert_int_equal(count(bed, STAT_FOLLOW_ANEW), 0);
    assert_int_equal(fake_store_meta(bed->store)->epoch, first_epoch);
}

static void a_lost_history_leaves_all_entries(void **state)
{
    struct bed *bed = *state;
    bed_read(bed, &bed->workers[1], "a");
    bed_stop_workers(bed);
    change(bed, "a", 2, true);
    fake_follow_lose_history();
    bed_start_workers(bed);
    bed_settle(bed);
    second(bed);
    assert_true(fake_store_meta(bed->store)->epoch > first_epoch);
    assert_int_equal(count(bed, STAT_FOLLOW_ANEW), 1);
    bed_tend(bed);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
}

/* Whoever takes the lease next must not meet the same end of history again. */
static void a_dropped_collection_leaves_all_entries_once(void **state)
{
    struct bed *bed = *state;
    bed_read(bed, &bed->workers[1], "a");
    fake_follow_drop();
    assert_true(bed_follow(bed, follower(bed)));
    assert_true(bed_follow(bed, follower(bed)));
    assert_int_equal(fake_follow_resume_token(), -1);
    assert_false(fake_follow_is_leased());
    for (int i = 0; i < 5; i++)
        second(bed);
    assert_true(fake_store_meta(bed->store)->epoch > first_epoch);
    assert_int_equal(anew_count(bed), 2);
    assert_int_equal(fake_follow_resume_token(), 1);
    assert_int_equal(home_of_list(bed->workers[1].cache).epoch, fake_store_meta(bed->store)->epoch);
}

/* Its epoch isn't the store's any more: what it took to Redis may be of no use to those who are on already. */
static void under_an_old_epoch_nothing_is_saved(void **state)
{
    struct bed *bed = *state;
    change(bed, "a", 2, true);
    take(bed);
    fake_store_meta(bed->store)->epoch++;
    assert_true(bed_follow(bed, follower(bed)));
    assert_int_equal(fake_follow_resume_token(), 0);
    for (int i = 0; i < 6; i++) {
        second(bed);
        bed_pass(bed, SETTLE_MS);
    }
    assert_int_equal(fake_follow_resume_token(), 1);
    assert_int_equal(count(bed, STAT_FOLLOW_FAILED), 0);
    assert_int_equal(count(bed, STAT_FOLLOW_INVALIDATED), 2); /* under both */
}

/* ---- Redis and the store ---- */

static void without_redis_nobody_follows_and_nothing_is_lost(void **state)
{
    struct bed *bed = *state;
    bed_read(bed, &bed->workers[1], "a");
    fake_server_leave(bed->server);
    change(bed, "a", 2, true);
    assert_true(bed_follow(bed, follower(bed)));
    assert_true(bed_follow(bed, follower(bed)));
    assert_false(fake_follow_is_leased());
    assert_int_equal(fake_follow_stream_count(), 0);
    second(bed);
    assert_false(fake_follow_is_leased());
    bed->server->away = false;
    bed_pass(bed, 2 * FAKE_RECONNECT_MS);
    second(bed);
    take(bed);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
}

/* The connection goes with the script under way: whether it ran isn't known, so it is done again. */
static void an_invalidation_without_an_answer_is_repeated(void **state)
{
    struct bed *bed = *state;
    bed_read(bed, &bed->workers[1], "a");
    change(bed, "a", 2, true);
    fake_redis_lose_reply(bed_connection(follower(bed)), 2);
    take(bed);
    assert_true(bed_follow(bed, follower(bed))); /* the end */
    assert_int_equal(fake_follow_resume_token(), 0);
    assert_int_equal(count(bed, STAT_FOLLOW_FAILED), 1);
    bed_pass(bed, 2 * FAKE_RECONNECT_MS);
    second(bed);
    take(bed);
    second(bed);
    assert_int_equal(fake_follow_resume_token(), 1);
}

static void what_redis_refuses_is_not_saved(void **state)
{
    struct bed *bed = *state;
    bed_read(bed, &bed->workers[1], "a");
    change(bed, "a", 2, true);
    fake_server_refuse(bed->server, "INVALIDATE", "NOREPLICAS Not enough good replicas to write.");
    take(bed);
    assert_true(bed_follow(bed, follower(bed)));
    assert_int_equal(fake_follow_resume_token(), 0);
    assert_int_equal(count(bed, STAT_FOLLOW_FAILED), 1);
    fake_server_refuse(bed->server, NULL, NULL);
    second(bed);
    take(bed);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
}

static void a_store_that_fails_is_tried_again(void **state)
{
    static const struct {
        const char *call;
        enum status status;
    } rows[] = {
        {"stream_read", STATUS_UNAVAILABLE}, {"follow_keep", STATUS_UNKNOWN}, {"follow_claim", STATUS_UNAVAILABLE},
        {"stream_open", STATUS_UNAVAILABLE}, {"follow_claim", STATUS_BUSY},   {"follow_release", STATUS_UNAVAILABLE},
        {"stream_open", STATUS_NOT_FOUND},
    };
    struct bed *bed = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        int64_t v = (int64_t)i + 2;
        bed_read(bed, &bed->workers[1], "a");
        change(bed, "a", v, true);
        fake_follow_fail(rows[i].call, rows[i].status);
        if (i >= 2)
            fake_redis_cut(bed_connection(follower(bed))); /* so that it begins anew, and comes to the call */
        for (int turn = 0; turn < 12; turn++) {
            bed_pass(bed, 1000);
            second(bed);
            while (turn < 11 && fake_follow_resume_token() != (int64_t)i + 1 && bed_follow(bed, follower(bed)))
                bed_pass(bed, SETTLE_MS);
        }
        assert_int_equal(bed_read(bed, &bed->workers[1], "a"), v);
    }
}

static void caches_in_front_are_told(void **state)
{
    struct bed *bed = *state;
    bed_stop_workers(bed);
    snprintf(bed->settings.purge_url, sizeof(bed->settings.purge_url), "varnish+http://v");
    fake_http_always(-1);
    bed_start_workers(bed);
    bed_settle(bed);
    second(bed);
    change(bed, "a", 2, true);
    take(bed);
    assert_int_equal(fake_purge_count(), 0);
    assert_true(bed_follow(bed, follower(bed)));
    assert_int_equal(fake_purge_count(), 1);
    assert_string_equal(fake_purge_keys(0), "todos todo-a");
}

/* ---- Not to be had, and the end ---- */

static void a_store_that_tells_nothing_is_asked_once(void **state)
{
    struct bed *bed = *state;
    for (int streams = 0; streams < 2; streams++) {
        bed_stop_workers(bed);
        fake_follow_set_unsupported(!streams, streams);
        bed_start_workers(bed);
        bed_settle(bed);
        fake_journal_reset();
        for (int i = 0; i < 8; i++)
            second(bed);
        const char *first = strstr(fake_journal().data, streams ? "stream_open" : "follow_claim");
        assert_non_null(first);
        const char *other = strstr(first + 1, streams ? "stream_open" : "follow_claim"); /* the other worker's */
        assert_true(other && !strstr(other + 1, streams ? "stream_open" : "follow_claim"));
        assert_false(fake_follow_is_leased());
        assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1);
        assert_int_equal(fake_store_meta(bed->store)->epoch, 1);
    }
}

static void a_stop_gives_the_lease_back_at_whatever_moment(void **state)
{
    struct bed *bed = *state;
    for (int steps = 0; steps < 8; steps++) {
        bed_stop_workers(bed);
        bed_start_workers(bed);
        bed_settle(bed);
        worker_tend(follower(bed));
        bed_settle(bed);
        fake_follow_change("a", 0, 0);
        for (int i = 0; i < steps; i++)
            if (!bed_follow(bed, follower(bed)))
                bed_pass(bed, SETTLE_MS);
        bed_stop_workers(bed);
        assert_false(fake_follow_is_leased());
        assert_int_equal(fake_follow_stream_count(), 0);
        bed_start_workers(bed);
        bed_settle(bed);
    }
}

/* The pool's breaker may turn the last job away: then the stream stays open, and the next begin closes it. */
static void a_stream_whose_end_was_turned_away_is_closed_later(void **state)
{
    struct bed *bed = *state;
    fake_pool_refuse(follower(bed)->follow_pool, STATUS_UNAVAILABLE);
    fake_follow_fail("stream_read", STATUS_UNAVAILABLE);
    assert_true(bed_follow(bed, follower(bed)));
    fake_pool_done(follower(bed)->follow_pool);
    assert_int_equal(fake_follow_stream_count(), 1);
    fake_pool_refuse(follower(bed)->follow_pool, STATUS_OK);
    bed_pass(bed, LEASE_MS);
    worker_tend(follower(bed));
    bed_settle(bed);
    assert_true(bed_follow(bed, follower(bed)));
    assert_int_equal(fake_follow_stream_count(), 1);
    assert_true(fake_follow_is_leased());
}

int main(void)
{
#define TEST(name)       cmocka_unit_test_setup_teardown(name, begin, bed_end)
#define TEST_FIRST(name) cmocka_unit_test_setup_teardown(name, begin_idle, bed_end)
    const struct CMUnitTest tests[] = {
        TEST(what_others_change_is_read_anew),
        TEST(pages_go_with_every_batch),
        TEST(the_entry_that_the_change_left_stays),
        TEST(an_entry_of_the_same_version_but_another_time_goes),
        TEST(an_entry_of_another_life_goes),
        TEST(a_deletion_leaves_what_says_that_there_is_none),
        TEST(an_insert_takes_away_what_says_that_there_is_none),
        TEST(a_reader_on_its_way_does_not_fill_what_was_before),
        TEST(a_write_that_others_overtook_publishes_nothing),
        TEST(changes_settle_unless_there_are_many),
        TEST(the_place_is_saved_only_after_redis_has_answered),
        TEST(in_a_quiet_time_the_lease_is_renewed_now_and_then),
        TEST(another_worker_takes_over_from_the_saved_place),
        TEST(who_has_lost_the_lease_saves_nothing_and_stops),
        TEST_FIRST(the_first_time_ever_leaves_all_entries),
        TEST(a_saved_place_is_gone_on_from),
        TEST(a_lost_history_leaves_all_entries),
        TEST(a_dropped_collection_leaves_all_entries_once),
        TEST(under_an_old_epoch_nothing_is_saved),
        TEST(without_redis_nobody_follows_and_nothing_is_lost),
        TEST(an_invalidation_without_an_answer_is_repeated),
        TEST(what_redis_refuses_is_not_saved),
        TEST(a_store_that_fails_is_tried_again),
        TEST(caches_in_front_are_told),
        TEST_FIRST(a_store_that_tells_nothing_is_asked_once),
        TEST(a_stop_gives_the_lease_back_at_whatever_moment),
        TEST(a_stream_whose_end_was_turned_away_is_closed_later),
    };
    return cmocka_run_group_tests_name("follow", tests, NULL, NULL);
}
