/* SPDX-License-Identifier: MIT */
/*
 * Purges of caches in front (cdn/), over fakes: when they are sent, what goes together, and what
 * becomes of them when a cache, a worker or the store is away.
 *
 * workers[0] writes. Unless a test says otherwise nobody answers a purge but the test itself.
 */
#include "cache_bed.h"

#include "cache/cache_state.h"
#include "cache/outbox.h"
#include "cdn/purger.h"

#define VARNISH   "varnish+http://v"
#define CALL_OF_A "PURGE http://v\nxkey-softpurge: todos todo-a"

static int begin_with(void **state, const char *purge_url)
{
    bed_begin_idle(state);
    struct bed *bed = *state;
    snprintf(bed->settings.purge_url, sizeof(bed->settings.purge_url), "%s", purge_url);
    bed_begin_trusted(bed);
    fake_store_put(bed->store, "a", 1);
    return 0;
}

static int begin(void **state)
{
    return begin_with(state, VARNISH);
}

static int begin_with_two(void **state)
{
    return begin_with(state, VARNISH " https://api/purge");
}

static int begin_with_none(void **state)
{
    return begin_with(state, "");
}

static void start(struct bed *bed, struct writer *writer, const char *id)
{
    writer_start(writer, &bed->workers[0], id);
    bed_settle(bed);
}

/* A purge that was acknowledged waits this long for its second time, and is looked at once a second. */
static void pass_again(struct bed *bed)
{
    bed_pass(bed, bed->settings.purge_again_ms);
    bed_tend(bed);
}

static void pass_due(struct bed *bed)
{
    bed_pass(bed, bed->settings.write_deadline_ms + bed->settings.purge_again_ms);
    bed_tend(bed);
}

static unsigned counted(const struct bed *bed, enum stat_counter stat)
{
    return (unsigned)bed_counter(&bed->workers[0], stat);
}

/* ---- All is well ---- */

static void a_write_is_recorded_first_and_answered_when_it_is_acknowledged(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    start(bed, &writer, "a");
    assert_journal("FENCE purge_put load meta_get UNFENCE");
    assert_int_equal(writer.answers, 0);
    assert_int_equal(cache_purges_waiting(bed->workers[0].cache), 1);
    assert_text("call", fake_http_oldest(), SLICE(CALL_OF_A));
    assert_string_equal(fake_purge_keys(0), "todos todo-a");
    fake_http_answer(200);
    assert_int_equal(cache_purges_waiting(bed->workers[0].cache), 0);
    assert_int_equal(writer.answers, 1);
    assert_int_equal(writer.status, STATUS_OK);
    assert_int_equal(writer.write.purge, CACHE_PURGE_DONE);
    assert_int_equal(counted(bed, STAT_PURGE_SENT), 1);
    assert_int_equal(counted(bed, STAT_PURGE_ACKNOWLEDGED), 1);
    assert_int_equal(counted(bed, STAT_PURGE_PENDING), 0);
}

static void a_purge_is_sent_twice_and_then_its_record_goes(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    start(bed, &writer, "a");
    fake_http_answer(200);
    bed_pass(bed, bed->settings.purge_again_ms - 1);
    bed_tend(bed);
    assert_int_equal(fake_http_count(), 0);
    bed_pass(bed, 1);
    bed_tend(bed);
    assert_text("again", fake_http_oldest(), SLICE(CALL_OF_A));
    bed_tend(bed);
    assert_int_equal(fake_purge_count(), 1); /* not before the second acknowledgement */
    fake_http_answer(200);
    bed_tend(bed);
    assert_int_equal(fake_purge_count(), 0);
    pass_due(bed);
    assert_int_equal(fake_http_started(), 2);
}

static void once_is_enough_if_the_settings_say_so(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    bed->settings.purge_again_ms = 0;
    start(bed, &writer, "a");
    fake_http_answer(204);
    bed_tend(bed);
    assert_int_equal(fake_purge_count(), 0);
    assert_int_equal(fake_http_started(), 1);
}

