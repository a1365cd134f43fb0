/* SPDX-License-Identifier: MIT */
/*
 * Rejected rows: counted, the first ten shown, all kept in a file if there is one.
 * context  loop only
 */
#ifndef LOAD_REJECTS_H
#define LOAD_REJECTS_H

#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "load/progress.h"
#include "load/source.h"

struct rejects;

/*
 * path NULL: no file. An existing file is emptied. head and record_end are the reader's; head is written before the
 * first record. path must not be the file of source.
 * errors  STATUS_INVALID: path is the input; STATUS_UNAVAILABLE: it can't be written
 */
struct rejects_options {
    const char *path;
    const struct source *source; /* borrowed for the call; NULL: rows are made up */
    struct slice head;
    const char *record_end;
    struct progress *progress;
};

enum status rejects_open(struct rejects **rejects, const struct rejects_options *options,
                         struct error *error) STATUS_MUST_CHECK;

void rejects_add(struct rejects *rejects, uint64_t row_number, const char *reason, struct slice raw);

uint64_t rejects_count(const struct rejects *rejects);

/* Closes the file; STATUS_UNAVAILABLE: a part of it could not be written. NULL is fine. */
enum status rejects_close(struct rejects *rejects, struct error *error) STATUS_MUST_CHECK;

#endif
