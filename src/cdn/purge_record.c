/* SPDX-License-Identifier: MIT */
/*
 * Purges in the store.
 *
 *   put before the write, due after the last moment at which it may be applied -> ... -> removed, many at once
 *   once a second, per cache: list what is due (store) -> lane (purge_lane.c) -> remove (store) -> again if more
 *
 * A record is as many keys as one round of calls takes. So a write costs one record per cache, and a batch of a
 * thousand rows costs a few. The write alone decides which keys are in which record: the pool thread that puts them and
 * the loop that sends them cut the same write the same way.
 *
 * No leases. Until a record is due, only the process that wrote it sends it. From then on every worker may, even
 * several at once, because a purge that is sent twice does no harm. A record is due when two things are over: its write
 * can no longer be applied, and no cache can still be reading the state from before (purge_again_ms). So a listed
 * record is sent once only.
 *
 * If a worker is killed between its write and its purge, a cache in front keeps the old state until the record is due:
 * a little longer than write_deadline_ms. The store forgets records of caches that no setting names any more
 * (STORE_PURGE_KEPT_S).
 */
#include "cdn/purge_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"

enum {
    DRAIN_MAX = 256,   /* records of a listing */
    REMOVE_MAX = 1024, /* records of a removal */
};

/* The listing of one cache's records. */
struct drain {
    struct purge_records *records;
    struct purge_lane *lane;
    struct pool_job job;
    bool job_runs;
    struct arena arena; /* the listing's texts */
    struct store_purge listed[DRAIN_MAX];
    size_t listed_count;
    size_t items_left; /* of the last listing, not acknowledged yet */
    bool has_more;     /* the last listing was full */
};

struct purge_records {
    const struct purger_options *options;
    struct purge_lane *lanes;
    struct drain *drains; /* one per lane */
    size_t lane_count;
    struct purge_list removals; /* acknowledged: their records may go */
    struct pool_job removal;
    bool removal_runs;
    bool list_next; /* the listings wait for the removal */
    struct store_purge removed[REMOVE_MAX];
    size_t removed_count;
};

/* ---- Cutting a write into records ---- */

struct part {
    const struct purge_target *target;
    struct purge_keys keys;
    size_t lane_index;
    uint32_t *sequence;
    purge_part_fn emit;
    void *ctx;
};

