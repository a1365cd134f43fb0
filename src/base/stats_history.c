/* SPDX-License-Identifier: MIT */
/*
 * Snapshots in a ring, by the clock.
 *
 * A period has one place in the ring. A process claims it by a compare-and-exchange and marks it as finished when all
 * sums are in it. One that dies in between leaves a snapshot that nobody reads; the next period has another place.
 *
 * If the clock is set back, snapshots of the future are ignored until their places come round again.
 */
#include "base/stats_history.h"

#include <string.h>

static uint64_t state_of(int64_t now_s)
{
    return (uint64_t)(now_s / SNAPSHOT_S) * 2;
}

static struct stats_snapshot *place_of(struct stats_history *history, int64_t now_s)
{
    return &history->snapshots[now_s / SNAPSHOT_S % SNAPSHOT_COUNT];
}

bool stats_history_claim(struct stats_history *history, int64_t now_s)
{
    struct stats_snapshot *place = place_of(history, now_s);
    uint64_t state = state_of(now_s), found = atomic_load(&place->state);
    return found != state && found != state - 1 && atomic_compare_exchange_strong(&place->state, &found, state - 1);
}

void stats_history_put(struct stats_history *history, int64_t now_s, const uint64_t sums[STAT_COUNT])
{
    struct stats_snapshot *place = place_of(history, now_s);
    memcpy(place->counter, sums, sizeof(place->counter));
    atomic_store_explicit(&place->state, state_of(now_s), memory_order_release);
}

/* The period of a finished snapshot, in seconds; 0: there is none. */
static int64_t snapshot_read(const struct stats_snapshot *snapshot, uint64_t sums[STAT_COUNT])
{
    uint64_t state = atomic_load_explicit(&snapshot->state, memory_order_acquire);
    if (state == 0 || state % 2 == 1 || state / 2 > INT64_MAX / SNAPSHOT_S)
        return 0;
    memcpy(sums, snapshot->counter, sizeof(snapshot->counter));
    atomic_thread_fence(memory_order_acquire);
    bool is_whole = atomic_load_explicit(&snapshot->state, memory_order_relaxed) == state;
    return is_whole ? (int64_t)(state / 2) * SNAPSHOT_S : 0;
}

/* Before the window the latest, else the earliest in it. */
static bool is_nearer(int64_t at_s, int64_t best_s, int64_t begin_s)
{
    if (at_s <= begin_s)
        return best_s > begin_s || at_s > best_s;
    return best_s > begin_s && at_s < best_s;
}

int64_t stats_history_get(const struct stats_history *history, int64_t now_s, int64_t window_s,
                          uint64_t sums[STAT_COUNT])
{
    int64_t best_s = INT64_MAX;
    for (size_t i = 0; i < SNAPSHOT_COUNT; i++) {
        uint64_t found[STAT_COUNT];
        int64_t at_s = snapshot_read(&history->snapshots[i], found);
        if (at_s == 0 || at_s > now_s || at_s <= now_s - window_s - 2 * SNAPSHOT_S ||
            !is_nearer(at_s, best_s, now_s - window_s))
            continue;
        best_s = at_s;
        memcpy(sums, found, sizeof(found));
    }
    if (best_s == INT64_MAX)
        return 0;
    return best_s < now_s ? now_s - best_s : 1;
}
