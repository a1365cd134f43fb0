/* SPDX-License-Identifier: MIT */
/*
 * Counting, and printing the counts.
 *
 * Counting is a plain addition to a worker's own slot: no lock, no atomic, no formatting, a few nanoseconds. Printing
 * reads all slots and adds them up. A 64-bit load is never torn on the machines we run on, so at worst a reader sees a
 * histogram whose sum is one observation behind its buckets. /metrics is asked every few seconds and may be slow.
 *
 * The text is Prometheus' exposition format 0.0.4. Rows of one family stand together in the tables, so a family's HELP
 * and TYPE are printed at its first row. Answers are counted by route and status, and combinations that never happened
 * are not printed. Counters and histograms are always printed, so that a rate over them starts at 0. Buckets are stored
 * apart and made cumulative when they are printed.
 *
 * A gauge is what a worker has last said about itself, at most some seconds old. Those of workers that have ended are
 * not printed, nor added up.
 *
 * Guarantees: printed counters of slots that outlive their workers only grow.
 *
 * Does not: quantiles, reset.
 */
#include "base/stats.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"

enum { US_PER_S = 1000000 };

struct stats_row {
    const char *family;
    const char *labels;
    const char *help;
};

#define STATS_ROW(upper, family, labels, help) {family, labels, help},
static const struct stats_row counter_rows[] = {STATS_COUNTERS(STATS_ROW)};
static const struct stats_row time_rows[] = {STATS_HISTOGRAMS(STATS_ROW)};

enum gauge_how { GAUGE_SUM, GAUGE_MAX, GAUGE_EACH };

#define GAUGE_ROW(upper, family, labels, how, help) {family, labels, help},
#define GAUGE_HOW(upper, family, labels, how, help) GAUGE_##how,
static const struct stats_row gauge_rows[] = {STATS_GAUGES(GAUGE_ROW)};
static const enum gauge_how gauge_hows[] = {STATS_GAUGES(GAUGE_HOW)};

const int64_t STATS_BOUND_US[] = {STATS_BOUNDS_US};
static const int statuses[] = {STATS_STATUSES};

_Static_assert(sizeof(STATS_BOUND_US) / sizeof(STATS_BOUND_US[0]) == STATS_BOUND_COUNT,
               "STATS_BOUND_COUNT counts STATS_BOUNDS_US");
_Static_assert(sizeof(statuses) / sizeof(statuses[0]) == STATS_STATUS_COUNT,
               "STATS_STATUS_COUNT counts STATS_STATUSES");

static void histogram_add(struct stats_histogram *histogram, int64_t elapsed_us)
{
    if (elapsed_us < 0)
        elapsed_us = 0; /* a clock that stepped back must not make a sum of 2^64 */
    size_t i = 0;
    while (i < STATS_BOUND_COUNT && elapsed_us > STATS_BOUND_US[i])
        i++;
    histogram->bucket[i]++;
    histogram->sum_us += (uint64_t)elapsed_us;
}

static size_t status_column(int http_status)
{
    size_t i = 0;
    while (i < STATS_STATUS_COUNT && statuses[i] != http_status)
        i++;
    return i; /* the last column is for all other statuses */
}

static void histogram_merge(struct stats_histogram *sum, const struct stats_histogram *histogram)
{
    for (size_t i = 0; i <= STATS_BOUND_COUNT; i++)
        sum->bucket[i] += histogram->bucket[i];
    sum->sum_us += histogram->sum_us;
}

static void stats_merge(struct stats *sum, const struct stats *slot)
{
    for (size_t i = 0; i < STAT_COUNT; i++)
        sum->counter[i] += slot->counter[i];
    for (size_t i = 0; i < STAT_TIME_COUNT; i++)
        histogram_merge(&sum->time[i], &slot->time[i]);
    for (size_t route = 0; route < STATS_ROUTE_MAX; route++) {
        histogram_merge(&sum->route_time[route], &slot->route_time[route]);
        for (size_t i = 0; i <= STATS_STATUS_COUNT; i++)
            sum->request[route][i] += slot->request[route][i];
    }
}

static void print_head(struct buf *out, const char *family, const char *type, const char *help)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family, help, family, type);
}

/* Prints the head if row is the first of its family. */
static void print_row_head(struct buf *out, const struct stats_row *rows, size_t i, const char *type)
{
    if (i == 0 || strcmp(rows[i].family, rows[i - 1].family) != 0)
        print_head(out, rows[i].family, type, rows[i].help);
}

/* Prints microseconds as seconds, without zeros at the end: 50 is 0.00005. */
static void print_seconds(struct buf *out, uint64_t us)
{
    buf_printf(out, "%" PRIu64, us / US_PER_S);
    uint64_t rest = us % US_PER_S;
    int digits = 6;
    if (rest == 0)
        return;
    while (rest % 10 == 0) {
        rest /= 10;
        digits--;
    }
    buf_printf(out, ".%0*" PRIu64, digits, rest);
}

static void print_histogram(struct buf *out, const char *family, const char *labels,
                            const struct stats_histogram *histogram)
{
    uint64_t count = 0;
    for (size_t i = 0; i <= STATS_BOUND_COUNT; i++) {
        count += histogram->bucket[i];
        buf_printf(out, "%s_bucket{%s,le=\"", family, labels);
        if (i < STATS_BOUND_COUNT)
            print_seconds(out, (uint64_t)STATS_BOUND_US[i]);
        else
            buf_append_text(out, "+Inf");
        buf_printf(out, "\"} %" PRIu64 "\n", count);
    }
    buf_printf(out, "%s_sum{%s} ", family, labels);
    print_seconds(out, histogram->sum_us);
    buf_printf(out, "\n%s_count{%s} %" PRIu64 "\n", family, labels, count);
}

