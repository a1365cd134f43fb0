/* SPDX-License-Identifier: MIT */
/*
 * A line that shows how far something is.
 * context  any (pure)
 */
#ifndef CONTROL_BAR_H
#define CONTROL_BAR_H

#include <stdint.h>

#include "base/buf.h"

/* Appends the line, without an end; done <= total, and total > 0. */
void bar_print(uint64_t done, uint64_t total, int64_t elapsed_ms, struct buf *out);

#endif
