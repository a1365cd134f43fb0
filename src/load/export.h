/* SPDX-License-Identifier: MIT */
/*
 * An export: all todos of a store as JSON lines, which an import takes back.
 *
 * context  may block; needs no loop
 */
#ifndef LOAD_EXPORT_H
#define LOAD_EXPORT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "load/progress.h"
#include "store/store.h"

struct export_options {
    struct store *store; /* all borrowed for the call */
    const char *path;    /* "-": standard output */
    bool is_packed;      /* by gzip */
    struct progress *progress;
    const volatile sig_atomic_t *stop; /* ends it early when it is not 0 */
};

struct export_result {
    uint64_t out_count;
    int64_t elapsed_ms;
    bool has_skipped; /* todos that can't be read; the log says which */
};

/*
 * With STATUS_OK all of it is at path, on disk.
 * errors  STATUS_NOT_FOUND: there are no todos; STATUS_BUSY: it was stopped; those of the store and of sink.h
 */
enum status export_run(const struct export_options *options, struct export_result *result,
                       struct error *error) STATUS_MUST_CHECK;

#endif
