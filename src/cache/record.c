/* SPDX-License-Identifier: MIT */
/*
 * Reading the store's record, and comparing it.
 *
 *   check  read -> flaw? -> the epoch moves on -> the beat to Redis -> good
 *   look   read -> changed? ------------------> the beat to Redis -> good -> a beat, if one is due -> it to Redis
 *            ^                                       '--later beat--.
 *            '------------------------------------------------------'
 *
 * A check may move the epoch on: if the record names another Redis, has no beat, or has an earlier one than is known.
 * The swap is one operation, so of several workers that find the same flaw one moves the epoch, and the others find its
 * record good. A look changes nothing but the beat.
 *
 * If Redis knows a later beat than the one that was read, the record is read again before anything is concluded:
 * another worker may have been faster, or the primary that answered is behind. So that read must show Redis' watermark,
 * which was told before the beat. After CHECKS_MAX rounds it counts as failed.
 *
 * Of a cluster, checks and looks are the same, and both may swap: they claim slots (claim.c), which ends no trust in
 * others. The beat is told beside the oldest slot of the shard. If that is on its way to another server, the next one
 * takes its place for this time.
 *
 * It does not decide what may be trusted: trust.c does.
 */
#include "cache/record.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "cache/beat.h"
#include "cache/watermark.h"
#include "redis/slot_map.h"

enum { SWAP_TRIES = 5, CHECKS_MAX = 5, PLACES_MAX = 64 };

struct record {
    const struct cache_options *options;
    void *ctx;
    struct redis *redis;
    record_done_cb done;
    bool is_look; /* not a check */
    unsigned rounds_left, places_left;
    struct beat known; /* the latest beat that this worker, or Redis, has seen */
    bool is_beat_due;  /* this process has written since its last beat */
    bool is_telling;   /* Redis has not answered yet */
    bool job_runs;
    struct pool_job job;
    int64_t read_at_ms;
    struct home place;      /* where Redis was told the beat last: epoch and slot */
    struct slot_set claims; /* of a cluster: what the primary names now */
    /* The job's, while one runs. */
    char run_id[STORE_RUN_ID_MAX + 1];
    struct store_meta meta;
    struct beat job_known;
    struct claim *claim;   /* of a cluster; NULL: one Redis has all slots */
    const char *moved_for; /* NULL: the epoch was not moved */
    int64_t moved_from;
};

static void record_read(struct record *record);
static void record_tell_at(struct record *record, int slot);
static void on_compared(void *ctx, const struct redis_reply *reply);

static void record_run(struct record *record, pool_work_fn work, pool_done_cb done)
{
    record->job_runs = true;
    record->job_known = record->known;
    record->moved_for = NULL;
    record->job = (struct pool_job){.lane = POOL_CARE, .work = work, .done = done};
    pool_run(record->options->pool, &record->job);
}

static void on_marked(void *ctx, const struct redis_reply *reply)
{
    (void)ctx, (void)reply; /* if Redis did not take it, the next look tells it again */
}

/* Of its entries' epoch, be it trusted or not. */
static struct home record_home(const struct record *record)
{
    return (struct home){.redis = record->redis, .epoch = record->place.epoch, .slot = record->place.slot};
}

static void record_tell(struct record *record, redis_reply_cb on_reply)
{
    const struct home home = record_home(record);
    record->is_telling = true;
    watermark_tell(&home, record->options->settings, record->options->store, on_marked, NULL);
    beat_tell(&home, record->options->settings, record->known.number, on_reply, record);
}

/* ---- A beat ---- */

/* pool thread */
static enum status beat_work(struct pool_job *job, struct error *error)
{
    struct record *record = container_of(job, struct record, job);
    const char *run_id = record->claim ? "" : record->run_id; /* of a cluster the slots tell it */
    return beat_move(record->options->store, &record->job_known, run_id, error);
}

static void on_told(void *ctx, const struct redis_reply *reply)
{
    struct record *record = ctx;
    (void)reply; /* if Redis did not take it, the next look tells it again */
    record->is_telling = false;
}

static void on_beat(struct pool_job *job, enum status status, const struct error *error)
{
    struct record *record = container_of(job, struct record, job);
    (void)error;
    record->job_runs = false;
    if (status != STATUS_OK) {
        record->is_beat_due = true; /* at the next look */
        return;
    }
    record->known = record->job_known;
    record_tell(record, on_told);
}

/* A write that ends from now on is due a beat of its own, though this one may cover it. */
static void record_beat(struct record *record)
{
    if (!record->is_beat_due)
        return;
    record->is_beat_due = false;
    record_run(record, beat_work, on_beat);
}

/* ---- Comparing ---- */

static void on_watermark(void *ctx, const struct redis_reply *reply)
{
    struct record *record = ctx;
    record->is_telling = false;
    watermark_heed(record->options->store, reply);
    if (reply)
        record_read(record);
    else
        record->done(record->ctx, RECORD_LOST, NULL);
}

