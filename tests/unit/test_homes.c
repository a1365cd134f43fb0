/* SPDX-License-Identifier: MIT */
/*
 * Writes and reads of ids that are in different Redises (cache/home.h): what is asked of each, and what one of them may cost the other.
 *
 * Todo "b" is at home where workers[1] is connected, in a slot of its own, and "a" where workers[0] is, for both workers. The list is
 * where the worker itself is. All todos are at version 1, and workers[0] writes.
 */
#include "cache_bed.h"

#include "base/slot.h"
#include "cache/home.h"
#include "cache/keys.h"
#include "redis/redis.h"

enum { B_SLOT = 7 };

static const char *const BOTH[] = {"a", "b"};
static const char MARK[] = "65a1b2c300000009";

static struct bed *the_bed; /* NULL: each worker has its own Redis, as it is told */
static int64_t b_moved_by;  /* its epoch */
static int list_slot = HOME_SLOT_NONE;

struct home __real_home_of(const struct cache *cache, const char *id);
struct home __wrap_home_of(const struct cache *cache, const char *id);
struct home __real_home_of_list(const struct cache *cache);
struct home __wrap_home_of_list(const struct cache *cache);

struct home __wrap_home_of(const struct cache *cache, const char *id)
{
    bool is_b = strcmp(id, "b") == 0;
    struct home home = __real_home_of(the_bed ? the_bed->workers[is_b].cache : cache, id);
    home.slot = is_b ? B_SLOT : HOME_SLOT_NONE;
    home.epoch += is_b ? b_moved_by : 0;
    return home;
}

struct home __wrap_home_of_list(const struct cache *cache)
{
    struct home home = __real_home_of_list(cache);
    home.slot = list_slot;
    return home;
}

static int begin(void **state)
{
    bed_begin(state);
    struct bed *bed = *state;
    the_bed = bed;
    for (size_t i = 0; i < 2; i++) {
        fake_store_put(bed->store, BOTH[i], 1);
        assert_int_equal(bed_read(bed, &bed->workers[0], BOTH[i]), 1);
        assert_true(fake_server_has(bed->server, bed_key(bed, "todo:", i == 0 ? ":{a}" : ":{b}")));
    }
    fake_journal_reset();
    return 0;
}

static int end(void **state)
{
    the_bed = NULL;
    b_moved_by = 0;
    list_slot = HOME_SLOT_NONE;
    return bed_end(state);
}

static size_t sent_count(struct worker *worker)
{
    return fake_redis_sent_count(bed_connection(worker));
}

static void each_home_gets_the_fences_of_its_own_ids(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    bed_hold(&bed->workers[0], true);
    bed_hold(&bed->workers[1], true);
    writer_start_many(&writer, &bed->workers[0], BOTH, 2);
    assert_int_equal(sent_count(&bed->workers[0]), 1); /* "a", and the list */
    assert_int_equal(sent_count(&bed->workers[1]), 1);
    bed_redis(&bed->workers[0]);
    assert_journal("FENCE");
    assert_int_equal(fake_store_v(bed->store, "a"), 1);
    bed_redis(&bed->workers[1]);
    bed_hold(&bed->workers[1], false);
    bed_let_go(bed);
    assert_int_equal(writer.status, STATUS_OK);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_FENCE_LOST), 0);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 2);
    assert_int_equal(bed_read(bed, &bed->workers[1], "b"), 2);
    assert_int_equal(bed_outbox_count(bed), 0);
}

/* The mark of "b" is lost, so both counts are added up to one. */
static void what_each_home_counts_is_added_up(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    bed_hold(&bed->workers[0], true);
    writer_start_many(&writer, &bed->workers[0], BOTH, 2);
    bed_redis(&bed->workers[0]);
    bed_settle(bed);
    fake_server_evict(bed->server, bed_key(bed, "todo:", ":{b}:writers"));
    bed_let_go(bed);
    assert_int_equal(writer.status, STATUS_OK);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_FENCE_LOST), 1);
}

/* What is left of "a" goes before the answer, "b" before reads trust its Redis again. */
static void if_one_home_is_away_the_whole_write_is_recorded(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    fake_redis_cut(bed_connection(&bed->workers[1]));
    writer_start_many(&writer, &bed->workers[0], BOTH, 2);
    bed_settle(bed);
    assert_int_equal(writer.answers, 1);
    assert_int_equal(writer.status, STATUS_OK);
    assert_false(fake_server_has(bed->server, bed_key(bed, "todo:", ":{a}")));
    assert_true(fake_server_has(bed->server, bed_key(bed, "todo:", ":{b}")));
    assert_int_equal(fake_store_outbox_count(bed->store, true), 2);
    assert_true(cache_is_trusted(bed->workers[0].cache));
    bed_pass(bed, 2 * FAKE_RECONNECT_MS);
    assert_true(cache_is_trusted(bed->workers[1].cache));
    assert_int_equal(bed_read(bed, &bed->workers[0], "b"), 2);
}

