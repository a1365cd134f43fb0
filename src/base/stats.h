/* SPDX-License-Identifier: MIT */
/*
 * Counters, latency histograms and gauges, and how they read as Prometheus text (exposition format 0.0.4).
 *
 * A slot belongs to one worker, and only that worker adds to it, so no locks or atomics are needed. Readers may see a
 * value that is a moment old. The caller provides the memory of the slots: server/stats_file.c maps a file that all
 * workers share and that outlives them. A page is printed by adding the slots up.
 *
 * The tables are in stats_table.h; answers are counted apart, by route and status.
 */
#ifndef BASE_STATS_H
#define BASE_STATS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/stats_table.h"

#define STATS_COUNTER_ENUM(upper, family, labels, help) STAT_##upper,
enum stat_counter { STATS_COUNTERS(STATS_COUNTER_ENUM) STAT_COUNT };
#undef STATS_COUNTER_ENUM

#define STATS_HISTOGRAM_ENUM(upper, family, labels, help) STAT_TIME_##upper,
enum stat_time { STATS_HISTOGRAMS(STATS_HISTOGRAM_ENUM) STAT_TIME_COUNT };
#undef STATS_HISTOGRAM_ENUM

#define STATS_GAUGE_ENUM(upper, family, labels, how, help) STAT_NOW_##upper,
enum stat_gauge { STATS_GAUGES(STATS_GAUGE_ENUM) STAT_GAUGE_COUNT };
#undef STATS_GAUGE_ENUM

/* Upper bounds in us; one more bucket takes what is longer. */
#define STATS_BOUNDS_US                                                                                                \
    50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000, 500000, 1000000, 5000000
enum { STATS_BOUND_COUNT = 15 };

/* Answers are counted by route and status; the statuses in use are a list, so that the table stays small. */
#define STATS_STATUSES                                                                                                 \
    200, 201, 204, 304, 400, 401, 404, 405, 406, 408, 409, 410, 412, 413, 414, 415, 422, 428, 429, 500, 501, 503, 504
enum { STATS_STATUS_COUNT = 23, STATS_ROUTE_MAX = 24 };

struct stats_histogram {
    uint64_t bucket[STATS_BOUND_COUNT + 1]; /* not cumulative */
    uint64_t sum_us;
};

struct stats {
    uint64_t counter[STAT_COUNT];
    uint64_t request[STATS_ROUTE_MAX][STATS_STATUS_COUNT + 1]; /* the last column: any other status */
    struct stats_histogram time[STAT_TIME_COUNT];
    struct stats_histogram route_time[STATS_ROUTE_MAX];
    uint64_t gauge[STAT_GAUGE_COUNT]; /* true only while the slot's worker runs */
};

static inline void stats_add(struct stats *stats, enum stat_counter stat, uint64_t count)
{
    stats->counter[stat] += count;
}

static inline void stats_set(struct stats *stats, enum stat_gauge gauge, uint64_t value)
{
    stats->gauge[gauge] = value;
}

extern const int64_t STATS_BOUND_US[STATS_BOUND_COUNT];

void stats_time(struct stats *stats, enum stat_time time, int64_t elapsed_us);

/* route is an index below STATS_ROUTE_MAX; stats_print() gets the names of the routes. */
void stats_request(struct stats *stats, unsigned route, int http_status, int64_t elapsed_us);

void stats_sum(const struct stats *const *slots, size_t slot_count, struct stats *sum);

/* Answers of a route with one of STATS_STATUSES. */
uint64_t stats_answers(const struct stats *stats, unsigned route, int http_status);

/* Appends the sum of slots as Prometheus text. route_names has route_count entries, in the order of stats_request(). */
void stats_print(const struct stats *const *slots, size_t slot_count, const char *const *route_names,
                 size_t route_count, struct buf *out);

/* Appends the build and the gauges of workers that run: running[i] is slot i, or NULL if its worker has ended. */
void stats_print_gauges(const struct stats *const *running, size_t slot_count, struct buf *out);

#endif