static void without_caches_in_front_nothing_is_recorded_or_said(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    start(bed, &writer, "a");
    assert_journal("FENCE load meta_get UNFENCE");
    assert_int_equal(writer.write.purge, CACHE_PURGE_NONE);
    fake_journal_reset();
    bed_tend(bed);
    assert_null(strstr(fake_journal().data, "purge"));
    assert_int_equal(fake_http_started(), 0);
}

/* ---- What goes together ---- */

static void writes_of_one_turn_go_out_in_one_call(void **state)
{
    struct bed *bed = *state;
    struct writer writers[3];
    const char *const ids[] = {"a", "b", "c"};
    for (int i = 0; i < 3; i++)
        writer_start(&writers[i], &bed->workers[0], ids[i]);
    /* All answers of Redis and the store come before timers are looked at, as in one turn of a real loop. */
    bed_redis(&bed->workers[0]);
    for (int i = 0; i < 3; i++)
        bed_store(&bed->workers[0]);
    bed_redis(&bed->workers[0]);
    bed_settle(bed);
    assert_int_equal(fake_http_count(), 1);
    assert_text("call", fake_http_oldest(), SLICE("PURGE http://v\nxkey-softpurge: todos todo-a todo-b todo-c"));
    fake_http_answer(200);
    for (int i = 0; i < 3; i++)
        assert_int_equal(writers[i].write.purge, CACHE_PURGE_DONE);
}

static void writes_that_come_while_a_call_is_under_way_go_out_in_the_next(void **state)
{
    struct bed *bed = *state;
    struct writer first, second, third;
    start(bed, &first, "a");
    start(bed, &second, "b");
    start(bed, &third, "a");
    assert_int_equal(fake_http_count(), 1);
    fake_http_answer(200);
    assert_int_equal(first.answers, 1);
    assert_int_equal(third.answers, 0); /* the call had begun before its write */
    bed_settle(bed);
    assert_text("call", fake_http_oldest(), SLICE("PURGE http://v\nxkey-softpurge: todos todo-b todo-a"));
    fake_http_answer(200);
    assert_int_equal(second.answers + third.answers, 2);
}

static void a_batch_is_cut_into_as_many_calls_as_it_takes(void **state)
{
    enum { IDS = 250 };
    static char texts[IDS][TODO_ID_MAX + 1];
    struct bed *bed = *state;
    struct cache *cache = bed->workers[0].cache;
    const char *ids[IDS];
    struct token token = token_new();
    for (int i = 0; i < IDS; i++)
        ids[i] = texts[i] + 0 * snprintf(texts[i], sizeof(texts[i]), "%064d", i);
    struct purge_write write = {.token = &token, .ids = ids, .id_count = IDS};
    assert_int_equal(purger_record(cache->purger, &write, NULL), STATUS_OK);
    assert_int_equal(fake_purge_count(), 3);
    assert_false(purger_send(cache->purger, &write, PURGE_DOUBT, NULL, NULL));
    fake_http_always(200);
    bed_settle(bed);
    assert_int_equal(fake_http_started(), 3);
}

/* ---- The cache in front is away ---- */

static void an_answer_waits_no_longer_than_the_settings_say(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    start(bed, &writer, "a");
    bed_pass(bed, bed->settings.purge_wait_ms - 1);
    assert_int_equal(writer.answers, 0);
    bed_pass(bed, 1);
    assert_int_equal(writer.answers, 1);
    assert_int_equal(writer.write.purge, CACHE_PURGE_PENDING);
    assert_int_equal(counted(bed, STAT_PURGE_PENDING), 1);
    fake_http_answer(200);
    assert_int_equal(writer.answers, 1);
    pass_again(bed);
    fake_http_answer(200);
    bed_tend(bed);
    assert_int_equal(fake_purge_count(), 0);
}

static void nobody_waits_for_a_cache_that_refuses(void **state)
{
    struct bed *bed = *state;
    struct writer first, second;
    start(bed, &first, "a");
    fake_http_answer(0);
    assert_int_equal(first.write.purge, CACHE_PURGE_PENDING);
    assert_int_equal(first.answers, 1);
    start(bed, &second, "b"); /* no time passes for it */
    assert_int_equal(second.answers, 1);
    assert_int_equal(second.write.purge, CACHE_PURGE_PENDING);
    assert_int_equal(counted(bed, STAT_PURGE_FAILED), 1);
}