static void print_value(struct buf *out, const struct stats_row *row, uint64_t value)
{
    if (row->labels[0])
        buf_printf(out, "%s{%s} %" PRIu64 "\n", row->family, row->labels, value);
    else
        buf_printf(out, "%s %" PRIu64 "\n", row->family, value);
}

static void print_counters(struct buf *out, const struct stats *sum)
{
    for (size_t i = 0; i < STAT_COUNT; i++) {
        print_row_head(out, counter_rows, i, "counter");
        print_value(out, &counter_rows[i], sum->counter[i]);
    }
}

static uint64_t gauge_merge(enum gauge_how how, uint64_t merged, uint64_t value)
{
    if (how == GAUGE_SUM)
        return merged + value;
    return value > merged ? value : merged;
}

static void print_gauge(struct buf *out, size_t gauge, const struct stats *const *running, size_t slot_count)
{
    const struct stats_row *row = &gauge_rows[gauge];
    uint64_t merged = 0;
    for (size_t i = 0; i < slot_count; i++) {
        if (!running[i])
            continue;
        uint64_t value = running[i]->gauge[gauge];
        merged = gauge_merge(gauge_hows[gauge], merged, value);
        if (gauge_hows[gauge] == GAUGE_EACH)
            buf_printf(out, "%s{%s%sworker=\"%zu\"} %" PRIu64 "\n", row->family, row->labels, row->labels[0] ? "," : "",
                       i, value);
    }
    if (gauge_hows[gauge] != GAUGE_EACH)
        print_value(out, row, merged);
}

static void print_times(struct buf *out, const struct stats *sum)
{
    for (size_t i = 0; i < STAT_TIME_COUNT; i++) {
        print_row_head(out, time_rows, i, "histogram");
        print_histogram(out, time_rows[i].family, time_rows[i].labels, &sum->time[i]);
    }
}

static void print_requests(struct buf *out, const struct stats *sum, const char *const *route_names, size_t route_count)
{
    print_head(out, "todo_requests_total", "counter", "Answers, by route and HTTP status.");
    for (size_t route = 0; route < route_count; route++) {
        for (size_t i = 0; i <= STATS_STATUS_COUNT; i++) {
            uint64_t count = sum->request[route][i];
            if (count == 0)
                continue;
            buf_printf(out, "todo_requests_total{route=\"%s\",status=\"", route_names[route]);
            if (i < STATS_STATUS_COUNT)
                buf_append_int(out, statuses[i]);
            else
                buf_append_text(out, "other");
            buf_printf(out, "\"} %" PRIu64 "\n", count);
        }
    }
}

static void print_route_times(struct buf *out, const struct stats *sum, const char *const *route_names,
                              size_t route_count)
{
    print_head(out, "todo_request_seconds", "histogram", "Time from a request's arrival to its answer, by route.");
    for (size_t route = 0; route < route_count; route++) {
        struct buf labels;
        buf_init(&labels);
        buf_printf(&labels, "route=\"%s\"", route_names[route]);
        print_histogram(out, "todo_request_seconds", labels.data, &sum->route_time[route]);
        buf_fini(&labels);
    }
}

void stats_time(struct stats *stats, enum stat_time time, int64_t elapsed_us)
{
    histogram_add(&stats->time[time], elapsed_us);
}

void stats_request(struct stats *stats, unsigned route, int http_status, int64_t elapsed_us)
{
    bug_unless(route < STATS_ROUTE_MAX, "more routes than STATS_ROUTE_MAX");
    stats->request[route][status_column(http_status)]++;
    histogram_add(&stats->route_time[route], elapsed_us);
}

uint64_t stats_answers(const struct stats *stats, unsigned route, int http_status)
{
    return stats->request[route][status_column(http_status)];
}

void stats_sum(const struct stats *const *slots, size_t slot_count, struct stats *sum)
{
    *sum = (struct stats){0};
    for (size_t i = 0; i < slot_count; i++)
        stats_merge(sum, slots[i]);
}

void stats_print(const struct stats *const *slots, size_t slot_count, const char *const *route_names,
                 size_t route_count, struct buf *out)
{
    bug_unless(route_count <= STATS_ROUTE_MAX, "more routes than STATS_ROUTE_MAX");
    struct stats sum;
    stats_sum(slots, slot_count, &sum);
    print_requests(out, &sum, route_names, route_count);
    print_route_times(out, &sum, route_names, route_count);
    print_counters(out, &sum);
    print_times(out, &sum);
}

void stats_print_gauges(const struct stats *const *running, size_t slot_count, struct buf *out)
{
    print_head(out, "todo_build_info", "gauge", "The build of the worker that answers.");
    buf_append_text(out, "todo_build_info{version=\"" PACKAGE_VERSION "\"} 1\n");
    for (size_t i = 0; i < STAT_GAUGE_COUNT; i++) {
        print_row_head(out, gauge_rows, i, "gauge");
        print_gauge(out, i, running, slot_count);
    }
}
