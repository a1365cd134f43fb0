/* SPDX-License-Identifier: MIT */
/*
 * Which reader a file needs.
 * context  pool thread, may block
 */
#ifndef LOAD_FORMAT_H
#define LOAD_FORMAT_H

#include <stdint.h>

#include "load/reader.h"
#include "load/source.h"

/*
 * Takes source over, also on failure, and picks the format by content.
 * errors  STATUS_INVALID: the format is unknown, or its header is invalid; STATUS_UNAVAILABLE
 */
enum status format_open(struct reader **reader, struct source *source, int64_t now_ms,
                        struct error *error) STATUS_MUST_CHECK;

#endif
