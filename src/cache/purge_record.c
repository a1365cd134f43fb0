/* SPDX-License-Identifier: MIT */
/*
 * Purges in the store: written before the write, found again by whoever is there, removed when acknowledged.
 *
 *   put before the write, due after the last moment at which it may be applied -> ... -> removed, many at once
 *   once a second, per cache: list what is due (store) -> purge (purge.c) -> remove (store) -> again if more
 *
 * A record is as many keys as one round takes, so that a write costs one record per cache and a batch of a thousand
 * rows a few. Which keys are in which record follows from the write alone: the pool thread that puts them and the loop that
 * sends them come to the same.
 *
 * No leases: until a record is due, only the process that wrote it sends it; from then on everybody may, and may do so at the same time,
 * for a purge that is done twice does no harm. It is due when its write can no longer be applied, and when no cache can
 * still be reading what was before (purge_again_ms); so for a purge that comes from here once is enough.
 *
 * A worker that was killed between its write and its purge leaves a cache with the old state for that long: a little longer than
 * write_deadline_ms. A record that nobody's settings name any more is forgotten by the store (STORE_PURGE_KEPT_S).
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "cache/purge_state.h"

enum { REMOVE_MAX = 1024 };

/* ---- What a write makes old ---- */

struct part {
    const struct purge_target *target;
    struct purge_keys keys;
    size_t lane;
    uint32_t *sequence;
    purge_part_fn emit;
    void *ctx;
};

static void part_emit(struct part *part)
{
    part->emit(part->ctx, part->lane, (*part->sequence)++, buf_slice(&part->keys.text));
    purge_keys_reset(&part->keys);
}

static void part_add(struct part *part, struct slice key)
{
    if (purge_keys_add(&part->keys, part->target, key))
        return;
    part_emit(part);
    bool fits = purge_keys_add(&part->keys, part->target, key);
    bug_unless(fits, "a key is longer than a round takes");
}

/* The same keys as the answers have: api/freshness.c. */
void purge_parts(const struct purge *purge, const struct purge_write *write, purge_part_fn emit, void *ctx)
{
    uint32_t sequence = 0;
    for (size_t i = 0; i < purge->lane_count; i++) {
        struct part part = {
            .target = &purge->lanes[i].target, .lane = i, .sequence = &sequence, .emit = emit, .ctx = ctx};
        part_add(&part, SLICE("todos"));
        for (size_t at = 0; at < write->id_count; at++) {
            char key[8 + TODO_ID_MAX];
            int len = snprintf(key, sizeof(key), "todo-%s", write->ids[at]);
            part_add(&part, (struct slice){key, (size_t)len});
        }
        part_emit(&part);
        purge_keys_fini(&part.keys);
    }
}

struct recording {
    const struct purge *purge;
    const struct token *token;
    int64_t due_at_ms;
    struct arena arena;
    struct store_purge *purges; /* owned */
    size_t count, room;
};

static void record_part(void *ctx, size_t lane, uint32_t sequence, struct slice keys)
{
    struct recording *recording = ctx;
    if (recording->count == recording->room) {
        recording->room = recording->room ? 2 * recording->room : PURGE_TARGETS_MAX;
        recording->purges = mem_resize(recording->purges, recording->room * sizeof(*recording->purges));
    }
    recording->purges[recording->count++] = (struct store_purge){.token = *recording->token,
                                                                 .sequence = sequence,
                                                                 .url = recording->purge->lanes[lane].target.name,
                                                                 .keys = arena_copy(&recording->arena, keys).data,
                                                                 .due_at_ms = recording->due_at_ms};
}

static void recording_begin(struct recording *recording, const struct purge *purge, const struct token *token,
                            int64_t last_at_ms)
{
    *recording = (struct recording){.purge = purge, .token = token};
    recording->due_at_ms = last_at_ms + purge->cache->options.settings->purge_again_ms;
    arena_init(&recording->arena);
}

static enum status recording_put(struct recording *recording, struct error *error)
{
    struct store *store = recording->purge->cache->options.store;
    enum status status = store_purge_put(store, recording->purges, recording->count, error);
    arena_fini(&recording->arena);
    free(recording->purges);
    return status;
}

enum status purge_record(const struct purge *purge, const struct purge_write *write, struct error *error)
{
    struct recording recording;
    recording_begin(&recording, purge, write->token, write->last_at_ms);
    purge_parts(purge, write, record_part, &recording);
    return recording_put(&recording, error);
}

enum status purge_record_all(const struct purge *purge, int64_t last_at_ms, struct error *error)
{
    struct token token = token_new();
    struct recording recording;
    recording_begin(&recording, purge, &token, last_at_ms);
    for (size_t i = 0; i < purge->lane_count; i++)
        record_part(&recording, i, (uint32_t)i, SLICE("all"));
    return recording_put(&recording, error);
}

