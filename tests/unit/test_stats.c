/* SPDX-License-Identifier: MIT */
/* stats.c: counting, and the Prometheus page. */
#include "testing.h"

#include "base/buf.h"
#include "base/stats.h"

static const char *const routes[] = {"todo_get", "todo_list"};

static void print_page(const struct stats *const *slots, size_t count, struct buf *out)
{
    buf_init(out);
    stats_print(slots, count, routes, COUNT_OF(routes), out);
}

/* Whether line stands in the page as a whole line. */
static bool has_line(const struct buf *page, const char *line)
{
    struct buf wanted;
    buf_init(&wanted);
    buf_printf(&wanted, "\n%s\n", line);
    bool found = strstr(page->data, wanted.data) != NULL;
    buf_fini(&wanted);
    return found;
}

static void slots_are_added_up(void **state)
{
    (void)state;
    struct stats a = {0}, b = {0};
    stats_add(&a, STAT_HIT, 2);
    stats_add(&b, STAT_HIT, 40);
    stats_add(&b, STAT_WAIT, 1);
    stats_request(&a, 0, 200, 60);
    stats_request(&b, 0, 200, 60);
    stats_request(&b, 1, 404, 60);
    stats_request(&b, 1, 299, 60);
    const struct stats *slots[] = {&a, &b};
    struct buf page;
    print_page(slots, 2, &page);
    static const char *const lines[] = {
        "todo_cache_reads_total{result=\"hit\"} 42",
        "todo_cache_reads_total{result=\"miss\"} 0",
        "todo_lease_waits_total 1",
        "todo_requests_total{route=\"todo_get\",status=\"200\"} 2",
        "todo_requests_total{route=\"todo_list\",status=\"404\"} 1",
        "todo_requests_total{route=\"todo_list\",status=\"other\"} 1",
        "todo_request_seconds_count{route=\"todo_get\"} 2",
        "todo_request_seconds_sum{route=\"todo_get\"} 0.00012",
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        assert_number(lines[i], has_line(&page, lines[i]), true);
    assert_null(strstr(page.data, "route=\"todo_get\",status=\"404\"")); /* never happened: left out */
    buf_fini(&page);
}

static void buckets_are_cumulative_and_bounds_belong_to_their_bucket(void **state)
{
    (void)state;
    struct stats stats = {0};
    stats_time(&stats, STAT_TIME_REDIS, -5);
    stats_time(&stats, STAT_TIME_REDIS, 0);
    stats_time(&stats, STAT_TIME_REDIS, 50);
    stats_time(&stats, STAT_TIME_REDIS, 51);
    stats_time(&stats, STAT_TIME_REDIS, 5000000);
    stats_time(&stats, STAT_TIME_REDIS, 5000001);
    const struct stats *slot = &stats;
    struct buf page;
    print_page(&slot, 1, &page);
    static const char *const lines[] = {
        "todo_layer_seconds_bucket{layer=\"redis\",le=\"0.00005\"} 3",
        "todo_layer_seconds_bucket{layer=\"redis\",le=\"0.0001\"} 4",
        "todo_layer_seconds_bucket{layer=\"redis\",le=\"0.5\"} 4",
        "todo_layer_seconds_bucket{layer=\"redis\",le=\"1\"} 4",
        "todo_layer_seconds_bucket{layer=\"redis\",le=\"5\"} 5",
        "todo_layer_seconds_bucket{layer=\"redis\",le=\"+Inf\"} 6",
        "todo_layer_seconds_sum{layer=\"redis\"} 10.000102",
        "todo_layer_seconds_count{layer=\"redis\"} 6",
        "todo_layer_seconds_count{layer=\"store\"} 0",
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        assert_number(lines[i], has_line(&page, lines[i]), true);
    buf_fini(&page);
}

static void gauges_are_those_of_workers_that_run(void **state)
{
    (void)state;
    struct stats first = {0}, third = {0};
    const struct stats *running[] = {&first, NULL, &third};
    stats_set(&first, STAT_NOW_RUNS, 1);
    stats_set(&third, STAT_NOW_RUNS, 1);
    stats_set(&third, STAT_NOW_WITHOUT_STORE_WRITE, 1);
    stats_set(&first, STAT_NOW_OUTBOX_WAITING, 7);
    stats_set(&third, STAT_NOW_OUTBOX_WAITING, 3);
    stats_set(&first, STAT_NOW_RESIDENT, 4096);
    stats_set(&third, STAT_NOW_DESCRIPTORS, 34);
    struct buf page;
    buf_init(&page);
    stats_print_gauges(running, COUNT_OF(running), &page);
    static const char *const lines[] = {
        "todo_build_info{version=\"" PACKAGE_VERSION "\"} 1",
        "todo_workers 2",
        "todo_workers_without_redis 0",
        "todo_workers_without_store{lane=\"write\"} 1",
        "todo_outbox_waiting_seconds 7",
        "todo_worker_resident_bytes{worker=\"0\"} 4096",
        "todo_worker_resident_bytes{worker=\"2\"} 0",
        "todo_worker_descriptors{kind=\"open\",worker=\"2\"} 34",
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        assert_number(lines[i], has_line(&page, lines[i]), true);
    assert_null(strstr(page.data, "worker=\"1\""));
    buf_fini(&page);
}

/* The family that a sample line belongs to: its name without what a histogram adds. */
static struct slice sample_family(struct slice line)
{
    static const char *const endings[] = {"_bucket", "_sum", "_count"};
    size_t len = 0;
    while (len < line.len && line.data[len] != '{' && line.data[len] != ' ')
        len++;
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        size_t ending_len = strlen(endings[i]);
        if (len > ending_len && memcmp(line.data + len - ending_len, endings[i], ending_len) == 0)
            len -= ending_len;
    }
    return (struct slice){line.data, len};
}

/* Walks the page as a reader of the format would: HELP, TYPE, then this family's samples only, each family once. */
static void every_family_is_told_once_before_its_samples(void **state)
{
    (void)state;
    struct stats stats = {0};
    stats_request(&stats, 0, 200, 1);
    const struct stats *slot = &stats;
    struct buf page;
    print_page(&slot, 1, &page);
    stats_print_gauges(&slot, 1, &page);
    struct slice families[64];
    size_t family_count = 0;
    char *rest = NULL;
    for (char *line = strtok_r(page.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "# HELP ", 7) == 0) {
            struct slice family = {line + 7, strcspn(line + 7, " ")};
            assert_true(strlen(line) > 7 + family.len + 1); /* there is a help text */
            for (size_t i = 0; i < family_count; i++)
                assert_false(slice_equal(family, families[i]));
            families[family_count++] = family;
        } else if (strncmp(line, "# TYPE ", 7) == 0) {
            assert_text(line, (struct slice){line + 7, strcspn(line + 7, " ")}, families[family_count - 1]);
        } else {
            assert_text(line, sample_family(slice_of(line)), families[family_count - 1]);
        }
    }
    assert_true(family_count > 10);
    buf_fini(&page);
}

static void count_an_unknown_route(void)
{
    struct stats stats = {0};
    stats_request(&stats, STATS_ROUTE_MAX, 200, 1);
}

static void a_route_beyond_the_table_is_a_bug(void **state)
{
    (void)state;
    assert_true(ends_by_abort(count_an_unknown_route));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_added_up),
        cmocka_unit_test(buckets_are_cumulative_and_bounds_belong_to_their_bucket),
        cmocka_unit_test(gauges_are_those_of_workers_that_run),
        cmocka_unit_test(every_family_is_told_once_before_its_samples),
        cmocka_unit_test(a_route_beyond_the_table_is_a_bug),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