static void a_cache_that_comes_back_is_told_all_in_one_call(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    const char *const ids[] = {"a", "b", "c"};
    fake_http_always(0);
    for (int i = 0; i < 3; i++)
        start(bed, &writer, ids[i]);
    bed_pass(bed, 30000);
    unsigned tries = fake_http_started();
    assert_in_range(tries, 8, 14); /* 0.1 s, 0.2 s ... 5 s, 5 s */
    fake_http_always(-1);
    bed_pass(bed, 5000);
    assert_text("call", fake_http_oldest(), SLICE("PURGE http://v\nxkey-softpurge: todos todo-a todo-b todo-c"));
    fake_http_answer(200);
    start(bed, &writer, "a");
    fake_http_answer(200);
    assert_int_equal(writer.write.purge, CACHE_PURGE_DONE);
}

static void the_first_purge_and_the_second_both_survive_an_absence(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    start(bed, &writer, "a");
    fake_http_answer(503);
    bed_pass(bed, 200);
    fake_http_answer(200);
    pass_again(bed);
    fake_http_answer(405);
    bed_tend(bed);
    assert_int_equal(fake_purge_count(), 1);
    bed_pass(bed, 200);
    fake_http_answer(200);
    bed_tend(bed);
    assert_int_equal(fake_purge_count(), 0);
}

static void all_caches_must_acknowledge(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    start(bed, &writer, "a");
    assert_int_equal(fake_purge_count(), 2);
    assert_int_equal(fake_http_count(), 2);
    fake_http_answer(200);
    assert_int_equal(writer.answers, 0);
    fake_http_answer(200);
    assert_int_equal(writer.write.purge, CACHE_PURGE_DONE);
    start(bed, &writer, "a");
    fake_http_answer(0);
    assert_int_equal(writer.write.purge, CACHE_PURGE_PENDING);
    fake_http_answer(200);
}

/* ---- What a write may come to ---- */

static struct cache_insert insert;
static unsigned insert_answers;

static void on_inserted(void *ctx, enum status status, const struct error *error)
{
    (void)ctx, (void)error;
    insert_answers++;
    insert.status = status;
}

static void insert_a(struct bed *bed)
{
    insert = (struct cache_insert){.done = on_inserted};
    insert_answers = 0;
    insert.todo = (struct todo){.name = SLICE("new"), .description = SLICE(""), .v = 1};
    todo_set_id(&insert.todo, SLICE("a"));
    cache_insert(bed->workers[0].cache, &insert);
    bed_settle(bed);
}

static void a_refused_write_purges_nothing_and_its_record_goes(void **state)
{
    struct bed *bed = *state;
    insert_a(bed);
    assert_int_equal(insert_answers, 1);
    assert_int_equal(insert.status, STATUS_EXISTS);
    assert_int_equal(insert.write.purge, CACHE_PURGE_NONE);
    assert_int_equal(fake_purge_count(), 1);
    bed_tend(bed);
    assert_int_equal(fake_purge_count(), 0);
    assert_int_equal(fake_http_started(), 0);
}

static void a_write_of_unknown_outcome_is_purged_now_and_when_it_is_due(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    fake_http_always(200);
    fake_store_fail(bed->store, FAKE_LOAD, 0, STATUS_UNKNOWN);
    start(bed, &writer, "a");
    assert_int_equal(writer.status, STATUS_UNKNOWN);
    assert_int_equal(fake_http_started(), 1);
    pass_again(bed);
    assert_int_equal(fake_purge_count(), 1);
    assert_int_equal(fake_http_started(), 1);
    pass_due(bed);
    assert_int_equal(fake_http_started(), 2);
    bed_tend(bed);
    assert_int_equal(fake_purge_count(), 0);
}