/* ---- Removing ---- */

static struct purge *purge_of_removal(struct pool_job *job)
{
    return (struct purge *)((char *)job - offsetof(struct purge, removal));
}

/* pool thread */
static enum status remove_work(struct pool_job *job, struct error *error)
{
    const struct purge *purge = purge_of_removal(job);
    return store_purge_remove(purge->cache->options.store, purge->removed, purge->removed_count, error);
}

static void lane_list(struct purge_lane *lane);
static void remove_start(struct purge *purge);

/* What couldn't be removed is purged once more when it is due. */
static void on_removed(struct pool_job *job, enum status status, const struct error *error)
{
    struct purge *purge = purge_of_removal(job);
    purge->removes = false;
    if (status != STATUS_OK)
        log_warn(NULL, "purges_not_removed", "records=%zu error=\"%s\"", purge->removed_count, error->text);
    for (size_t i = 0; i < purge->lane_count && status == STATUS_OK; i++)
        if (purge->list_next || purge->lanes[i].drain_more)
            lane_list(&purge->lanes[i]);
    purge->list_next = false;
    if (status == STATUS_OK && purge->removals.count >= REMOVE_MAX)
        remove_start(purge);
}

static void remove_start(struct purge *purge)
{
    if (purge->removes || !purge->removals.head)
        return;
    purge->removes = true;
    purge->removed_count = 0;
    if (!purge->removed)
        purge->removed = mem_alloc(REMOVE_MAX * sizeof(*purge->removed));
    while (purge->removals.head && purge->removed_count < REMOVE_MAX) {
        struct purge_item *item = purge_list_pop(&purge->removals);
        purge->removed[purge->removed_count++] = (struct store_purge){.token = item->token, .sequence = item->sequence};
        free(item);
    }
    purge->removal = (struct pool_job){.work = remove_work, .done = on_removed};
    pool_run(purge->cache->options.pool, &purge->removal);
}

void purge_record_done(struct purge_lane *lane, struct purge_item *item)
{
    struct purge *purge = lane->purge;
    bool was_drained = item->drained;
    if (purge->removals.count < PURGE_WAITING_MAX)
        purge_list_push(&purge->removals, item);
    else
        free(item);
    if (!was_drained)
        return; /* once a second is often enough */
    cache_count(purge->cache, STAT_PURGE_DRAINED);
    if (--lane->drained_left == 0)
        remove_start(purge);
}

/* ---- What others left ---- */

static struct purge_lane *lane_of_job(struct pool_job *job)
{
    return (struct purge_lane *)((char *)job - offsetof(struct purge_lane, job));
}

/* pool thread */
static enum status list_work(struct pool_job *job, struct error *error)
{
    struct purge_lane *lane = lane_of_job(job);
    struct store_purge_query query = {.url = lane->target.name, .due_by_ms = clock_wall_ms(), .limit = PURGE_DRAIN_MAX};
    return store_purge_list(lane->purge->cache->options.store, &query, &lane->arena, lane->listed, &lane->listed_count,
                            error);
}

/* Records of an earlier version, or of nobody: one that no round takes would stop all others. */
static bool is_sendable(const struct purge_lane *lane, struct slice keys)
{
    struct purge_keys alone = {0};
    bool fits = purge_keys_add(&alone, &lane->target, keys) && alone.count > 0;
    purge_keys_fini(&alone);
    return fits;
}

static void on_listed(struct pool_job *job, enum status status, const struct error *error)
{
    struct purge_lane *lane = lane_of_job(job);
    (void)error;
    lane->lists = false;
    lane->drain_more = status == STATUS_OK && lane->listed_count == PURGE_DRAIN_MAX;
    lane->drained_left = status == STATUS_OK ? lane->listed_count : 0;
    for (size_t i = 0, count = lane->drained_left; i < count; i++) {
        const struct store_purge *purge = &lane->listed[i];
        struct slice keys = slice_of(purge->keys);
        struct purge_item *item = purge_item_new(&purge->token, purge->sequence, keys);
        item->drained = true;
        if (is_sendable(lane, keys))
            purge_lane_add(lane, item);
        else
            purge_record_done(lane, item);
    }
    arena_reset(&lane->arena);
}

static void lane_list(struct purge_lane *lane)
{
    if (lane->lists || lane->drained_left > 0 || lane->pause_ms > 0)
        return;
    lane->lists = true;
    lane->job = (struct pool_job){.work = list_work, .done = on_listed};
    pool_run(lane->purge->cache->options.pool, &lane->job);
}

void purge_record_tend(struct purge *purge)
{
    remove_start(purge);
    purge->list_next = purge->removes; /* what is being removed would be listed again */
    for (size_t i = 0; i < purge->lane_count && !purge->removes; i++)
        lane_list(&purge->lanes[i]);
}
