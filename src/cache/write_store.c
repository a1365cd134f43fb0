/* SPDX-License-Identifier: MIT */
/*
 * What a write does on a pool thread, where it may block.
 *
 *   fenced     [purge records] -> the store call -> has the epoch moved on? -> closed record
 *   by_record  open record -> [purge records] -> the store call -> closed record
 *   record     closed record
 *
 * Records come before what they are about: an open record before the store call, and the purges of caches in front as
 * well. So a worker that is killed at any moment leaves a record that another worker finds (drain.c,
 * cdn/purge_record.c).
 *
 * Overtaken: a worker learns up to a second late that the epoch has moved on (an operator's purge, another Redis while
 * its own still answers). Then its fence stands where other workers no longer look. So each fenced write asks the store
 * for the epoch after its commit; if it is another one, a closed record takes the invalidation to where they look.
 *
 * Of a store with groups (SQLite) all of a write's steps are one transaction, which the pool commits together with
 * others. So records are there with the write, or neither is; and the look at the epoch, though it comes before the
 * commit, holds until after it: the group has the store's lock, without which nobody moves the epoch.
 *
 * Late: a write that waited in the pool's queue for so long that its mark may pass its deadline before the store is
 * done is not begun. A mark must outlast the last moment at which the store may still apply the write
 * (write_deadline_ms, store_timeout_ms).
 *
 * It does not talk to Redis: write.c does, before and after.
 */
#include "cache/write_store.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/mem.h"

/* The mark must not pass its deadline while the store may still work on the write. */
static bool has_time_left(const struct write_store *self)
{
    const struct settings *settings = self->options->settings;
    int64_t waited_ms = clock_wall_ms() - self->begun_at_ms;
    return waited_ms >= 0 && waited_ms + 2 * settings->store_timeout_ms < settings->write_deadline_ms;
}

struct purge_write write_store_purges(const struct write_store *self)
{
    return (struct purge_write){.token = &self->token,
                                .ids = self->ids,
                                .id_count = self->id_count,
                                .last_at_ms = self->begun_at_ms + self->options->settings->write_deadline_ms};
}

/* A failed record means that nothing of the write itself was begun. */
static enum status not_begun(enum status status)
{
    return status == STATUS_UNKNOWN ? STATUS_UNAVAILABLE : status;
}

/* The purges are recorded before there is anything to purge. */
static enum status record_purges(struct write_store *self, struct error *error)
{
    struct purge_write purges = write_store_purges(self);
    enum status status = purger_record(self->purger, &purges, error);
    if (status == STATUS_OK)
        self->has_purges = true;
    return not_begun(status);
}

static enum status store_work(struct write_store *self, struct error *error)
{
    enum status recorded = self->purger ? record_purges(self, error) : STATUS_OK;
    if (recorded != STATUS_OK)
        return recorded;
    if (!has_time_left(self))
        return error_set(error, STATUS_BUSY, "the write waited too long for the store; nothing was written, try again");
    failpoint_pass(FAILPOINT_WRITE_AFTER_FENCE);
    enum status status = self->work(self->ctx, self->options->store, error);
    failpoint_pass(FAILPOINT_WRITE_AFTER_COMMIT);
    return status;
}

/*
 * Whether the store may hold something new. A refusal of one todo is certain; that of a batch may be about a part of
 * it.
 */
bool write_store_may_have_written(const struct write_store *self, enum status status)
{
    return status == STATUS_OK || status == STATUS_UNKNOWN || self->id_count > 1;
}

enum purge_outcome write_store_purge_outcome(const struct write_store *self, enum status status)
{
    if (status == STATUS_OK)
        return self->fence == FENCE_LIFTED ? PURGE_WRITTEN : PURGE_DOUBT;
    return write_store_may_have_written(self, status) ? PURGE_DOUBT : PURGE_NOTHING;
}

void write_store_count(const struct write_store *self, enum status status)
{
    enum stat_counter stat = STAT_STORE_WRITE_REFUSED;
    if (status == STATUS_OK)
        stat = STAT_STORE_WRITE_OK;
    else if (status == STATUS_UNKNOWN)
        stat = STAT_STORE_WRITE_UNKNOWN;
    else if (status == STATUS_BUSY || status == STATUS_UNAVAILABLE)
        stat = STAT_STORE_WRITE_FAILED;
    stats_add(self->options->stats, stat, 1);
}

