/* SPDX-License-Identifier: MIT */
/*
 * The figures of the cache (base/figures.h) as a table of at most 80 columns: todoctl stats.
 * context  any (pure)
 */
#ifndef CONTROL_FIGURES_TABLE_H
#define CONTROL_FIGURES_TABLE_H

#include "base/buf.h"
#include "base/figures.h"

void figures_print(const struct figures *figures, int64_t now_ms, struct buf *out);

#endif
