/* SPDX-License-Identifier: MIT */
/*
 * The L1 as the cache uses it: what it answers, and that nothing which a write has made old is ever found in it.
 *
 * Both workers share a table. Todo "a" is at version 1, in Redis and in the L1 from the beginning; worker 1 asks the L1.
 */
#include "cache_bed.h"

#define ENTRY   "todo:1:{a}"
#define WRITERS "todo:1:{a}:writers"

static int begin(void **state)
{
    bed_begin_l1(state);
    struct bed *bed = *state;
    bed->settings.xfetch_beta = 0;
    fake_store_put(bed->store, "a", 1);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 1);
    fake_journal_reset();
    return 0;
}

/* The version that the L1 answers; -1: it doesn't. */
static int64_t l1_v(struct bed *bed, const char *id)
{
    struct reader reader;
    return reader_ask_l1(&reader, &bed->workers[1], id) ? reader.v : -1;
}

static void lose_redis(struct bed *bed)
{
    fake_server_leave(bed->server);
    bed_settle(bed);
}

static void regain_redis(struct bed *bed)
{
    bed->server->away = false;
    bed_pass(bed, 2 * FAKE_RECONNECT_MS);
}

/* ---- Hits ---- */

static void a_fill_answers_the_other_worker_and_redis_is_not_asked(void **state)
{
    struct bed *bed = *state;
    struct reader reader;
    bed->settings.server_timing = true;
    bed_pass(bed, 2000);
    assert_true(reader_ask_l1(&reader, &bed->workers[1], "a"));
    assert_int_equal(reader.v, 1);
    assert_int_equal(reader.trace.source, CACHE_HIT);
    assert_true(reader.trace.l1);
    assert_int_equal(reader.trace.redis_us, -1);
    assert_int_equal(reader.trace.age_ms, 2000);
    assert_journal("");
    assert_int_equal(bed_counter(&bed->workers[1], STAT_HIT), 1);
    assert_int_equal(bed_counter(&bed->workers[1], STAT_L1_HIT), 1);
    assert_int_equal(l1_v(bed, "b"), -1);
    assert_int_equal(bed_counter(&bed->workers[1], STAT_L1_MISS), 1);
}

static void a_hit_in_redis_is_kept(void **state)
{
    struct bed *bed = *state;
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 2);
    l1_raise(bed->l1, (const char *[]){"a"}, 1);
    assert_int_equal(l1_v(bed, "a"), -1);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 2);
    assert_int_equal(l1_v(bed, "a"), 2);
}

static void that_there_is_none_is_kept_too(void **state)
{
    struct bed *bed = *state;
    struct reader reader;
    assert_int_equal(bed_read(bed, &bed->workers[0], "none"), 0);
    assert_true(reader_ask_l1(&reader, &bed->workers[1], "none"));
    assert_int_equal(reader.status, STATUS_NOT_FOUND);
    assert_int_equal(bed_counter(&bed->workers[1], STAT_NEGATIVE_HIT), 1);
    assert_int_equal(bed_write(bed, &bed->workers[0], "none"), STATUS_OK);
    assert_int_equal(l1_v(bed, "none"), -1);
}

static void a_hit_fits_its_demand_or_is_none(void **state)
{
    struct bed *bed = *state;
    struct reader reader;
    struct worker *worker = &bed->workers[1];
    bed_pass(bed, 5000);
    const struct cache_demand unfit[] = {
        {.max_age_ms = -1, .from_store = true},
        {.max_age_ms = 4000},
        {.max_age_ms = -1, .min_fresh_ms = 400000},
        {.max_age_ms = -1, .least = {.v = 2}},
    };
    for (size_t i = 0; i < COUNT_OF(unfit); i++)
        assert_number("answered", reader_ask_l1_asking(&reader, worker, "a", unfit[i]), false);
    assert_true(
        reader_ask_l1_asking(&reader, worker, "a", (struct cache_demand){.max_age_ms = 5000, .only_if_cached = true}));
}

/* ---- Lifetimes ---- */

static void it_ends_when_the_entry_does(void **state)
{
    struct bed *bed = *state;
    int64_t ttl_ms = fake_server_ttl_ms(bed->server, ENTRY);
    bed_pass(bed, ttl_ms - 1);
    assert_int_equal(l1_v(bed, "a"), 1);
    bed_pass(bed, 1);
    assert_int_equal(l1_v(bed, "a"), -1);
}