static enum status outbox_put(const struct write_store *self, bool is_closed, struct error *error)
{
    int64_t deadline_at_ms = self->begun_at_ms + self->options->settings->write_deadline_ms;
    struct store_fence *fences = mem_zalloc(self->id_count * sizeof(*fences));
    for (size_t i = 0; i < self->id_count; i++) {
        fences[i] =
            (struct store_fence){.token = self->token, .deadline_at_ms = deadline_at_ms, .is_closed = is_closed};
        memcpy(fences[i].id, self->ids[i], strlen(self->ids[i]) + 1);
    }
    enum status status = store_outbox_put(self->options->store, fences, self->id_count, error);
    free(fences);
    return status;
}

/* If the store does not tell, the epoch counts as moved. */
static bool epoch_has_moved(struct write_store *self)
{
    struct store_meta meta;
    struct error error;
    if (failpoint_is_on(FAILPOINT_EPOCH_UNLOOKED))
        return false;
    if (store_meta_get(self->options->store, &meta, &error) != STATUS_OK)
        return true;
    self->moved_to = meta.epoch != self->serial ? meta.epoch : 0;
    return self->moved_to != 0;
}

/*
 * Workers already on a newer epoch did not see this fence and may have cached the old value: a record tells them. If
 * the epoch moves after this look, workers fill under the new one only what they read after this commit. If the store
 * left the outcome open, it is not asked again: the write then counts as one whose mark is lost, and the entry's
 * lifetime bounds the staleness.
 */
static enum status fenced_work(struct pool_job *job, struct error *error)
{
    struct write_store *self = container_of(job, struct write_store, job);
    enum status status = store_work(self, error);
    if (status != STATUS_UNKNOWN && write_store_may_have_written(self, status) && epoch_has_moved(self)) {
        struct error not_recorded;
        self->fence = outbox_put(self, true, &not_recorded) == STATUS_OK ? FENCE_IN_OUTBOX : FENCE_NOWHERE;
    }
    return status;
}

/*
 * Redis is away: an open record, the write, the record closed. If the last fails, it counts as closed at its deadline.
 * If that deadline is over or close (the worker was frozen), another worker may have drained the record before the
 * commit: then it is no fence any more.
 */
static enum status by_record_work(struct pool_job *job, struct error *error)
{
    struct write_store *self = container_of(job, struct write_store, job);
    enum status put = outbox_put(self, false, error);
    if (put != STATUS_OK)
        return not_begun(put);
    self->fence = FENCE_IN_OUTBOX;
    enum status status = store_work(self, error);
    struct error left_open;
    if (status != STATUS_UNKNOWN && outbox_put(self, true, &left_open) != STATUS_OK) {
        self->fence = has_time_left(self) ? FENCE_IN_OUTBOX : FENCE_NOWHERE;
        log_warn(NULL, "outbox_not_closed", "token=%s error=\"%s\"", self->token.text, left_open.text);
    }
    return status;
}

/* pool thread */
static enum status record_work(struct pool_job *job, struct error *error)
{
    return outbox_put(container_of(job, struct write_store, job), true, error);
}

/* ---- On the loop ---- */

static void write_store_run(struct write_store *self, enum pool_lane lane, pool_work_fn work, pool_done_cb done)
{
    self->job = (struct pool_job){.lane = lane, .work = work, .done = done};
    pool_run(self->options->pool, &self->job);
}

void write_store_fenced(struct write_store *self, pool_done_cb done)
{
    write_store_run(self, POOL_WRITE, fenced_work, done);
}

void write_store_by_record(struct write_store *self, pool_done_cb done)
{
    write_store_run(self, POOL_WRITE, by_record_work, done);
}

/* A queue full of writes turns no invalidation away: the store is asked in the lane of looks and drains then. */
static void on_recorded(struct pool_job *job, enum status status, const struct error *error)
{
    struct write_store *self = container_of(job, struct write_store, job);
    if (status == STATUS_BUSY)
        write_store_run(self, POOL_CARE, record_work, self->on_recorded);
    else
        self->on_recorded(job, status, error);
}

void write_store_record(struct write_store *self, pool_done_cb done)
{
    self->on_recorded = done;
    write_store_run(self, POOL_WRITE, record_work, on_recorded);
}
