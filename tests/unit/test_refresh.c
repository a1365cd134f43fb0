/* SPDX-License-Identifier: MIT */
/*
 * How old an entry may grow (cache/lifetime.c): answered and refreshed behind the answer, a miss, or what is left if the store is
 * away; and XFetch's early refreshes.
 *
 * todo_ttl_s is 100, so the hard end is between 90 and 100 s. Todo "a" is at version 1 and in Redis from the beginning.
 */
#include "cache_bed.h"

#define ENTRY "todo:1:{a}"
#define LEASE "todo:1:{a}:lease"

static int begin(void **state)
{
    bed_begin(state);
    struct bed *bed = *state;
    bed->settings.todo_ttl_s = 100;
    bed->settings.todo_soft_ttl_s = 10;
    bed->settings.xfetch_beta = 0;
    bed->settings.stale_if_error_s = 50;
    fake_store_put(bed->store, "a", 1);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1);
    fake_store_put(bed->store, "a", 2); /* a foreign write: nothing is invalidated */
    fake_journal_reset();
    return 0;
}

static int64_t hard_ttl_ms(const struct bed *bed)
{
    return fake_server_ttl_ms(bed->server, ENTRY) - bed->settings.stale_if_error_s * 1000;
}

static unsigned gets(const struct bed *bed)
{
    return fake_store_calls(bed->store, FAKE_GET);
}

/* ---- The soft end ---- */

static void before_its_soft_end_an_entry_is_just_a_hit(void **state)
{
    struct bed *bed = *state;
    bed_pass(bed, 9999);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 1);
    assert_journal("HGETALL");
}

static void past_its_soft_end_it_is_answered_and_refreshed_behind(void **state)
{
    struct bed *bed = *state;
    struct reader reader;
    bed_pass(bed, 10000);
    bed_hold(&bed->workers[0], true);
    reader_start(&reader, &bed->workers[0], "a");
    bed_redis(&bed->workers[0]);
    assert_int_equal(reader.answers, 1); /* before the store is asked */
    assert_int_equal(reader.v, 1);
    assert_int_equal(reader.trace.source, CACHE_HIT);
    assert_int_equal(reader.trace.age_ms, 10000);
    bed_let_go(bed);
    assert_journal("HGETALL ACQUIRE get FILL");
    assert_int_equal(bed_counter(&bed->workers[0], STAT_REFRESH), 1);
    fake_journal_reset();
    reader_start(&reader, &bed->workers[1], "a");
    bed_settle(bed);
    assert_journal("HGETALL");
    assert_int_equal(reader.v, 2);
    assert_int_equal(reader.trace.age_ms, 0);
}

/* Its reader is gone: who ends the cache must not take it for idle. */
static void a_refresh_is_a_read_under_way(void **state)
{
    struct bed *bed = *state;
    struct reader reader;
    bed_pass(bed, 10000);
    assert_false(cache_is_reading(bed->workers[0].cache));
    bed_hold(&bed->workers[0], true);
    reader_start(&reader, &bed->workers[0], "a");
    bed_redis(&bed->workers[0]);
    assert_int_equal(reader.answers, 1);
    assert_int_equal(pool_busy_count(bed->workers[0].pool), 0);
    assert_true(cache_is_reading(bed->workers[0].cache));
    bed_let_go(bed);
    assert_false(cache_is_reading(bed->workers[0].cache));
}

static void of_many_readers_one_refreshes(void **state)
{
    struct bed *bed = *state;
    struct reader readers[100];
    bed_pass(bed, 10000);
    for (size_t i = 0; i < COUNT_OF(readers); i++)
        reader_start(&readers[i], &bed->workers[i % 2], "a");
    bed_settle(bed);
    bed_pass(bed, 100);
    for (size_t i = 0; i < COUNT_OF(readers); i++)
        assert_int_equal(readers[i].answers, 1);
    assert_int_equal(gets(bed), 2); /* the first was begin's */
}

/* The lease of a refresh is like any other: a write takes it away. */
static void a_refresh_that_was_read_before_a_write_fills_nothing(void **state)
{
    struct bed *bed = *state;
    struct reader reader;
    bed_pass(bed, 10000);
    bed_hold(&bed->workers[0], true);
    reader_start(&reader, &bed->workers[0], "a");
    bed_redis(&bed->workers[0]); /* the hit */
    bed_redis(&bed->workers[0]); /* the lease */
    bed_work(&bed->workers[0]);  /* version 2 */
    assert_int_equal(bed_write(bed, &bed->workers[1], "a"), STATUS_OK);
    bed_let_go(bed);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_FILL_REFUSED), 1);
    assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 3);
}

static void a_refresh_finds_that_the_todo_is_gone(void **state)
{
    struct bed *bed = *state;
    struct reader reader;
    fake_store_fail(bed->store, FAKE_GET, 0, STATUS_NOT_FOUND);
    bed_pass(bed, 10000);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 1);
    reader_start(&reader, &bed->workers[0], "a");
    bed_settle(bed);
    assert_int_equal(reader.status, STATUS_NOT_FOUND);
    assert_int_equal(reader.trace.source, CACHE_HIT);
}