static void past_its_soft_end_a_hit_refreshes_it(void **state)
{
    struct bed *bed = *state;
    struct reader reader;
    bed->settings.todo_soft_ttl_s = 10;
    fake_store_put(bed->store, "a", 2); /* a foreign write: nothing is invalidated */
    bed_pass(bed, 10000);
    assert_int_equal(l1_v(bed, "a"), 1);
    bed_settle(bed);
    assert_journal("ACQUIRE get FILL");
    assert_true(reader_ask_l1(&reader, &bed->workers[1], "a"));
    assert_int_equal(reader.v, 2);
    assert_int_equal(reader.trace.age_ms, 0);
}

/* Else each hit would ask Redis once more, until the entry ends. */
static void a_refresh_that_finds_a_newer_entry_keeps_it(void **state)
{
    struct bed *bed = *state;
    bed->settings.todo_soft_ttl_s = 10;
    bed_pass(bed, 10000);
    struct l1_table *l1 = bed->l1;
    struct l1_note note = l1_note(l1, "a");
    struct l1_copy copy;
    struct slice old = l1_find(l1, &note, "a", 1, &copy);
    assert_non_null(old.data);
    bed_read(bed, &bed->workers[0], "a"); /* it refreshes */
    l1_keep(l1, &note, "a", 1, old);      /* what another worker still had */
    fake_journal_reset();
    assert_int_equal(l1_v(bed, "a"), 1);
    bed_settle(bed);
    assert_int_equal(l1_v(bed, "a"), 1);
    bed_settle(bed);
    assert_journal("ACQUIRE");
}

/* ---- Writes ---- */

static void a_write_has_it_out_of_reach_before_the_store_is_asked(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    bed_hold(&bed->workers[0], true);
    writer_start(&writer, &bed->workers[0], "a");
    bed_execute(&bed->workers[0]);
    assert_int_equal(l1_v(bed, "a"), 1); /* the fence hasn't answered: the store isn't asked yet */
    bed_deliver(&bed->workers[0]);
    assert_int_equal(l1_v(bed, "a"), -1);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1); /* past the cache, and not kept */
    assert_int_equal(l1_v(bed, "a"), -1);
    bed_let_go(bed);
    assert_int_equal(writer.answers, 1);
    assert_int_equal(l1_v(bed, "a"), -1);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 2);
    assert_int_equal(l1_v(bed, "a"), 2);
}

/* Redis evicts the mark, a reader fills the old state in, and only then the store commits. */
static void what_was_kept_under_a_lost_mark_is_out_of_reach_before_the_answer(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    bed_fence(bed, &writer);
    fake_server_evict(bed->server, WRITERS);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1);
    assert_int_equal(l1_v(bed, "a"), 1);
    bed_let_go(bed);
    assert_int_equal(writer.answers, 1);
    assert_int_equal(l1_v(bed, "a"), -1);
}

/* The reply was on its way while the todo was written: it may be answered, but not kept. */
static void a_late_reply_is_not_found(void **state)
{
    struct bed *bed = *state;
    struct reader reader;
    bed_hold(&bed->workers[0], true);
    reader_start(&reader, &bed->workers[0], "a");
    bed_execute(&bed->workers[0]);
    assert_int_equal(bed_write(bed, &bed->workers[1], "a"), STATUS_OK);
    bed_deliver(&bed->workers[0]);
    assert_int_equal(reader.v, 1);
    assert_int_equal(l1_v(bed, "a"), -1);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_L1_REFUSED), 1);
    bed_let_go(bed);
}

static void a_late_fill_is_not_found(void **state)
{
    struct bed *bed = *state;
    struct reader reader;
    fake_server_evict(bed->server, ENTRY);
    l1_raise(bed->l1, (const char *[]){"a"}, 1);
    bed_fetch(bed, &reader);
    bed_done(&bed->workers[0]);
    bed_execute(&bed->workers[0]); /* the fill was accepted */
    assert_int_equal(bed_write(bed, &bed->workers[1], "a"), STATUS_OK);
    bed_deliver(&bed->workers[0]);
    assert_int_equal(reader.v, 1);
    assert_int_equal(l1_v(bed, "a"), -1);
    bed_let_go(bed);
}

