/* SPDX-License-Identifier: MIT */
/* Hit rates over time: which snapshot a window begins at, what counts as a hit, and the table that shows it. */
#include "testing.h"

#include "base/figures.h"
#include "control/figures_table.h"

static struct stats_history history;
static uint64_t sums[STAT_COUNT];

static int setup(void **state)
{
    (void)state;
    memset(&history, 0, sizeof(history));
    memset(sums, 0, sizeof(sums));
    return 0;
}

static void remember(int64_t now_s)
{
    assert_true(stats_history_claim(&history, now_s));
    stats_history_put(&history, now_s, sums);
}

static int64_t seconds_since(int64_t now_s, int64_t window_s)
{
    uint64_t then[STAT_COUNT];
    return stats_history_get(&history, now_s, window_s, then);
}

static struct figure figure_at(int64_t now_s, enum figure_kind kind, size_t window)
{
    struct figures figures = {.census = {.at_ms = 0}};
    figures_make(&figures, sums, &history, now_s);
    return figures.figures[kind][window];
}

static void a_window_begins_at_its_snapshot(void **state)
{
    (void)state;
    for (int64_t now_s = 10000; now_s <= 20000; now_s += SNAPSHOT_S) {
        sums[STAT_HIT] += 10; /* one a second */
        remember(now_s);
    }
    for (size_t window = 0; window < FIGURE_WINDOWS; window++)
        assert_int_equal(figure_at(20005, FIGURE_TODO, window).hits, figure_minutes[window] * 60 / 10 * 10);
    assert_int_equal(seconds_since(20005, 60), 65);
}

static void a_short_past_is_told_as_such(void **state)
{
    struct figures figures = {.census = {.at_ms = 0}};
    (void)state;
    sums[STAT_MISS] = 7;
    figures_make(&figures, sums, &history, 10000);
    assert_int_equal(figures.seconds[0], 0);
    assert_int_equal(figures.figures[FIGURE_TODO][0].misses, 0);
    remember(10000);
    sums[STAT_MISS] = 9;
    figures_make(&figures, sums, &history, 10030);
    for (size_t window = 0; window < FIGURE_WINDOWS; window++) {
        assert_int_equal(figures.seconds[window], 30);
        assert_int_equal(figures.figures[FIGURE_TODO][window].misses, 2);
    }
}

/* After a pause without workers, a window must not reach behind it: those counts are of another time. */
static void snapshots_that_are_unfinished_old_or_of_the_future_are_not_used(void **state)
{
    (void)state;
    remember(10000);
    sums[STAT_HIT] = 5;
    assert_true(stats_history_claim(&history, 10050)); /* its process was killed */
    assert_false(stats_history_claim(&history, 10051));
    remember(99990);
    assert_int_equal(seconds_since(10100, 300), 100);
    assert_int_equal(figure_at(10100, FIGURE_TODO, 1).hits, 5);
    assert_int_equal(seconds_since(50000, 300), 0);
}

static void each_read_is_counted_once(void **state)
{
    (void)state;
    remember(10000);
    sums[STAT_HIT] = 90;
    sums[STAT_L1_HIT] = 50; /* among the hits */
    sums[STAT_NEGATIVE_HIT] = 4;
    sums[STAT_MISS] = 6;
    sums[STAT_BYPASS] = 3;
    sums[STAT_REQUEST] = 1;
    sums[STAT_ABSENT_READ] = 2; /* among the ten before */
    sums[STAT_FILL_REFUSED] = 11;
    sums[STAT_NEGATIVE_REFUSED] = 12;
    sums[STAT_PAGE_REFUSED] = 13;
    const struct figure todo = figure_at(10010, FIGURE_TODO, 0), negative = figure_at(10010, FIGURE_NEGATIVE, 0);
    assert_int_equal(todo.hits, 90);
    assert_int_equal(todo.misses, 8);
    assert_int_equal(negative.hits, 4);
    assert_int_equal(negative.misses, 2);
    assert_int_equal(todo.refused_fills, 11);
    assert_int_equal(negative.refused_fills, 12);
    assert_int_equal(figure_at(10010, FIGURE_PAGE, 0).refused_fills, 13);
}

static void no_line_of_the_table_is_too_long(void **state)
{
    struct figures figures = {.census = {.at_ms = 1}};
    struct buf text;
    (void)state;
    for (size_t kind = 0; kind < FIGURE_KIND_COUNT; kind++)
        for (size_t window = 0; window < FIGURE_WINDOWS; window++)
            figures.figures[kind][window] = (struct figure){UINT64_MAX / 4, 0, UINT64_MAX};
    for (size_t kind = 0; kind < CENSUS_KINDS; kind++)
        figures.census.counts[kind] = (struct census_count){UINT64_MAX, UINT64_MAX, INT64_MAX / 1000, INT64_MAX / 1000};
    buf_init(&text);
    figures_print(&figures, 2000, &text);
    for (const char *line = text.data; *line;) {
        size_t len = strcspn(line, "\n");
        assert_in_range(len, 0, 80);
        line += len + (line[len] == '\n');
    }
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_window_begins_at_its_snapshot, setup),
        cmocka_unit_test_setup(a_short_past_is_told_as_such, setup),
        cmocka_unit_test_setup(snapshots_that_are_unfinished_old_or_of_the_future_are_not_used, setup),
        cmocka_unit_test_setup(each_read_is_counted_once, setup),
        cmocka_unit_test_setup(no_line_of_the_table_is_too_long, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
