/* SPDX-License-Identifier: MIT */
/*
 * todoctl stats: hit rates, and what Redis holds.
 *
 *                        hit rate of            of the last 60 minutes
 *                  1 min   5 min  60 min       hits    misses  refused fills
 *   todos         98.1 %  97.9 %  99.0 %     120394      1200             12
 *
 * Numbers that are too wide for their column get a unit (k, M, G), so that no line is longer than 80 columns.
 */
#include "control/figures_table.h"

#include <inttypes.h>
#include <stdio.h>

enum { CELL_MAX = 24 };

/* At most 7 digits and a unit. */
static const char *number_text(char text[CELL_MAX], uint64_t number)
{
    static const char units[] = {'k', 'M', 'G', 'T', 'P'};
    size_t unit = 0;
    if (number < 10000000) {
        snprintf(text, CELL_MAX, "%" PRIu64, number);
        return text;
    }
    for (number /= 1000; number >= 1000000 && unit + 1 < sizeof(units); unit++)
        number /= 1000;
    snprintf(text, CELL_MAX, "%" PRIu64 "%c", number, units[unit]);
    return text;
}

static const char *rate_text(char text[CELL_MAX], const struct figure *figure)
{
    uint64_t all = figure->hits + figure->misses;
    if (all == 0)
        return "-";
    snprintf(text, CELL_MAX, "%.1f %%", 100.0 * (double)figure->hits / (double)all);
    return text;
}

static const char *time_text(char text[CELL_MAX], int64_t ms)
{
    int64_t seconds = ms / 1000;
    if (ms <= 0)
        return "-";
    if (seconds < 600)
        snprintf(text, CELL_MAX, "%" PRId64 " s", seconds);
    else
        snprintf(text, CELL_MAX, "%" PRId64 " min", seconds / 60);
    return text;
}

static void print_rates(const struct figures *figures, struct buf *out)
{
    buf_append_text(out, "                      hit rate of              of the last 60 minutes\n"
                         "                1 min    5 min   60 min       hits    misses   refused fills\n");
    for (enum figure_kind kind = 0; kind < FIGURE_KIND_COUNT; kind++) {
        char text[CELL_MAX];
        const struct figure *last = &figures->figures[kind][FIGURE_WINDOWS - 1];
        buf_printf(out, "%-12s", figure_name(kind));
        for (size_t window = 0; window < FIGURE_WINDOWS; window++)
            buf_printf(out, " %8s", rate_text(text, &figures->figures[kind][window]));
        buf_printf(out, "  %9s", number_text(text, last->hits));
        buf_printf(out, " %9s", number_text(text, last->misses));
        buf_printf(out, " %15s\n", number_text(text, last->refused_fills));
    }
}

static void print_held(const struct figures *figures, struct buf *out)
{
    buf_append_text(out, "in Redis       entries      bytes     oldest   mean ttl\n");
    for (enum figure_kind kind = 0; kind < FIGURE_KIND_COUNT; kind++) {
        char text[CELL_MAX];
        const struct census_count *held = figure_held(figures, kind);
        if (!held)
            continue;
        buf_printf(out, "%-12s", figure_name(kind));
        buf_printf(out, " %9s", number_text(text, held->entries));
        buf_printf(out, " %10s", held->bytes ? number_text(text, held->bytes) : "-");
        buf_printf(out, " %10s", time_text(text, held->oldest_ms));
        buf_printf(out, " %10s\n", time_text(text, held->ttl_ms));
    }
}

void figures_print(const struct figures *figures, int64_t now_ms, struct buf *out)
{
    char keys[CELL_MAX], examined[CELL_MAX];
    const struct census *census = &figures->census;
    print_rates(figures, out);
    buf_append_char(out, '\n');
    if (census->at_ms == 0) {
        buf_append_text(out, "What Redis holds has not been counted yet; a worker does so every ten seconds.\n");
        return;
    }
    print_held(figures, out);
    buf_printf(out, "Counted %" PRId64 " s ago, from %s of %s keys.\n", (now_ms - census->at_ms) / 1000,
               number_text(examined, census->keys_examined), number_text(keys, census->keys));
}
