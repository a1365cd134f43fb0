/* SPDX-License-Identifier: MIT */
/*
 * The counters' home: a file of slots that all workers map, one slot each, kept over a worker's death.
 *
 * A slot is claimed by an open-file-description lock on its bytes, which the kernel drops when its worker ends in any way;
 * the next worker takes the slot over with its counts, so sums only grow. Without a file, memory of this process serves.
 */
#ifndef SERVER_STATS_FILE_H
#define SERVER_STATS_FILE_H

#include "base/buf.h"
#include "base/error.h"
#include "base/stats.h"

struct stats_file;

/* path "" means no file. A file of another layout (version, size) is replaced. errors STATUS_UNAVAILABLE, STATUS_BUSY: no slot. */
enum status stats_file_open(struct stats_file **file, const char *path, size_t slot_count,
                            struct error *error) STATUS_MUST_CHECK;

/* Opens the file of workers that run, or have run, to print it: takes no slot, changes nothing. STATUS_NOT_FOUND, STATUS_INVALID */
enum status stats_file_view(struct stats_file **file, const char *path, struct error *error) STATUS_MUST_CHECK;
void stats_file_close(struct stats_file *file);

/* This worker's slot; NULL in a view. */
struct stats *stats_file_own(struct stats_file *file);

/* services_metrics_fn: ctx is the struct stats_file. */
void stats_file_print(void *ctx, struct buf *out);

#endif