static void record_read_again(struct record *record)
{
    const struct home home = record_home(record);
    record->is_telling = watermark_ask(&home, record->options->store, on_watermark, record);
    if (!record->is_telling)
        record_read(record);
}

/* Of a cluster: the slot's keys are on their way to another server, or are there. */
static bool is_elsewhere(const struct record *record, const struct redis_reply *reply)
{
    const struct redis_peer *peer = redis_peer(record->redis);
    return record->claim && !redis_reply_ok(reply) && redirect_of(redis_reply_text(reply), peer).kind != REDIRECT_NONE;
}

static void on_compared(void *ctx, const struct redis_reply *reply)
{
    struct record *record = ctx;
    int64_t latest;
    record->is_telling = false;
    if (!reply) {
        record->done(record->ctx, RECORD_LOST, NULL);
    } else if (is_elsewhere(record, reply)) {
        record_tell_at(record, claim_next_oldest(record->claim, record->place.slot));
    } else if (!beat_take(reply, &latest)) {
        record->done(record->ctx, RECORD_REFUSED, "it does not tell the store's latest beat");
    } else if (latest <= record->known.number) {
        if (record->is_look)
            record_beat(record);
        record->done(record->ctx, RECORD_GOOD, NULL);
    } else if (record->rounds_left-- > 0) {
        record->known.number = latest;
        record_read_again(record);
    } else {
        record->done(record->ctx, RECORD_FAILED, "others move the store's beat on too fast");
    }
}

/* ---- Of a cluster ---- */

/* pool thread */
static enum status claim_work(struct pool_job *job, struct error *error)
{
    struct record *record = container_of(job, struct record, job);
    return claim_take(record->claim, record->options->store, &record->job_known, &record->meta, error);
}

/* An earlier place is left: if the store brings that record back, its entries are not trusted. */
static void record_tell_at(struct record *record, int slot)
{
    if (slot < 0 || record->places_left-- == 0) {
        record->done(record->ctx, RECORD_FAILED, "none of its slots has the store's beat");
        return;
    }
    record->place = (struct home){.epoch = record->claim->own.of[slot], .slot = slot};
    record_tell(record, on_compared);
}

static void on_claimed(struct record *record)
{
    const struct claim *claim = record->claim;
    const struct home last = record_home(record);
    int slot = claim_next_oldest(claim, -1);
    if (claim->taken_for) {
        stats_add(record->options->stats, STAT_EPOCH_MOVED, 1);
        log_warn(NULL, "epoch_moved", "epoch=%lld run_id=%s reason=\"%s\"", (long long)claim->serial, record->run_id,
                 claim->taken_for);
    }
    if (claim->taken_count > 0)
        log_info(NULL, "slots_claimed", "run_id=%s slots=%zu epoch=%lld", record->run_id, claim->taken_count,
                 (long long)claim->serial);
    record->known = (struct beat){.epoch = record->meta.epoch, .number = record->meta.beat};
    if (slot >= 0 && last.epoch != 0 && claim->own.of[last.slot] != last.epoch)
        beat_leave(&last, record->options->settings);
    if (slot >= 0)
        record_tell_at(record, slot);
    else
        record->done(record->ctx, RECORD_GOOD, NULL); /* it has no slots, so nothing of it is believed */
}

/* ---- A check ---- */

/* Why the epoch must move on; NULL: its entries were filled in this Redis, from this store. */
static const char *record_flaw(const struct record *record)
{
    const struct store_meta *meta = &record->meta;
    if (beat_is_lost(&record->job_known, meta))
        return "the store has gone back to an earlier state";
    if (strcmp(meta->cache_run_id, record->run_id) != 0 && !failpoint_is_on(FAILPOINT_RUN_ID_UNLOOKED))
        return "the entries belong to another Redis";
    return meta->epoch == 0 || meta->beat == 0 ? "the store's record has no beat yet" : NULL;
}

/* The record that takes the place of the one that was read. */
static struct store_meta record_next(const struct record *record)
{
    int64_t last = record->meta.epoch > record->job_known.epoch ? record->meta.epoch : record->job_known.epoch;
    struct store_meta next = {.epoch = serial_next(last, clock_wall_ms())};
    next.beat = next.epoch;
    memcpy(next.cache_run_id, record->run_id, sizeof(next.cache_run_id));
    return next;
}

/* pool thread */
static enum status check_work(struct pool_job *job, struct error *error)
{
    struct record *record = container_of(job, struct record, job);
    struct store *store = record->options->store;
    for (int i = 0; i < SWAP_TRIES; i++) {
        enum status status = store_meta_get(store, &record->meta, error);
        const char *flaw = status == STATUS_OK ? record_flaw(record) : NULL;
        if (!flaw)
            return status;
        bool moved;
        const struct store_meta next = record_next(record);
        status = store_meta_swap(store, &record->meta, &next, &moved, error);
        if (status != STATUS_OK)
            return status;
        if (moved) {
            record->moved_from = record->meta.epoch;
            record->meta = next;
            record->moved_for = flaw;
            return STATUS_OK;
        }
    }
    return error_set(error, STATUS_BUSY, "the epoch was moved on by others %d times in a row", SWAP_TRIES);
}

