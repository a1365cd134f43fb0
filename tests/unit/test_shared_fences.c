/* SPDX-License-Identifier: MIT */
/*
 * Writes of one turn of the loop share a call (cache/shared_fences.c): what each is told, and what the call leaves.
 *
 * workers[0] is moved step by step. That the scripts do for many writes what a call for each would do is shown on a real Redis:
 * tests/cache/test_fence_scripts.py.
 */
#include "cache_bed.h"

#include "cache/cache_state.h"
#include "cache/shared_fences.h"

#define ENTRY   "todo:1:{a}"
#define WRITERS "todo:1:{a}:writers"

enum { CALL_MAX = 64 }; /* writes of a call */

static const char *const ids[] = {"a", "b", "c"};

static int begin(void **state)
{
    bed_begin(state);
    struct bed *bed = *state;
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        fake_store_put(bed->store, ids[i], 1);
        assert_int_equal(bed_read(bed, &bed->workers[1], ids[i]), 1);
    }
    fake_journal_reset();
    return 0;
}

static void start_all(struct bed *bed, struct writer writers[3])
{
    bed_hold(&bed->workers[0], true);
    for (size_t i = 0; i < COUNT_OF(ids); i++)
        writer_start(&writers[i], &bed->workers[0], ids[i]);
}

static void assert_all_written(struct bed *bed, struct writer writers[3])
{
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        assert_int_equal(writers[i].answers, 1);
        assert_int_equal(writers[i].status, STATUS_OK);
        assert_int_equal(bed_read(bed, &bed->workers[1], ids[i]), 2);
    }
}

static void writes_of_one_turn_share_their_calls(void **state)
{
    struct bed *bed = *state;
    struct writer writers[3];
    start_all(bed, writers);
    bed_redis(&bed->workers[0]);
    assert_journal("FENCE");
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        assert_false(fake_server_has(bed->server, bed_key(bed, "todo:", (const char *[]){":{a}", ":{b}", ":{c}"}[i])));
        bed_store(&bed->workers[0]);
    }
    bed_redis(&bed->workers[0]);
    assert_journal("FENCE load meta_get load meta_get load meta_get UNFENCE");
    bed_let_go(bed);
    assert_all_written(bed, writers);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_FENCE), 3);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_UNFENCE), 3);
    assert_false(fake_server_has(bed->server, bed_key(bed, "todos:", ":{list}:writers")));
}

static void each_is_told_of_its_own_mark(void **state)
{
    struct bed *bed = *state;
    struct writer writers[3];
    start_all(bed, writers);
    bed_redis(&bed->workers[0]);
    fake_server_evict(bed->server, bed_key(bed, "todo:", ":{b}:writers"));
    bed_let_go(bed);
    assert_all_written(bed, writers);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_FENCE_LOST), 1);
}

/* Which of the two the store took last nobody can tell. */
static void two_writes_of_one_todo_overlap_in_one_call(void **state)
{
    struct bed *bed = *state;
    struct writer writers[2];
    bed->settings.write_policy = WRITE_PUBLISH;
    bed_hold(&bed->workers[0], true);
    for (int i = 0; i < 2; i++)
        writer_start(&writers[i], &bed->workers[0], "a");
    bed_redis(&bed->workers[0]);
    assert_journal("FENCE");
    assert_int_equal(fake_server_members(bed->server, WRITERS), 3); /* both, and '!' */
    bed_let_go(bed);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_PUBLISH_REFUSED), 2);
    assert_false(fake_server_has(bed->server, ENTRY));
    assert_false(fake_server_has(bed->server, WRITERS));
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 3);
}

static void a_call_that_is_refused_is_refused_to_all(void **state)
{
    struct bed *bed = *state;
    struct writer writers[3];
    fake_server_refuse(bed->server, "FENCE UNFENCE", "NOREPLICAS Not enough good replicas to write.");
    start_all(bed, writers);
    bed_let_go(bed);
    bed_pass(bed, 1000);
    assert_int_equal(bed_outbox_count(bed), 3);
    fake_server_refuse(bed->server, NULL, NULL);
    bed_tend(bed);
    bed_tend(bed);
    assert_all_written(bed, writers);
    assert_int_equal(bed_outbox_count(bed), 0);
}

/* The call is made twice, so all of its marks count as lost. */
static void a_foreign_key_of_one_todo_costs_the_others_no_fill(void **state)
{
    struct bed *bed = *state;
    struct writer writers[3];
    start_all(bed, writers);
    bed_redis(&bed->workers[0]);
    fake_server_evict(bed->server, bed_key(bed, "todo:", ":{c}:writers"));
    fake_server_set_text(bed->server, bed_key(bed, "todo:", ":{c}:writers"), "foreign");
    bed_let_go(bed);
    assert_non_null(strstr(fake_journal().data, "UNFENCE DISCARD UNFENCE"));
    assert_all_written(bed, writers);
    for (size_t i = 0; i < COUNT_OF(ids); i++)
        assert_int_equal(bed_read(bed, &bed->workers[1], ids[i]), 2);
    assert_true(fake_server_has(bed->server, ENTRY));
    assert_false(fake_server_has(bed->server, WRITERS));
}

