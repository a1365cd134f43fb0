/* SPDX-License-Identifier: MIT */
/*
 * What the counters were in the last hour: a snapshot of all sums every ten seconds, for rates without a watcher.
 *
 * The memory is the caller's, all zero is empty. Any process may take a snapshot; of those that try, one does. A reader
 * drops a snapshot that is written meanwhile, or was never finished.
 */
#ifndef BASE_STATS_HISTORY_H
#define BASE_STATS_HISTORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/stats.h"

enum { SNAPSHOT_S = 10, SNAPSHOT_COUNT = 3600 / SNAPSHOT_S + 2 };

struct stats_snapshot {
    _Atomic uint64_t state; /* twice its period, the time by SNAPSHOT_S; one less while it is written */
    uint64_t counter[STAT_COUNT];
};

struct stats_history {
    struct stats_snapshot snapshots[SNAPSHOT_COUNT];
};

/*
 * Whether this process is to take the snapshot of now's period; then it calls stats_history_put() with the sums, and
 * others don't.
 */
bool stats_history_claim(struct stats_history *history, int64_t now_s);
void stats_history_put(struct stats_history *history, int64_t now_s, const uint64_t sums[STAT_COUNT]);

/*
 * The sums of window_s ago, or of the first snapshot after that. Returns how long ago that was in seconds; 0: there is
 * no snapshot, and sums are as they were.
 */
int64_t stats_history_get(const struct stats_history *history, int64_t now_s, int64_t window_s,
                          uint64_t sums[STAT_COUNT]);

#endif
