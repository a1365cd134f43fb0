/* SPDX-License-Identifier: MIT */
/*
 * A file that all workers map, a slot each: counters, hottest ids, the trail of events. It outlives its workers.
 *
 * A worker claims a slot by an open-file-description lock on its bytes. The kernel drops the lock when the worker ends
 * in any way. The next worker takes the slot over with its counts, so sums only grow. Without a file the counters are
 * in this process's memory.
 */
#ifndef SERVER_STATS_FILE_H
#define SERVER_STATS_FILE_H

#include "base/buf.h"
#include "base/error.h"
#include "base/figures.h"
#include "base/hot.h"
#include "base/stats.h"
#include "base/trail.h"
#include "queue/board.h"

struct stats_file;

/*
 * path "" means no file. A file of another layout (version, size) is replaced. STATUS_UNAVAILABLE; STATUS_BUSY: no
 * slot.
 */
enum status stats_file_open(struct stats_file **file, const char *path, size_t slot_count,
                            struct error *error) STATUS_MUST_CHECK;

/*
 * For a tool: takes a slot of an existing file, to note its trail there. STATUS_NOT_FOUND; STATUS_INVALID: no such
 * file; STATUS_BUSY: no slot; STATUS_UNAVAILABLE.
 */
enum status stats_file_join(struct stats_file **file, const char *path, struct error *error) STATUS_MUST_CHECK;

/*
 * Opens an existing file to print it: takes no slot, changes nothing. STATUS_NOT_FOUND; STATUS_INVALID: no such file;
 * STATUS_UNAVAILABLE.
 */
enum status stats_file_view(struct stats_file **file, const char *path, struct error *error) STATUS_MUST_CHECK;
void stats_file_close(struct stats_file *file);

/* This process' slot; NULL in a view. */
struct stats *stats_file_own(struct stats_file *file);
struct trail *stats_file_trail(struct stats_file *file);

/* services_metrics_fn, services_sum_fn: ctx is the struct stats_file. */
void stats_file_print(void *ctx, struct buf *out);
void stats_file_sum(void *ctx, struct stats *sum);

/* What the processes of this machine have noted of id, in the order of time; the caller ends it. ctx as above. */
void stats_file_tell(void *ctx, const char *id, struct trail_story *story);

/* Once a second: keeps the sums of now for later figures, if no other worker has. */
void stats_file_remember(struct stats_file *file);

/* Hit rates of the last hour, and what Redis holds as far as it was counted. ctx as above. */
void stats_file_figures(void *ctx, struct figures *figures);

/* Where what Redis holds is to be put. */
struct census_board *stats_file_board(struct stats_file *file);

/* What the machine's workers know of the write queue. */
struct queue_board *stats_file_queue(struct stats_file *file);

/* The ids that are read most, the hottest first; count of them. The caller frees it. */
struct hot_id *stats_file_hottest(const struct stats_file *file, size_t *count);

#endif