static void a_home_that_is_coming_back_is_waited_for(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    fake_redis_set_coming(bed_connection(&bed->workers[1]), true);
    fake_redis_cut(bed_connection(&bed->workers[1]));
    writer_start_many(&writer, &bed->workers[0], BOTH, 2);
    bed_settle(bed);
    assert_int_equal(writer.answers, 0);
    bed_pass(bed, 2 * FAKE_RECONNECT_MS);
    assert_int_equal(writer.answers, 1);
    assert_int_equal(fake_store_calls(bed->store, FAKE_OUTBOX_PUT), 0);
}

static void a_refusal_ends_the_trust_of_the_home_that_refused(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    bed_hold(&bed->workers[1], true);
    writer_start_many(&writer, &bed->workers[0], BOTH, 2);
    bed_settle(bed);
    fake_server_refuse(bed->server, "FENCE", "READONLY it is a replica now");
    bed_execute(&bed->workers[1]);
    fake_server_refuse(bed->server, NULL, NULL);
    bed_deliver(&bed->workers[1]);
    assert_false(cache_is_trusted(bed->workers[1].cache));
    assert_true(cache_is_trusted(bed->workers[0].cache));
    bed_hold(&bed->workers[1], false);
    bed_settle(bed);
    assert_int_equal(writer.status, STATUS_OK);
    bed_tend(bed);
    assert_int_equal(bed_read(bed, &bed->workers[0], "b"), 2);
}

/* Under the new epoch readers met no mark of it. */
static void a_home_that_moved_meanwhile_is_unfenced_where_it_is_now(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    struct key moved;
    bed_hold(&bed->workers[0], true);
    writer_start(&writer, &bed->workers[0], "b");
    bed_redis(&bed->workers[0]); /* the list's; all else is done by itself */
    bed_settle(bed);
    b_moved_by = 1;
    key_of_entry(&moved, fake_store_meta(bed->store)->epoch + 1, "b");
    fake_server_set_field(bed->server, moved.text, "at", "1");
    bed_let_go(bed);
    assert_int_equal(writer.status, STATUS_OK);
    assert_false(fake_server_has(bed->server, moved.text));
    assert_int_equal(bed_counter(&bed->workers[0], STAT_FENCE_LOST), 0);
}

/* The record's epoch moves between the fence and the commit: the answer waits until b's Redis has learned of that. */
static void a_write_that_was_overtaken_is_unfenced_under_the_new_serial(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    struct key later;
    int64_t epoch = fake_store_meta(bed->store)->epoch + 1;
    bed_hold(&bed->workers[0], true);
    writer_start(&writer, &bed->workers[0], "b");
    bed_redis(&bed->workers[0]); /* the list's; all else is done by itself */
    bed_set_meta(bed, epoch, "run-a");
    key_of_entry(&later, epoch, "b");
    fake_server_set_field(bed->server, later.text, "at", "1");
    bed_let_go(bed);
    assert_int_equal(writer.answers, 0);
    bed_pass(bed, 50);
    assert_int_equal(writer.answers, 1);
    assert_int_equal(writer.status, STATUS_OK);
    assert_false(fake_server_has(bed->server, later.text));
}

/* ---- Changes of others ---- */

static int begin_following(void **state)
{
    bed_begin_idle(state);
    struct bed *bed = *state;
    bed->settings.follow = true;
    bed_begin_trusted(bed);
    the_bed = bed;
    list_slot = 0;
    for (size_t i = 0; i < 2; i++)
        fake_store_put(bed->store, BOTH[i], 1);
    for (int i = 0; i < 20 && fake_follow_resume_token() != 0; i++) {
        worker_tend(&bed->workers[0]);
        worker_tend(&bed->workers[1]);
        bed_settle(bed);
        bed_follow(bed, &bed->workers[0]);
    }
    assert_int_equal(fake_follow_resume_token(), 0);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(bed_read(bed, &bed->workers[0], BOTH[i]), 1);
    return 0;
}

static void follow_for(struct bed *bed, unsigned jobs)
{
    for (unsigned i = 0; i < jobs; i++) {
        worker_tend(&bed->workers[0]);
        bed_follow(bed, &bed->workers[0]);
        bed_pass(bed, 50);
    }
}