static void a_write_past_a_lost_redis_is_purged_once_more_when_it_is_due(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    fake_http_always(200);
    fake_server_leave(bed->server);
    bed_settle(bed);
    start(bed, &writer, "a");
    assert_int_equal(writer.status, STATUS_OK);
    assert_int_equal(writer.write.purge, CACHE_PURGE_PENDING);
    assert_int_equal(fake_http_started(), 1);
    pass_due(bed);
    assert_true(fake_http_started() > 1);
    bed_tend(bed);
    assert_int_equal(fake_purge_count(), 0);
}

static void a_write_that_can_not_be_recorded_is_not_begun(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    fake_purge_fail(STATUS_UNKNOWN, STATUS_OK, STATUS_OK);
    start(bed, &writer, "a");
    assert_int_equal(writer.status, STATUS_UNAVAILABLE);
    assert_int_equal(fake_store_calls(bed->store, FAKE_LOAD), 0);
    assert_int_equal(fake_http_started(), 0);
}

/* ---- What others left ---- */

static void what_a_dead_worker_left_is_sent_when_it_is_due(void **state)
{
    struct bed *bed = *state;
    fake_http_always(200);
    fake_purge_add(VARNISH, "todos todo-z", fake_now_ms() + 5000);
    fake_purge_add("https://not.ours/", "todos", fake_now_ms());
    bed_tend(bed);
    assert_int_equal(fake_http_started(), 0);
    bed_pass(bed, 5000);
    bed_tend(bed);
    assert_true(fake_http_started() >= 1);
    assert_int_equal(fake_purge_count(), 1);
    assert_true(counted(bed, STAT_PURGE_DRAINED) + bed_counter(&bed->workers[1], STAT_PURGE_DRAINED) >= 1);
}

static void more_than_a_listing_holds_is_sent_without_waiting_for_the_next_second(void **state)
{
    struct bed *bed = *state;
    char keys[40];
    fake_http_always(200);
    for (int i = 0; i < 600; i++) {
        snprintf(keys, sizeof(keys), "todos todo-%d", i);
        fake_purge_add(VARNISH, keys, fake_now_ms());
    }
    bed_tend(bed);
    assert_int_equal(fake_purge_count(), 0);
}

static void what_can_not_be_sent_stays_in_the_store_and_not_in_memory(void **state)
{
    struct bed *bed = *state;
    fake_http_always(0);
    fake_purge_add(VARNISH, "todos todo-z", fake_now_ms());
    bed_tend(bed);
    unsigned started = fake_http_started();
    for (int i = 0; i < 10; i++)
        bed_tend(bed); /* no listing on top of one that waits */
    assert_int_equal(fake_http_started(), started);
    fake_http_always(200);
    bed_pass(bed, 1000);
    bed_tend(bed);
    assert_int_equal(fake_purge_count(), 0);
}

static void a_record_that_no_call_holds_does_not_stop_the_others(void **state)
{
    static char keys[STORE_PURGE_KEYS_MAX + 1];
    struct bed *bed = *state;
    memset(keys, 'k', sizeof(keys) - 1);
    fake_purge_add(VARNISH, "", fake_now_ms());
    fake_purge_add(VARNISH, "todos\r\nX-Admin: 1", fake_now_ms());
    fake_purge_add(VARNISH, "todo-\"]}", fake_now_ms());
    fake_purge_add(VARNISH, "todo-\xc3\xa9", fake_now_ms());
    fake_purge_add(VARNISH, "todos", fake_now_ms());
    bed_tend(bed);
    assert_true(fake_http_count() > 0); /* each worker may send it */
    while (fake_http_count() > 0) {
        assert_text("call", fake_http_oldest(), SLICE("PURGE http://v\nxkey-softpurge: todos"));
        fake_http_answer(200);
    }
    bed_settle(bed);
    assert_int_equal(fake_purge_count(), 0);
}

static void a_record_that_can_not_be_removed_is_sent_again(void **state)
{
    struct bed *bed = *state;
    fake_http_always(200);
    fake_purge_add(VARNISH, "todos", fake_now_ms());
    fake_purge_fail(STATUS_OK, STATUS_OK, STATUS_UNAVAILABLE);
    bed_tend(bed);
    assert_int_equal(fake_purge_count(), 1);
    fake_purge_fail(STATUS_OK, STATUS_OK, STATUS_OK);
    bed_tend(bed);
    bed_tend(bed);
    assert_int_equal(fake_purge_count(), 0);
}

