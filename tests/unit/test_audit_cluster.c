/* SPDX-License-Identifier: MIT */
/*
 * What looks at all entries (audit/scan.c, census.c) in a cluster: it goes from one primary to the next.
 *
 * Of TODOS todos, which are all cached, each of two primaries has some.
 */
#include "shards_bed.h"

#include <stdlib.h>

#include "audit/census.h"
#include "audit/scan.h"

enum { TODOS = 40 };

static struct census_board board;

static void id_of(char id[8], int i)
{
    snprintf(id, 8, "t%d", i);
}

static int begin(void **state)
{
    shards_begin(state);
    struct bed *bed = *state;
    for (int i = 0; i < TODOS; i++) {
        char id[8];
        id_of(id, i);
        fake_store_put(bed->store, id, 1);
        read_by(bed, 0, id, NULL);
        assert_true(hits(bed, 0, id));
    }
    return 0;
}

static struct {
    int told[TODOS];
    int others;
    enum status status;
    bool is_over;
} seen;

static void on_batch(struct cache_scan *scan, enum status status, const char *const *ids, size_t count)
{
    seen.status = status;
    for (size_t i = 0; i < count; i++) {
        int number = atoi(ids[i] + 1);
        if (ids[i][0] == 't' && number < TODOS)
            seen.told[number]++;
        else
            seen.others++;
    }
    seen.is_over = status != STATUS_OK || scan->is_over;
    if (!seen.is_over)
        cache_scan_next(scan);
}

static void scan_all(struct bed *bed)
{
    struct cache_scan scan = {.on_batch = on_batch};
    memset(&seen, 0, sizeof(seen));
    cache_scan_start(bed->workers[0].cache, &scan);
    settle(bed);
    assert_true(seen.is_over);
}

static void a_scan_tells_the_entries_of_all_primaries(void **state)
{
    struct bed *bed = *state;
    scan_all(bed);
    assert_int_equal(seen.status, STATUS_OK);
    assert_int_equal(seen.others, 0);
    for (int i = 0; i < TODOS; i++)
        assert_int_equal(seen.told[i], 1);
}

/* Its entries are still there, under the epoch of before. */
static void entries_of_a_slot_that_has_moved_are_not_told(void **state)
{
    struct bed *bed = *state;
    char id[8];
    id_of(id, 0);
    fake_cluster_move(slot_of(id) < HALF ? "fake:b" : "fake:a", slot_of(id), slot_of(id));
    settle(bed);
    tend(bed);
    scan_all(bed);
    assert_int_equal(seen.status, STATUS_OK);
    assert_int_equal(seen.told[0], 0);
    assert_int_equal(seen.told[1], 1);
}

static void a_primary_that_is_away_ends_a_scan(void **state)
{
    struct bed *bed = *state;
    fake_server_leave(server_b);
    settle(bed);
    scan_all(bed);
    assert_int_equal(seen.status, STATUS_UNAVAILABLE);
}

static void the_census_counts_all_primaries(void **state)
{
    struct bed *bed = *state;
    memset(&board, 0, sizeof(board));
    struct census_taker *taker = census_taker_new(bed->workers[0].cache, &board);
    census_taker_tend(taker);
    settle(bed);
    struct census census;
    assert_true(census_get(&board, &census));
    assert_int_equal(census.counts[CENSUS_TODO].entries, TODOS);
    census_taker_free(taker);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, shards_end)
    const struct CMUnitTest tests[] = {
        TEST(a_scan_tells_the_entries_of_all_primaries),
        TEST(entries_of_a_slot_that_has_moved_are_not_told),
        TEST(a_primary_that_is_away_ends_a_scan),
        TEST(the_census_counts_all_primaries),
    };
    return cmocka_run_group_tests_name("audit_cluster", tests, NULL, NULL);
}