/* Both changed; where "b" is at home nobody answers now. */
static void a_home_that_is_away_does_not_hold_up_others_changes(void **state)
{
    struct bed *bed = *state;
    bed_hold(&bed->workers[1], true);
    fake_redis_cut(bed_connection(&bed->workers[1]));
    for (size_t i = 0; i < 2; i++) {
        fake_store_put(bed->store, BOTH[i], 2);
        fake_follow_change(BOTH[i], 2, fake_now_ms());
    }
    follow_for(bed, 8);
    assert_int_equal(fake_follow_resume_token(), 2);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_FOLLOW_FAILED), 0);
    assert_false(fake_server_has(bed->server, bed_key(bed, "todo:", ":{a}")));
    assert_int_equal(fake_store_calls(bed->store, FAKE_OUTBOX_PUT), 1);
    bed_hold(&bed->workers[1], false);
    bed_pass(bed, 2 * FAKE_RECONNECT_MS);
    assert_true(cache_is_trusted(bed->workers[1].cache));
    assert_int_equal(bed_outbox_count(bed), 0);
    assert_int_equal(bed_read(bed, &bed->workers[0], "b"), 2);
}

/* ---- Watermarks ---- */

static const char *b_watermark(const struct bed *bed)
{
    static struct key key;
    key_of_watermark(&key, fake_store_meta(bed->store)->epoch, B_SLOT);
    assert_int_equal(slot_of_key(key_slice(&key)), B_SLOT);
    return key.text;
}

static void each_slot_is_told_the_watermark_before_its_unfence(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    store_raise(bed->store, slice_of(MARK));
    writer_start_many(&writer, &bed->workers[0], BOTH, 2);
    bed_settle(bed);
    assert_text("watermark", fake_server_text(bed->server, b_watermark(bed)), slice_of(MARK));
    assert_text("watermark", fake_server_text(bed->server, bed_key(bed, "todos:", ":{list}:watermark")),
                slice_of(MARK));
    assert_journal("FENCE FENCE load meta_get WATERMARK UNFENCE WATERMARK UNFENCE");
}

/* No look tells a slot's. */
static void the_first_reader_of_a_slot_tells_the_watermark(void **state)
{
    struct bed *bed = *state;
    store_raise(bed->store, slice_of(MARK));
    fake_server_evict(bed->server, bed_key(bed, "todo:", ":{b}"));
    bed_tend(bed);
    fake_journal_reset();
    assert_int_equal(bed_read(bed, &bed->workers[0], "b"), 1);
    assert_journal("HGETALL ACQUIRE WATERMARK ACQUIRE get FILL");
    assert_true(fake_server_has(bed->server, bed_key(bed, "todo:", ":{b}")));
}

/* Once: if Redis loses it again at once, the store is asked without a fill. */
static void it_is_told_once_by_each_reader(void **state)
{
    struct bed *bed = *state;
    store_raise(bed->store, slice_of(MARK));
    fake_server_evict(bed->server, bed_key(bed, "todo:", ":{b}"));
    fake_server_refuse(bed->server, "WATERMARK", "OOM command not allowed");
    bed_tend(bed);
    fake_journal_reset();
    assert_int_equal(bed_read(bed, &bed->workers[0], "b"), 1);
    assert_false(fake_server_has(bed->server, bed_key(bed, "todo:", ":{b}")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_home_gets_the_fences_of_its_own_ids, begin, end),
        cmocka_unit_test_setup_teardown(what_each_home_counts_is_added_up, begin, end),
        cmocka_unit_test_setup_teardown(if_one_home_is_away_the_whole_write_is_recorded, begin, end),
        cmocka_unit_test_setup_teardown(a_home_that_is_coming_back_is_waited_for, begin, end),
        cmocka_unit_test_setup_teardown(a_refusal_ends_the_trust_of_the_home_that_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_home_that_moved_meanwhile_is_unfenced_where_it_is_now, begin, end),
        cmocka_unit_test_setup_teardown(a_write_that_was_overtaken_is_unfenced_under_the_new_serial, begin, end),
        cmocka_unit_test_setup_teardown(a_home_that_is_away_does_not_hold_up_others_changes, begin_following, end),
        cmocka_unit_test_setup_teardown(each_slot_is_told_the_watermark_before_its_unfence, begin, end),
        cmocka_unit_test_setup_teardown(the_first_reader_of_a_slot_tells_the_watermark, begin, end),
        cmocka_unit_test_setup_teardown(it_is_told_once_by_each_reader, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