static void removals_keep_up_with_many_writes_a_second(void **state)
{
    enum { REMOVED_AT_ONCE = 1024, WRITES = 2 * REMOVED_AT_ONCE + 1 };
    struct bed *bed = *state;
    struct writer writer;
    fake_http_always(200);
    bed->settings.purge_again_ms = 0;
    for (int i = 0; i < WRITES; i++)
        start(bed, &writer, "a");
    assert_int_equal(fake_purge_count(), WRITES);
    bed_tend(bed);
    assert_int_equal(fake_purge_count(), 1); /* the rest of what isn't many goes with the next second's */
    bed_tend(bed);
    assert_int_equal(fake_purge_count(), 0);
}

static void listings_go_on_beside_a_steady_stream_of_writes(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    fake_http_always(200);
    bed->settings.purge_again_ms = 0;
    fake_purge_add(VARNISH, "todos todo-z", fake_now_ms());
    for (int i = 0; i < 2; i++) {
        start(bed, &writer, "a"); /* each tend has a record to remove */
        bed_tend(bed);
    }
    assert_int_equal(fake_purge_count(), 0);
}

static void all_is_purged_when_the_epoch_was_moved_on(void **state)
{
    struct bed *bed = *state;
    int64_t epoch = bed_move_epoch(&bed->workers[0]);
    assert_int_equal(epoch >> 20, fake_now_ms());
    assert_int_equal(epoch, fake_store_meta(bed->store)->epoch);
    assert_journal("purge_put meta_get meta_swap");
    assert_string_equal(fake_purge_keys(0), "all");
    fake_http_always(200);
    bed_tend(bed);
    assert_int_equal(fake_http_started(), 0); /* workers may read in the old epoch for a second */
    pass_due(bed);
    assert_true(fake_http_started() > 0);
    assert_int_equal(fake_purge_count(), 0);
}

#define OVER(test, setup) cmocka_unit_test_setup_teardown(test, setup, bed_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OVER(a_write_is_recorded_first_and_answered_when_it_is_acknowledged, begin),
        OVER(a_purge_is_sent_twice_and_then_its_record_goes, begin),
        OVER(once_is_enough_if_the_settings_say_so, begin),
        OVER(without_caches_in_front_nothing_is_recorded_or_said, begin_with_none),
        OVER(writes_of_one_turn_go_out_in_one_call, begin),
        OVER(writes_that_come_while_a_call_is_under_way_go_out_in_the_next, begin),
        OVER(a_batch_is_cut_into_as_many_calls_as_it_takes, begin),
        OVER(an_answer_waits_no_longer_than_the_settings_say, begin),
        OVER(nobody_waits_for_a_cache_that_refuses, begin),
        OVER(a_cache_that_comes_back_is_told_all_in_one_call, begin),
        OVER(the_first_purge_and_the_second_both_survive_an_absence, begin),
        OVER(all_caches_must_acknowledge, begin_with_two),
        OVER(a_refused_write_purges_nothing_and_its_record_goes, begin),
        OVER(a_write_of_unknown_outcome_is_purged_now_and_when_it_is_due, begin),
        OVER(a_write_past_a_lost_redis_is_purged_once_more_when_it_is_due, begin),
        OVER(a_write_that_can_not_be_recorded_is_not_begun, begin),
        OVER(what_a_dead_worker_left_is_sent_when_it_is_due, begin),
        OVER(more_than_a_listing_holds_is_sent_without_waiting_for_the_next_second, begin),
        OVER(what_can_not_be_sent_stays_in_the_store_and_not_in_memory, begin),
        OVER(a_record_that_no_call_holds_does_not_stop_the_others, begin),
        OVER(a_record_that_can_not_be_removed_is_sent_again, begin),
        OVER(removals_keep_up_with_many_writes_a_second, begin),
        OVER(listings_go_on_beside_a_steady_stream_of_writes, begin),
        OVER(all_is_purged_when_the_epoch_was_moved_on, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
