/* SPDX-License-Identifier: MIT */
/*
 * Watermarks through Redis (cache/watermark.c): who tells them, when, and what a reader makes of one.
 *
 * The store is one for both workers, so its watermark is a process's own; what another process would have told is put into Redis.
 */
#include "cache_bed.h"

#include "cache/cache_state.h"

static const char OWN[] = "65a1b2c300000009", LATER[] = "65a1b2c30000000a";

static int begin(void **state)
{
    bed_begin(state);
    struct bed *bed = *state;
    fake_store_put(bed->store, "a", 1);
    store_raise(bed->store, slice_of(OWN));
    bed_tend(bed);
    fake_journal_reset();
    return 0;
}

static const char *watermark_key(const struct bed *bed)
{
    return bed_key(bed, "todos:", ":{list}:watermark");
}

static void assert_own_is(const struct bed *bed, const char *want)
{
    struct store_watermark mark;
    store_watermark(bed->store, &mark);
    assert_string_equal(mark.text, want);
}

static void each_look_tells_it(void **state)
{
    struct bed *bed = *state;
    assert_text("watermark", fake_server_text(bed->server, watermark_key(bed)), slice_of(OWN));
    fake_server_evict(bed->server, watermark_key(bed));
    bed_tend(bed);
    assert_text("watermark", fake_server_text(bed->server, watermark_key(bed)), slice_of(OWN));
}

static void a_write_tells_it_before_it_unfences(void **state)
{
    struct bed *bed = *state;
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
    assert_journal("FENCE load meta_get WATERMARK UNFENCE");
}

/* Else another worker's unfence could be known again before it, and ours would pass. */
static void it_keeps_its_place_if_redis_has_forgotten_the_scripts(void **state)
{
    struct bed *bed = *state;
    struct writer writer;
    bed_fence(bed, &writer);
    fake_server_forget_scripts(bed->server);
    fake_journal_reset();
    bed_let_go(bed);
    assert_int_equal(writer.status, STATUS_OK);
    assert_journal("load meta_get WATERMARK NOSCRIPT UNFENCE");
}

static void a_miss_reads_after_what_others_have_told(void **state)
{
    struct bed *bed = *state;
    struct reader reader;
    fake_server_set_text(bed->server, watermark_key(bed), LATER);
    bed_hold(&bed->workers[0], true);
    reader_start(&reader, &bed->workers[0], "a");
    bed_redis(&bed->workers[0]);
    bed_redis(&bed->workers[0]); /* acquire */
    assert_journal("HGETALL ACQUIRE");
    assert_own_is(bed, LATER);
    bed_let_go(bed);
    assert_true(reader.trace.stored);
}

static void on_page(void *ctx, const struct cache_page_answer *answer)
{
    *(enum cache_source *)ctx = answer->trace.source;
}

static enum cache_source list(struct bed *bed)
{
    enum cache_source source = CACHE_REQUEST;
    struct cache_list list = {.query = {.limit = 10}, .demand = {.max_age_ms = -1}, .done = on_page, .ctx = &source};
    cache_list(bed->workers[0].cache, &list);
    bed_settle(bed);
    return source;
}

static void so_does_a_page(void **state)
{
    struct bed *bed = *state;
    fake_server_set_text(bed->server, watermark_key(bed), LATER);
    assert_int_equal(list(bed), CACHE_MISS);
    assert_own_is(bed, LATER);
    assert_int_equal(list(bed), CACHE_HIT);
}

/* It acquires nothing, so it asks; and not if the store has none. */
static void a_read_past_the_cache_asks_for_it(void **state)
{
    struct bed *bed = *state;
    struct reader reader;
    fake_server_set_text(bed->server, watermark_key(bed), LATER);
    reader_start_asking(&reader, &bed->workers[0], "a", (struct cache_demand){.from_store = true, .max_age_ms = -1});
    bed_settle(bed);
    assert_journal("GET get");
    assert_own_is(bed, LATER);
    assert_int_equal(reader.v, 1);
}

/* Another worker has filled it meanwhile, and something took a part of it away: acquire answers with what is left. */
static void so_does_a_read_whose_acquire_finds_a_broken_entry(void **state)
{
    struct bed *bed = *state;
    struct reader reader;
    fake_server_set_text(bed->server, watermark_key(bed), LATER);
    bed_hold(&bed->workers[0], true);
    reader_start(&reader, &bed->workers[0], "a");
    bed_redis(&bed->workers[0]);
    fake_server_set_field(bed->server, bed_key(bed, "todo:", ":{a}"), "at", "1");
    bed_let_go(bed);
    assert_journal("HGETALL ACQUIRE GET get");
    assert_own_is(bed, LATER);
    assert_int_equal(reader.v, 1);
}

static void nothing_is_filled_while_redis_has_lost_it(void **state)
{
    struct bed *bed = *state;
    fake_server_evict(bed->server, watermark_key(bed));
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 1);
    assert_int_equal(list(bed), CACHE_BYPASS);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_BYPASS), 1);
    assert_false(fake_server_has(bed->server, bed_key(bed, "todo:", ":{a}")));
    bed_tend(bed);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 1);
    assert_true(fake_server_has(bed->server, bed_key(bed, "todo:", ":{a}")));
}

/* Or a primary that is behind would pass, by an earlier beat, for a store that has gone back. */
static void a_look_that_finds_a_later_beat_reads_after_it(void **state)
{
    struct bed *bed = *state;
    fake_server_set_text(bed->server, watermark_key(bed), LATER);
    fake_server_set_text(bed->server, bed_key(bed, "todos:", ":{list}:beat"), "9000000000000000000");
    worker_tend(&bed->workers[0]);
    bed_settle(bed);
    assert_own_is(bed, LATER);
}

/* The barrier has shown where the store stands; whoever gets a lease now must read after it. */
static void marks_are_cleared_after_it_was_told(void **state)
{
    struct bed *bed = *state;
    fake_store_fail(bed->store, FAKE_LOAD, 0, STATUS_UNKNOWN);
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_UNKNOWN);
    bed_pass(bed, bed->settings.write_deadline_ms);
    fake_journal_reset();
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 2);
    assert_journal("HGETALL ACQUIRE barrier get WATERMARK CLEAR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_look_tells_it, begin, bed_end),
        cmocka_unit_test_setup_teardown(a_write_tells_it_before_it_unfences, begin, bed_end),
        cmocka_unit_test_setup_teardown(it_keeps_its_place_if_redis_has_forgotten_the_scripts, begin, bed_end),
        cmocka_unit_test_setup_teardown(a_miss_reads_after_what_others_have_told, begin, bed_end),
        cmocka_unit_test_setup_teardown(so_does_a_page, begin, bed_end),
        cmocka_unit_test_setup_teardown(a_read_past_the_cache_asks_for_it, begin, bed_end),
        cmocka_unit_test_setup_teardown(so_does_a_read_whose_acquire_finds_a_broken_entry, begin, bed_end),
        cmocka_unit_test_setup_teardown(nothing_is_filled_while_redis_has_lost_it, begin, bed_end),
        cmocka_unit_test_setup_teardown(a_look_that_finds_a_later_beat_reads_after_it, begin, bed_end),
        cmocka_unit_test_setup_teardown(marks_are_cleared_after_it_was_told, begin, bed_end),
    };
    return cmocka_run_group_tests_name("watermark", tests, NULL, NULL);
}
