/* SPDX-License-Identifier: MIT */
/*
 * How well the cache does, by kind of what it keeps: hits, misses and refused fills of the last 1, 5 and 60 minutes,
 * and what Redis holds. For /healthz/cache and todoctl stats.
 * context  any (pure)
 */
#ifndef BASE_FIGURES_H
#define BASE_FIGURES_H

#include <stdint.h>

#include "base/census.h"
#include "base/stats_history.h"

/* Its name; what Redis holds of it (CENSUS_KINDS: nothing). */
#define FIGURE_KINDS(X)                                                                                                \
    X(TODO, "todos", CENSUS_TODO)                                                                                      \
    X(NEGATIVE, "negative", CENSUS_NEGATIVE)                                                                           \
    X(PAGE, "pages", CENSUS_PAGE)                                                                                      \
    X(KEPT, "kept_answers", CENSUS_KINDS) /* they are in the store */                                                  \
    X(LIMIT, "limits", CENSUS_LIMIT)

#define FIGURE_ENUM(upper, name, held) FIGURE_##upper,
enum figure_kind { FIGURE_KINDS(FIGURE_ENUM) FIGURE_KIND_COUNT };
#undef FIGURE_ENUM

enum { FIGURE_WINDOWS = 3 };
static const int figure_minutes[FIGURE_WINDOWS] = {1, 5, 60};

struct figure {
    uint64_t hits, misses, refused_fills;
};

struct figures {
    int64_t seconds[FIGURE_WINDOWS]; /* that each window really has: to its snapshot; 0: none yet */
    struct figure figures[FIGURE_KIND_COUNT][FIGURE_WINDOWS];
    struct census census;
};

const char *figure_name(enum figure_kind kind);

/* NULL: Redis holds nothing of this kind. */
const struct census_count *figure_held(const struct figures *figures, enum figure_kind kind);

/* sums are the counters of now; census is left as it is. */
void figures_make(struct figures *figures, const uint64_t sums[STAT_COUNT], const struct stats_history *history,
                  int64_t now_s);

#endif
