/* SPDX-License-Identifier: MIT */
/*
 * A progress bar of one line:
 *
 *   [############--------]  61 %  610 of 1000, 1220 a second
 *
 * It does not know where it is shown, nor how often: todoctl.c writes it over itself on a terminal.
 */
#include "control/bar.h"

#include <inttypes.h>

enum { BAR_CELLS = 20 };

void bar_print(uint64_t done, uint64_t total, int64_t elapsed_ms, struct buf *out)
{
    uint64_t full = done * BAR_CELLS / total;
    buf_append_char(out, '[');
    for (uint64_t i = 0; i < BAR_CELLS; i++)
        buf_append_char(out, i < full ? '#' : '-');
    buf_printf(out, "] %3" PRIu64 " %%  %" PRIu64 " of %" PRIu64, done * 100 / total, done, total);
    if (elapsed_ms > 0)
        buf_printf(out, ", %" PRIu64 " a second", done * 1000 / (uint64_t)elapsed_ms);
}