static void part_emit(struct part *part)
{
    part->emit(part->ctx, part->lane_index, (*part->sequence)++, buf_slice(&part->keys.text));
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
void purge_records_parts(const struct purge_records *records, const struct purge_write *write, purge_part_fn emit,
                         void *ctx)
{
    uint32_t sequence = 0;
    for (size_t i = 0; i < records->lane_count; i++) {
        struct part part = {
            .target = &records->lanes[i].target, .lane_index = i, .sequence = &sequence, .emit = emit, .ctx = ctx};
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

/* ---- Putting records ---- */

struct recording {
    const struct purge_records *records;
    const struct token *token;
    int64_t due_at_ms;
    struct arena arena;
    struct store_purge *purges; /* owned */
    size_t count, capacity;
};

static void record_part(void *ctx, size_t lane_index, uint32_t sequence, struct slice keys)
{
    struct recording *recording = ctx;
    if (recording->count == recording->capacity) {
        recording->capacity = recording->capacity ? 2 * recording->capacity : PURGE_TARGETS_MAX;
        recording->purges = mem_resize(recording->purges, recording->capacity * sizeof(*recording->purges));
    }
    recording->purges[recording->count++] = (struct store_purge){
        .token = *recording->token,
        .sequence = sequence,
        .url = recording->records->lanes[lane_index].target.name,
        .keys = arena_copy(&recording->arena, keys).data,
        .due_at_ms = recording->due_at_ms,
    };
}

static void recording_begin(struct recording *recording, const struct purge_records *records, const struct token *token,
                            int64_t last_at_ms)
{
    *recording = (struct recording){.records = records, .token = token};
    recording->due_at_ms = last_at_ms + records->options->settings->purge_again_ms;
    arena_init(&recording->arena);
}

static enum status recording_put(struct recording *recording, struct error *error)
{
    struct store *store = recording->records->options->store;
    enum status status = store_purge_put(store, recording->purges, recording->count, error);
    arena_fini(&recording->arena);
    free(recording->purges);
    return status;
}

enum status purge_records_put(const struct purge_records *records, const struct purge_write *write, struct error *error)
{
    struct recording recording;
    recording_begin(&recording, records, write->token, write->last_at_ms);
    purge_records_parts(records, write, record_part, &recording);
    return recording_put(&recording, error);
}

enum status purge_records_put_all(const struct purge_records *records, int64_t last_at_ms, struct error *error)
{
    struct token token = token_new();
    struct recording recording;
    recording_begin(&recording, records, &token, last_at_ms);
    for (size_t i = 0; i < records->lane_count; i++)
        record_part(&recording, i, (uint32_t)i, SLICE("all"));
    return recording_put(&recording, error);
}

/* ---- Removing ---- */

/* pool thread */
static enum status remove_work(struct pool_job *job, struct error *error)
{
    const struct purge_records *records = container_of(job, struct purge_records, removal);
    return store_purge_remove(records->options->store, records->removed, records->removed_count, error);
}

static void drain_list(struct drain *drain);
static void remove_start(struct purge_records *records);

/* A record that could not be removed is purged once more when it is due. */
static void on_removed(struct pool_job *job, enum status status, const struct error *error)
{
    struct purge_records *records = container_of(job, struct purge_records, removal);
    records->removal_runs = false;
    if (status != STATUS_OK)
        log_warn(NULL, "purges_not_removed", "records=%zu error=\"%s\"", records->removed_count, error->text);
    for (size_t i = 0; i < records->lane_count && status == STATUS_OK; i++)
        if (records->list_next || records->drains[i].has_more)
            drain_list(&records->drains[i]);
    records->list_next = false;
    if (status == STATUS_OK && records->removals.count >= REMOVE_MAX)
        remove_start(records);
}

static void remove_start(struct purge_records *records)
{
    if (records->removal_runs || !records->removals.head)
        return;
    records->removal_runs = true;
    records->removed_count = 0;
    while (records->removals.head && records->removed_count < REMOVE_MAX) {
        struct purge_item *item = purge_list_pop(&records->removals);
        records->removed[records->removed_count++] =
            (struct store_purge){.token = item->token, .sequence = item->sequence};
        free(item);
    }
    records->removal = (struct pool_job){.lane = POOL_CARE, .work = remove_work, .done = on_removed};
    pool_run(records->options->pool, &records->removal);
}

void purge_records_done(void *ctx, struct purge_lane *lane, struct purge_item *item)
{
    struct purge_records *records = ctx;
    bool was_drained = item->is_drained;
    if (records->removals.count < PURGE_WAITING_MAX)
        purge_list_push(&records->removals, item);
    else
        free(item);
    if (!was_drained)
        return; /* once a second is often enough */
    stats_add(records->options->stats, STAT_PURGE_DRAINED, 1);
    if (--records->drains[lane - records->lanes].items_left == 0)
        remove_start(records);
}

/* ---- Listing what is due ---- */

/* pool thread */
static enum status list_work(struct pool_job *job, struct error *error)
{
    struct drain *drain = container_of(job, struct drain, job);
    struct store_purge_query query = {
        .url = drain->lane->target.name, .due_by_ms = clock_wall_ms(), .limit = DRAIN_MAX};
    return store_purge_list(drain->records->options->store, &query, &drain->arena, drain->listed, &drain->listed_count,
                            error);
}

/*
 * An earlier version, or a stranger, may have made a record that fits into no round; sent, it would stop all others. Or
 * one whose keys are none, and would end a header field and begin another.
 */
static bool is_sendable(const struct purge_lane *lane, struct slice keys)
{
    struct purge_keys alone = {0};
    if (!purge_keys_are_sound(keys))
        return false;
    bool fits = purge_keys_add(&alone, &lane->target, keys) && alone.count > 0;
    purge_keys_fini(&alone);
    return fits;
}

static void on_listed(struct pool_job *job, enum status status, const struct error *error)
{
    struct drain *drain = container_of(job, struct drain, job);
    (void)error;
    drain->job_runs = false;
    drain->has_more = status == STATUS_OK && drain->listed_count == DRAIN_MAX;
    drain->items_left = status == STATUS_OK ? drain->listed_count : 0;
    for (size_t i = 0, count = drain->items_left; i < count; i++) {
        const struct store_purge *purge = &drain->listed[i];
        struct slice keys = slice_of(purge->keys);
        struct purge_item *item = purge_item_new(&purge->token, purge->sequence, keys);
        item->is_drained = true;
        if (is_sendable(drain->lane, keys))
            purge_lane_add(drain->lane, item);
        else
            purge_records_done(drain->records, drain->lane, item);
    }
    arena_reset(&drain->arena);
}

static void drain_list(struct drain *drain)
{
    if (drain->job_runs || drain->items_left > 0 || !purge_lane_answers(drain->lane))
        return;
    drain->job_runs = true;
    drain->job = (struct pool_job){.lane = POOL_CARE, .work = list_work, .done = on_listed};
    pool_run(drain->records->options->pool, &drain->job);
}

/* A listing that runs beside a removal would list again what is being removed: it waits for the removal. */
void purge_records_tend(struct purge_records *records)
{
    remove_start(records);
    records->list_next = records->removal_runs;
    for (size_t i = 0; i < records->lane_count && !records->removal_runs; i++)
        drain_list(&records->drains[i]);
}

/* ---- Life ---- */

struct purge_records *purge_records_new(const struct purger_options *options, struct purge_lane *lanes,
                                        size_t lane_count)
{
    struct purge_records *records = mem_zalloc(sizeof(*records));
    records->options = options;
    records->lanes = lanes;
    records->lane_count = lane_count;
    records->drains = mem_zalloc(lane_count * sizeof(*records->drains));
    for (size_t i = 0; i < lane_count; i++) {
        records->drains[i].records = records;
        records->drains[i].lane = &lanes[i];
        arena_init(&records->drains[i].arena);
    }
    return records;
}

void purge_records_free(struct purge_records *records)
{
    if (!records)
        return;
    bug_unless(!records->removal_runs, "the purger is freed while a job of its runs");
    for (size_t i = 0; i < records->lane_count; i++) {
        bug_unless(!records->drains[i].job_runs, "the purger is freed while a listing of its runs");
        arena_fini(&records->drains[i].arena);
    }
    purge_list_clear(&records->removals);
    free(records->drains);
    free(records);
}