static void a_refused_fill_is_not_kept(void **state)
{
    struct bed *bed = *state;
    struct reader reader;
    fake_server_evict(bed->server, ENTRY);
    bed_fetch(bed, &reader);
    fake_server_evict(bed->server, "todo:1:{a}:lease");
    bed_let_go(bed);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_FILL_REFUSED), 1);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_L1_KEPT), 1); /* begin()'s */
}

/* ---- Without Redis ---- */

static void without_trust_it_answers_nothing(void **state)
{
    struct bed *bed = *state;
    lose_redis(bed);
    assert_int_equal(l1_v(bed, "a"), -1);
    regain_redis(bed);
    assert_int_equal(l1_v(bed, "a"), 1);
}

static void a_write_by_record_has_it_out_of_reach_before_and_after_the_store(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    lose_redis(bed);
    bed_hold(&bed->workers[0], true);
    writer_start(&writer, &bed->workers[0], "a");
    regain_redis(bed); /* for worker 1 alone */
    assert_int_equal(l1_v(bed, "a"), -1);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1);
    assert_int_equal(l1_v(bed, "a"), 1);
    bed_work(&bed->workers[0]);
    bed_done(&bed->workers[0]);
    assert_int_equal(writer.answers, 1);
    assert_int_equal(l1_v(bed, "a"), -1);
    bed_let_go(bed);
}

/* Worker 1 trusts Redis, which still has the old entry: what it reads until the record is drained is kept. */
static void a_drain_has_it_out_of_reach(void **state)
{
    struct bed *bed = *state;
    struct worker *writing = &bed->workers[0];
    fake_redis_cut(bed_connection(writing));
    bed_hold(writing, true);
    struct writer writer;
    writer_start(&writer, writing, "a");
    fake_pool_hold(writing->pool, false);
    while (fake_pool_step(writing->pool))
        ;
    assert_int_equal(writer.answers, 1);
    assert_int_equal(bed_outbox_count(bed), 1);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1); /* for 2 s at most: doc/consistency.md */
    assert_int_equal(l1_v(bed, "a"), 1);
    worker_tend(&bed->workers[1]);
    bed_settle(bed);
    assert_int_equal(bed_outbox_count(bed), 0);
    assert_int_equal(l1_v(bed, "a"), -1);
    bed_let_go(bed);
}

static void another_epoch_finds_nothing(void **state)
{
    struct bed *bed = *state;
    bed_move_epoch(&bed->workers[0]);
    bed_tend(bed);
    bed_pass(bed, 1000);
    assert_true(cache_is_trusted(bed->workers[1].cache));
    assert_int_equal(l1_v(bed, "a"), -1);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 1);
    assert_int_equal(l1_v(bed, "a"), 1);
}

/* ---- Todos ---- */

static void a_todo_that_is_too_large_is_left_to_redis(void **state)
{
    struct bed *bed = *state;
    char description[L1_ENTRY_BYTES_MAX + 1] = "";
    memset(description, 'x', sizeof(description) - 1);
    fake_server_set_field(bed->server, ENTRY, "description", description);
    l1_raise(bed->l1, (const char *[]){"a"}, 1);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 1);
    assert_int_equal(l1_v(bed, "a"), -1);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_L1_REFUSED), 1);
}

#define WITH_BED(test) cmocka_unit_test_setup_teardown(test, begin, bed_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BED(a_fill_answers_the_other_worker_and_redis_is_not_asked),
        WITH_BED(a_hit_in_redis_is_kept),
        WITH_BED(that_there_is_none_is_kept_too),
        WITH_BED(a_hit_fits_its_demand_or_is_none),
        WITH_BED(it_ends_when_the_entry_does),
        WITH_BED(past_its_soft_end_a_hit_refreshes_it),
        WITH_BED(a_refresh_that_finds_a_newer_entry_keeps_it),
        WITH_BED(a_write_has_it_out_of_reach_before_the_store_is_asked),
        WITH_BED(what_was_kept_under_a_lost_mark_is_out_of_reach_before_the_answer),
        WITH_BED(a_late_reply_is_not_found),
        WITH_BED(a_late_fill_is_not_found),
        WITH_BED(a_refused_fill_is_not_kept),
        WITH_BED(without_trust_it_answers_nothing),
        WITH_BED(a_write_by_record_has_it_out_of_reach_before_and_after_the_store),
        WITH_BED(a_drain_has_it_out_of_reach),
        WITH_BED(another_epoch_finds_nothing),
        WITH_BED(a_todo_that_is_too_large_is_left_to_redis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