static void a_connection_may_be_lost_before_the_turn_is_over(void **state)
{
    struct bed *bed = *state;
    struct writer writers[3];
    start_all(bed, writers);
    fake_redis_cut(bed_connection(&bed->workers[0]));
    bed_hold(&bed->workers[0], false);
    bed_pass(bed, 2000);
    bed_tend(bed);
    assert_all_written(bed, writers);
    assert_int_equal(bed_outbox_count(bed), 0);
}

static void what_does_not_fit_into_a_call_goes_into_the_next(void **state)
{
    struct bed *bed = *state;
    struct writer writers[CALL_MAX + 1];
    char names[CALL_MAX + 1][8];
    bed_hold(&bed->workers[0], true);
    for (size_t i = 0; i <= CALL_MAX; i++) {
        snprintf(names[i], sizeof(names[i]), "n%zu", i);
        writer_start(&writers[i], &bed->workers[0], names[i]);
    }
    assert_int_equal(fake_redis_sent_count(bed_connection(&bed->workers[0])), 1);
    bed_redis(&bed->workers[0]);
    bed_redis(&bed->workers[0]);
    assert_journal("FENCE FENCE");
    bed_let_go(bed);
    for (size_t i = 0; i <= CALL_MAX; i++)
        assert_int_equal(writers[i].status, STATUS_OK);
    assert_false(fake_server_has(bed->server, bed_key(bed, "todos:", ":{list}:writers")));
}

/* ---- Shared calls alone ---- */

struct told {
    unsigned count;
    bool has_reply;
};

static void on_told(void *ctx, const struct redis_reply *reply, bool is_lost)
{
    struct told *told = ctx;
    told->count++;
    told->has_reply = redis_reply_ok(reply);
    assert_false(is_lost);
}

static void add(struct bed *bed, struct shared_fences *shared, int64_t epoch, int64_t window_ms, struct told *told)
{
    const struct home home = {.redis = bed_connection(&bed->workers[0]), .epoch = epoch, .slot = HOME_SLOT_NONE};
    const struct token token = token_new();
    shared_fences_add(shared, SCRIPT_FENCE, &home, "a", &token, window_ms, on_told, told);
}

static void a_call_has_one_epoch_and_one_window(void **state)
{
    struct bed *bed = *state;
    struct shared_fences *shared = shared_fences_new(bed->workers[0].cache->options.events);
    struct told told = {0};
    bed_hold(&bed->workers[0], true);
    add(bed, shared, 1, 1000, &told);
    add(bed, shared, 1, 1000, &told);
    add(bed, shared, 2, 1000, &told);
    add(bed, shared, 2, 2000, &told);
    for (int i = 0; i < 3; i++)
        bed_redis(&bed->workers[0]);
    assert_journal("FENCE FENCE FENCE");
    assert_int_equal(told.count, 4);
    assert_true(told.has_reply);
    assert_int_equal(fake_server_members(bed->server, WRITERS), 3); /* both, and '!' */
    assert_int_equal(fake_server_members(bed->server, "todo:2:{a}:writers"), 3);
    bed_hold(&bed->workers[0], false);
    shared_fences_free(shared);
}

static void who_waits_when_it_ends_is_told(void **state)
{
    struct bed *bed = *state;
    struct shared_fences *shared = shared_fences_new(bed->workers[0].cache->options.events);
    struct told told = {.has_reply = true};
    add(bed, shared, 1, 1000, &told);
    shared_fences_free(shared);
    assert_int_equal(told.count, 1);
    assert_false(told.has_reply);
    assert_journal("");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, bed_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(writes_of_one_turn_share_their_calls),
        TEST(each_is_told_of_its_own_mark),
        TEST(two_writes_of_one_todo_overlap_in_one_call),
        TEST(a_call_that_is_refused_is_refused_to_all),
        TEST(a_foreign_key_of_one_todo_costs_the_others_no_fill),
        TEST(a_connection_may_be_lost_before_the_turn_is_over),
        TEST(what_does_not_fit_into_a_call_goes_into_the_next),
        TEST(a_call_has_one_epoch_and_one_window),
        TEST(who_waits_when_it_ends_is_told),
    };
    return cmocka_run_group_tests_name("shared_fences", tests, NULL, NULL);
}
