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

struct format_options {
    int64_t now_ms;
    const char *collection; /* of an archive, as choice.h has it; borrowed; NULL: none is named */
};

/*
 * Takes source over, also on failure, and picks the format by content.
 * errors  STATUS_INVALID: the format is unknown, its header is invalid, or it has no collections to name one of;
 *         STATUS_UNAVAILABLE
 */
enum status format_open(struct reader **reader, struct source *source, const struct format_options *options,
                        struct error *error) STATUS_MUST_CHECK;

#endif