/* ---- The hard end ---- */

static void past_its_hard_end_an_entry_is_a_miss(void **state)
{
    struct bed *bed = *state;
    bed_pass(bed, hard_ttl_ms(bed));
    assert_true(fake_server_has(bed->server, ENTRY)); /* kept in case the store is away */
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 2);
    assert_journal("HGETALL ACQUIRE get FILL");
    assert_int_equal(bed_counter(&bed->workers[0], STAT_MISS), 1);
}

/* A refresher that died with its lease, or hangs: hits go on until the hard end, and no longer. */
static void the_hard_end_wins_over_a_refresh_that_hangs(void **state)
{
    struct bed *bed = *state;
    int64_t ttl_ms = hard_ttl_ms(bed);
    fake_server_set_text(bed->server, LEASE, "somebody");
    fake_server_set_ttl(bed->server, LEASE, 200000);
    bed_pass(bed, 10000);
    assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 1);
    assert_int_equal(gets(bed), 1);
    bed_pass(bed, ttl_ms - 10000);
    struct reader reader;
    reader_start(&reader, &bed->workers[0], "a");
    bed_settle(bed);
    bed_pass(bed, bed->settings.lease_wait_ms + 100);
    assert_int_equal(reader.answers, 1);
    assert_int_equal(reader.v, 2);
    assert_int_equal(reader.trace.source, CACHE_MISS);
}

/* ---- The store is away ---- */

static void what_is_past_its_end_will_do_if_the_store_is_away(void **state)
{
    struct bed *bed = *state;
    struct reader reader;
    int64_t ttl_ms = hard_ttl_ms(bed);
    bed_pass(bed, ttl_ms + 5000);
    fake_store_set_away(bed->store, true);
    reader_start(&reader, &bed->workers[0], "a");
    bed_settle(bed);
    assert_int_equal(reader.status, STATUS_OK);
    assert_int_equal(reader.v, 1);
    assert_int_equal(reader.trace.source, CACHE_HIT);
    assert_true(reader.trace.stale);
    assert_int_equal(reader.trace.age_ms, ttl_ms + 5000);
    assert_int_equal(bed_counter(&bed->workers[0], STAT_STALE), 1);
    bed_pass(bed, 45001);
    reader_start(&reader, &bed->workers[0], "a");
    bed_settle(bed);
    assert_int_equal(reader.status, STATUS_UNAVAILABLE); /* stale_if_error_s is over */
}

static void who_has_seen_a_newer_one_gets_nothing_stale(void **state)
{
    struct bed *bed = *state;
    struct reader reader;
    bed_pass(bed, hard_ttl_ms(bed));
    fake_store_set_away(bed->store, true);
    reader = (struct reader){0};
    reader_start(&reader, &bed->workers[0], "a");
    reader.get.demand.least.v = 2;
    bed_settle(bed);
    assert_int_equal(reader.status, STATUS_UNAVAILABLE);
}

/* The entry is of an old life, of a higher version than the reader's. */
static void who_has_seen_another_life_gets_nothing_stale(void **state)
{
    struct bed *bed = *state;
    const int64_t old_life = fake_store_life(bed->store, "a");
    const struct {
        struct todo_version least;
        enum status status;
    } rows[] = {
        {{.v = 1, .life = old_life + 1}, STATUS_UNAVAILABLE},
        {{.v = 1, .life = old_life}, STATUS_OK},
        {{.v = 2, .life = old_life}, STATUS_UNAVAILABLE},
        {{.v = 1}, STATUS_OK}, /* of an older worker: any life */
    };
    bed_pass(bed, hard_ttl_ms(bed));
    fake_store_set_away(bed->store, true);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct reader reader;
        reader_start(&reader, &bed->workers[0], "a");
        reader.get.demand.least = rows[i].least;
        bed_settle(bed);
        assert_int_equal(reader.status, rows[i].status);
    }
}

/* Without the store's word no one can tell which of two lives is the newer one; the store shows what there is. */
static void who_has_seen_another_life_is_shown_the_stores(void **state)
{
    struct bed *bed = *state;
    const int64_t old_life = fake_store_life(bed->store, "a");
    fake_store_remove(bed->store, "a");
    fake_store_put(bed->store, "a", 1);
    const int64_t new_life = fake_store_life(bed->store, "a");
    const struct todo_version least[] = {{.v = 1, .life = new_life}, {.v = 5, .life = old_life}};
    for (size_t i = 0; i < 4; i++) { /* with the entry of the old life, and with the new one's */
        struct reader reader;
        reader_start(&reader, &bed->workers[0], "a");
        reader.get.demand.least = least[i % 2];
        bed_settle(bed);
        assert_int_equal(reader.v, 1);
        bool is_hit = i == 2;
        assert_int_equal(reader.trace.source, is_hit ? CACHE_HIT : CACHE_REQUEST);
        if (i == 1) {
            fake_server_evict(bed->server, ENTRY);
            assert_int_equal(bed_read(bed, &bed->workers[1], "a"), 1);
        }
    }
}

