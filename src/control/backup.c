/* SPDX-License-Identifier: MIT */
/*
 * A copy of the store into a file, and the way back, while workers run.
 *
 *   restore:  {the backup's todos, a purge of caches in front, a new epoch} in one transaction -> NOTICED_MS -> done
 *
 * After a restore the caches hold todos of a future that is lost: in Redis, in the L1, in caches in front. All keys and
 * all values of the L1 have the epoch in them. It moves on in the very transaction that brings the old todos back, so
 * nobody can fill an entry from before under the new epoch, or from after under the old one. Workers look at the epoch
 * each second; until then they may answer what they had. So a restore is done only when all of them must have looked.
 *
 * Caches in front are told to forget all by a record that is due when the workers have noticed (cache/epoch.c).
 *
 * A write that is under way has its fence under the old epoch. It finds the new one after its commit, and leaves an
 * invalidation in the outbox, as after any move (cache/write.c). It is applied to the restored todos.
 *
 * A backup neither waits for Redis nor changes a table: it may run before an upgrade, with the new program.
 */
#include "store/backup.h"

#include <stdlib.h>

#include "base/container.h"
#include "base/mem.h"
#include "control/control.h"

enum { NOTICED_MS = 2000 };

struct backup {
    struct control *control;
    struct pool_job job;
    struct timer *noticed;
    const char *file;
    struct restored *restored; /* NULL: of a backup */
    control_done_cb done;
    void *ctx;
};

static struct backup *backup_of_job(struct pool_job *job)
{
    return container_of(job, struct backup, job);
}

static void backup_end(struct backup *backup, enum status status, const struct error *error)
{
    backup->done(backup->ctx, status, error);
    backup->control->options.events->timer_free(backup->noticed);
    free(backup);
}

static void on_noticed(void *ctx)
{
    struct error none = {0};
    backup_end(ctx, STATUS_OK, &none);
}

static void on_worked(struct pool_job *job, enum status status, const struct error *error)
{
    struct backup *backup = backup_of_job(job);
    if (status == STATUS_OK && backup->restored)
        backup->control->options.events->timer_start(backup->noticed, NOTICED_MS);
    else
        backup_end(backup, status, error);
}

/* ---- Pool thread ---- */

static enum status backup_work(struct pool_job *job, struct error *error)
{
    struct backup *backup = backup_of_job(job);
    return store_backup(backup->control->options.store, backup->file, error);
}

static enum status move_epoch(void *ctx, struct error *error)
{
    struct backup *backup = ctx;
    return cache_move_epoch(backup->control->options.cache, &backup->restored->epoch, error);
}

static enum status restore_work(struct pool_job *job, struct error *error)
{
    struct backup *backup = backup_of_job(job);
    struct store_restore restore = {.file = backup->file, .also = move_epoch, .ctx = backup};
    enum status status = store_restore(backup->control->options.store, &restore, error);
    backup->restored->count = restore.count;
    return status;
}

/* ---- The two commands ---- */

static void backup_begin(struct control *control, struct backup *backup, pool_work_fn work)
{
    const struct events *events = control->options.events;
    backup->control = control;
    backup->noticed = events->timer_new(events->loop, on_noticed, backup);
    backup->job = (struct pool_job){.lane = POOL_CARE, .work = work, .done = on_worked};
    pool_run(control->options.pool, &backup->job);
}

void control_backup(struct control *control, const char *file, control_done_cb done, void *ctx)
{
    struct backup *backup = mem_zalloc(sizeof(*backup));
    *backup = (struct backup){.file = file, .done = done, .ctx = ctx};
    backup_begin(control, backup, backup_work);
}

void control_restore(struct control *control, const char *file, struct restored *restored, control_done_cb done,
                     void *ctx)
{
    struct backup *backup = mem_zalloc(sizeof(*backup));
    *backup = (struct backup){.file = file, .restored = restored, .done = done, .ctx = ctx};
    backup_begin(control, backup, restore_work);
}