/* Sent before the worker trusts the new epoch. */
static void leave_epoch(struct record *record, int64_t epoch)
{
    const struct home home = {.redis = record->redis, .epoch = epoch, .slot = HOME_SLOT_NONE};
    if (epoch != 0 && epoch != record->meta.epoch)
        beat_leave(&home, record->options->settings);
}

static void on_checked(struct record *record)
{
    const struct store_meta *meta = &record->meta;
    leave_epoch(record, record->known.epoch);
    if (record->moved_for) {
        if (record->moved_from != record->known.epoch)
            leave_epoch(record, record->moved_from);
        stats_add(record->options->stats, STAT_EPOCH_MOVED, 1);
        log_warn(NULL, "epoch_moved", "epoch=%lld run_id=%s reason=\"%s\"", (long long)meta->epoch, record->run_id,
                 record->moved_for);
    }
    record->known = (struct beat){.epoch = meta->epoch, .number = meta->beat};
    record->place = (struct home){.epoch = meta->epoch, .slot = HOME_SLOT_NONE};
    record_tell(record, on_compared);
}

/* ---- A look ---- */

/* pool thread */
static enum status look_work(struct pool_job *job, struct error *error)
{
    struct record *record = container_of(job, struct record, job);
    return store_meta_get(record->options->store, &record->meta, error);
}

/* A store that has gone back once is not trusted under this epoch again, whatever the check that follows reads. */
static void on_looked(struct record *record)
{
    if (beat_is_lost(&record->known, &record->meta))
        record->known.number = INT64_MAX;
    if (record->meta.epoch != record->known.epoch || record->known.number == INT64_MAX) {
        record->done(record->ctx, RECORD_CHANGED, NULL);
        return;
    }
    record->known.number = record->meta.beat;
    record_tell(record, on_compared);
}

/* ---- Reading ---- */

static void on_read(struct pool_job *job, enum status status, const struct error *error)
{
    struct record *record = container_of(job, struct record, job);
    record->job_runs = false;
    stats_add(record->options->stats, status == STATUS_OK ? STAT_LOOK_OK : STAT_LOOK_FAILED, 1);
    if (status != STATUS_OK)
        record->done(record->ctx, RECORD_FAILED, error->text);
    else if (record->claim)
        on_claimed(record);
    else if (record->is_look)
        on_looked(record);
    else
        on_checked(record);
}

/* Its identity may be another one than when the slots were read last. */
static void record_claim(struct record *record)
{
    struct claim *claim = record->claim;
    if (strcmp(claim->run_id, record->run_id) != 0)
        *claim = (struct claim){0};
    memcpy(claim->run_id, record->run_id, sizeof(claim->run_id));
    claim->claims = record->claims;
    record_run(record, claim_work, on_read);
}

static void record_read(struct record *record)
{
    record->read_at_ms = events_now_ms(record->options->events);
    if (record->claim)
        record_claim(record);
    else
        record_run(record, record->is_look ? look_work : check_work, on_read);
}

static void record_begin(struct record *record, struct redis *redis, bool is_look, record_done_cb done)
{
    bug_unless(!record_is_busy(record), "the record is read twice at once");
    record->redis = redis;
    record->is_look = is_look;
    record->done = done;
    record->rounds_left = CHECKS_MAX;
    record->places_left = PLACES_MAX;
    record_read(record);
}

void record_check(struct record *record, struct redis *redis, const char *run_id, record_done_cb done)
{
    memcpy(record->run_id, run_id, strlen(run_id) + 1);
    record_begin(record, redis, false, done);
}

void record_look(struct record *record, struct redis *redis, record_done_cb done)
{
    record_begin(record, redis, true, done);
}

bool record_is_busy(const struct record *record)
{
    return record->job_runs || record->is_telling;
}

const struct store_meta *record_meta(const struct record *record)
{
    return &record->meta;
}

int64_t record_read_at_ms(const struct record *record)
{
    return record->read_at_ms;
}

void record_note_write(struct record *record)
{
    record->is_beat_due = true;
}

bool record_beat_is_due(const struct record *record)
{
    return record->is_beat_due;
}

void record_set_claims(struct record *record, const struct slot_set *claims)
{
    record->claims = *claims;
}

const struct slot_set *record_claims(const struct record *record)
{
    return &record->claims;
}

const struct slot_epochs *record_own(const struct record *record)
{
    return &record->claim->own;
}

void record_leave(struct record *record, struct redis *closed)
{
    record->redis = closed;
}

struct record *record_new(const struct cache_options *options, bool has_slots, void *ctx)
{
    struct record *record = mem_zalloc(sizeof(*record));
    record->claim = has_slots ? mem_zalloc(sizeof(*record->claim)) : NULL;
    record->options = options;
    record->ctx = ctx;
    return record;
}

void record_free(struct record *record)
{
    bug_unless(!record || !record->job_runs, "the record is freed while a job of its runs");
    if (record)
        free(record->claim);
    free(record);
}