/* Who isn't content goes on to a flight of its own, and takes nobody along who stands behind it in the queue. */
static void who_wants_a_newer_one_goes_on_alone(void **state)
{
    struct bed *bed = *state;
    struct reader readers[4];
    unsigned gets_before = gets(bed);
    fake_server_evict(bed->server, ENTRY);
    bed_hold(&bed->workers[0], true);
    for (size_t i = 0; i < COUNT_OF(readers); i++) {
        reader_start(&readers[i], &bed->workers[0], "a");
        readers[i].get.demand.least.v = i % 2 == 1 ? 3 : 0;
    }
    bed_let_go(bed);
    for (size_t i = 0; i < COUNT_OF(readers); i++) {
        assert_int_equal(readers[i].answers, 1);
        assert_int_equal(readers[i].v, 2);
    }
    assert_int_equal(gets(bed) - gets_before, 3); /* one to fill; who joined a direct one in its midst starts another */
}

static void without_stale_if_error_the_store_away_is_told(void **state)
{
    struct bed *bed = *state;
    struct reader reader;
    bed->settings.stale_if_error_s = 0;
    bed_pass(bed, 100000);
    fake_store_set_away(bed->store, true);
    reader_start(&reader, &bed->workers[0], "a");
    bed_settle(bed);
    assert_int_equal(reader.status, STATUS_UNAVAILABLE);
}

/* A write has made it old: there is nothing to fall back to. */
static void what_was_invalidated_is_not_brought_back(void **state)
{
    struct bed *bed = *state;
    struct reader reader;
    assert_int_equal(bed_write(bed, &bed->workers[0], "a"), STATUS_OK);
    fake_store_set_away(bed->store, true);
    reader_start(&reader, &bed->workers[0], "a");
    bed_settle(bed);
    assert_int_equal(reader.status, STATUS_UNAVAILABLE);
}

/* ---- XFetch ---- */

/* How many of count readers refreshed; each finds the entry as it was. */
static unsigned refreshes_at(struct bed *bed, const char *cost_ms, unsigned count)
{
    uint64_t before = bed_counter(&bed->workers[0], STAT_REFRESH);
    fake_server_set_text(bed->server, LEASE, "somebody"); /* so that none of them replaces the entry */
    fake_server_set_ttl(bed->server, LEASE, 200000);
    fake_server_set_field(bed->server, ENTRY, "cost", cost_ms);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(bed_read(bed, &bed->workers[0], "a"), 1);
    return (unsigned)(bed_counter(&bed->workers[0], STAT_REFRESH) - before);
}

/* left = cost * beta: the probability is exp(-1), 0.37. Of 2,000, the chance of less than 600 or more than 870 is below 1e-9. */
static void early_refreshes_come_with_the_probability_of_xfetch(void **state)
{
    struct bed *bed = *state;
    bed->settings.xfetch_beta = 2;
    bed_pass(bed, 9000);
    unsigned count = refreshes_at(bed, "500", 2000);
    assert_true(count >= 600 && count <= 870);
}

/* exp(-20) is 2e-9. */
static void far_from_the_end_there_are_none(void **state)
{
    struct bed *bed = *state;
    bed->settings.xfetch_beta = 1;
    bed_pass(bed, 8000);
    assert_int_equal(refreshes_at(bed, "100", 2000), 0);
}

static void without_beta_or_cost_there_are_none(void **state)
{
    struct bed *bed = *state;
    bed_pass(bed, 9999);
    assert_int_equal(refreshes_at(bed, "5000", 100), 0);
    bed->settings.xfetch_beta = 10;
    assert_int_equal(refreshes_at(bed, "0", 100), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, bed_end)
    const struct CMUnitTest tests[] = {
        TEST(before_its_soft_end_an_entry_is_just_a_hit),
        TEST(past_its_soft_end_it_is_answered_and_refreshed_behind),
        TEST(a_refresh_is_a_read_under_way),
        TEST(of_many_readers_one_refreshes),
        TEST(a_refresh_that_was_read_before_a_write_fills_nothing),
        TEST(a_refresh_finds_that_the_todo_is_gone),
        TEST(past_its_hard_end_an_entry_is_a_miss),
        TEST(the_hard_end_wins_over_a_refresh_that_hangs),
        TEST(what_is_past_its_end_will_do_if_the_store_is_away),
        TEST(who_has_seen_a_newer_one_gets_nothing_stale),
        TEST(who_has_seen_another_life_gets_nothing_stale),
        TEST(who_has_seen_another_life_is_shown_the_stores),
        TEST(who_wants_a_newer_one_goes_on_alone),
        TEST(without_stale_if_error_the_store_away_is_told),
        TEST(what_was_invalidated_is_not_brought_back),
        TEST(early_refreshes_come_with_the_probability_of_xfetch),
        TEST(far_from_the_end_there_are_none),
        TEST(without_beta_or_cost_there_are_none),
    };
    return cmocka_run_group_tests_name("refresh", tests, NULL, NULL);
}
