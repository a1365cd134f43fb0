/* SPDX-License-Identifier: MIT */
/*
 * Which counters make a hit, and which a miss, of each kind.
 *
 * A hit is an answer without the store, from Redis or from the L1; a miss is one that needed it, a bypass and a request
 * for a fresher answer too. Reads of ids without a todo are apart, on both sides: they are "negative". Of the limits, a
 * hit is a verdict, and a miss a question that Redis did not answer. Of the kept answers, a hit is one that was given
 * again, and a miss a new key.
 *
 * A window is the difference between the counters of now and those of its beginning. Both are read while others count,
 * so a difference that would be negative is 0.
 */
#include "base/figures.h"

#include <stddef.h>
#include <string.h>

enum { SUMMANDS = 3 };

struct figure_row {
    enum stat_counter hits[SUMMANDS], misses[SUMMANDS];
    enum stat_counter not_misses; /* counted among the misses, and of another kind */
    enum stat_counter refused_fills;
};

#define FIGURE_NAME(upper, name, held) name,
#define FIGURE_HELD(upper, name, held) held,
static const char *const names[] = {FIGURE_KINDS(FIGURE_NAME)};
static const enum census_kind holds[] = {FIGURE_KINDS(FIGURE_HELD)};

/* STAT_COUNT stands for "no counter". */
static const struct figure_row rows[] = {
    [FIGURE_TODO] = {.hits = {STAT_HIT, STAT_COUNT, STAT_COUNT},
                     .misses = {STAT_MISS, STAT_BYPASS, STAT_REQUEST},
                     .not_misses = STAT_ABSENT_READ,
                     .refused_fills = STAT_FILL_REFUSED},
    [FIGURE_NEGATIVE] = {.hits = {STAT_NEGATIVE_HIT, STAT_COUNT, STAT_COUNT},
                         .misses = {STAT_ABSENT_READ, STAT_COUNT, STAT_COUNT},
                         .not_misses = STAT_COUNT,
                         .refused_fills = STAT_NEGATIVE_REFUSED},
    [FIGURE_PAGE] = {.hits = {STAT_LIST_HIT, STAT_COUNT, STAT_COUNT},
                     .misses = {STAT_LIST_MISS, STAT_LIST_BYPASS, STAT_LIST_REQUEST},
                     .not_misses = STAT_COUNT,
                     .refused_fills = STAT_PAGE_REFUSED},
    [FIGURE_KEPT] = {.hits = {STAT_KEPT_AGAIN, STAT_COUNT, STAT_COUNT},
                     .misses = {STAT_KEPT_NEW, STAT_COUNT, STAT_COUNT},
                     .not_misses = STAT_COUNT,
                     .refused_fills = STAT_COUNT},
    [FIGURE_LIMIT] = {.hits = {STAT_LIMIT_ADMITTED, STAT_LIMIT_REFUSED, STAT_COUNT},
                      .misses = {STAT_LIMIT_UNKNOWN, STAT_COUNT, STAT_COUNT},
                      .not_misses = STAT_COUNT,
                      .refused_fills = STAT_COUNT},
};

static uint64_t difference(uint64_t more, uint64_t less)
{
    return more > less ? more - less : 0;
}

static uint64_t grown(enum stat_counter stat, const uint64_t now[STAT_COUNT], const uint64_t then[STAT_COUNT])
{
    return stat == STAT_COUNT ? 0 : difference(now[stat], then[stat]);
}

static struct figure figure_of(const struct figure_row *row, const uint64_t now[STAT_COUNT],
                               const uint64_t then[STAT_COUNT])
{
    struct figure figure = {.refused_fills = grown(row->refused_fills, now, then)};
    for (size_t i = 0; i < SUMMANDS; i++) {
        figure.hits += grown(row->hits[i], now, then);
        figure.misses += grown(row->misses[i], now, then);
    }
    figure.misses = difference(figure.misses, grown(row->not_misses, now, then));
    return figure;
}

void figures_make(struct figures *figures, const uint64_t sums[STAT_COUNT], const struct stats_history *history,
                  int64_t now_s)
{
    for (size_t window = 0; window < FIGURE_WINDOWS; window++) {
        uint64_t then[STAT_COUNT];
        memcpy(then, sums, sizeof(then));
        figures->seconds[window] = stats_history_get(history, now_s, figure_minutes[window] * 60, then);
        for (size_t kind = 0; kind < FIGURE_KIND_COUNT; kind++)
            figures->figures[kind][window] = figure_of(&rows[kind], sums, then);
    }
}

const char *figure_name(enum figure_kind kind)
{
    return names[kind];
}

const struct census_count *figure_held(const struct figures *figures, enum figure_kind kind)
{
    return holds[kind] == CENSUS_KINDS ? NULL : &figures->census.counts[holds[kind]];
}
