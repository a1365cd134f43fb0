/* SPDX-License-Identifier: MIT */
/*
 * Backup and restore of the embedded store.
 *
 *   backup:   database -> FILE.part (sqlite_copy.c) -> FILE
 *   restore:  FILE -> database-restore -> today's tables, new lives -> one transaction on the database
 *
 * Each ends with one atomic step: a rename, a commit. If the disk is full before that, or the process is killed, what
 * was there is as it was; the next run removes what the last one left.
 *
 * A restore is a write like others: workers go on, and readers see the state before it or the one after it, never a
 * mixture. It takes over todos and kept answers only. Epoch, beat and slots, outbox and purges tell of the caches as
 * they are today, and bookmarks of the queue's journal; with those of the backup, entries that are in Redis now would
 * count as right again. The caller moves the epoch on in the same transaction. So no worker can see the restored todos
 * under the epoch of older entries.
 *
 * New lives. A backup has todo 42 at version 2; after it came versions 3 and 4. Restored, the next write makes another
 * version 3, which a client's If-Match of the lost one would take for its own. So every life gets another name: the
 * same number is added to all, of todos and of kept answers, because an answer finds its todo by the life.
 *
 * The copy beside the database may be old: opened as a store, it gets today's tables by the usual steps. A newer one is
 * refused, as the usual file is.
 *
 * It does not lock the workers out. Their writes wait while the transaction runs, for store_timeout_ms at most.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "store/sqlite_copy.h"
#include "store/sqlite_store.h"

enum { PATH_ROOM = 4096, STAGED_TIMEOUT_MS = 60000 };

/* ---- Backup ---- */

/* A rename is on the disk when its folder is. */
static void folder_sync(const char *file)
{
    char folder[PATH_ROOM];
    snprintf(folder, sizeof(folder), "%s", file);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

/* A log beside the file would count as the backup's, whatever is in it. */
static enum status target_check(const char *database, const char *file, struct error *error)
{
    char log[PATH_ROOM];
    struct stat ours, there;
    snprintf(log, sizeof(log), "%s-wal", file);
    if (stat(database, &ours) == 0 && stat(file, &there) == 0 && ours.st_dev == there.st_dev &&
        ours.st_ino == there.st_ino)
        return error_set(error, STATUS_INVALID, "%.150s is the database itself", file);
    if (access(log, F_OK) == 0)
        return error_set(error, STATUS_INVALID, "%.150s is there: a program uses the file as a database, or did", log);
    return STATUS_OK;
}

enum status sqlite_backup(struct store *store, const char *file, struct error *error)
{
    char part[PATH_ROOM];
    int lock_fd;
    enum status status = target_check(store->ops->place(store), file, error);
    if (status != STATUS_OK)
        return status;
    snprintf(part, sizeof(part), "%s.part", file);
    status = sqlite_copy(store->ops->place(store), part, &lock_fd, error);
    if (status == STATUS_OK && rename(part, file) != 0) {
        status =
            error_set(error, STATUS_UNAVAILABLE, "%.150s: can't give the backup this name: %s", file, strerror(errno));
        sqlite_copy_remove(part);
    }
    if (status == STATUS_OK)
        folder_sync(file);
    if (lock_fd >= 0)
        close(lock_fd);
    return status;
}

/* ---- Restore: the copy beside the database ---- */

static enum status staged_upgrade(const char *staged, struct error *error)
{
    struct store *store;
    char uri[PATH_ROOM + sizeof("sqlite:")];
    snprintf(uri, sizeof(uri), "sqlite:%s", staged);
    struct store_options options = {.uri = uri, .timeout_ms = STAGED_TIMEOUT_MS, .concurrency = 1};
    enum status status = store_open(&store, &options, error);
    if (status == STATUS_OK)
        status = store_prepare(store, error);
    store_close(store);
    return status;
}

static enum status run(struct sqlite_connection *connection, enum sqlite_sql sql, struct error *error)
{
    sqlite_take_time(connection);
    sqlite_use(connection, sql);
    return sqlite_run(connection) ? STATUS_OK : sqlite_failed(connection, "restore", error);
}

static enum status run_lives(struct sqlite_connection *connection, enum sqlite_sql sql, int64_t step,
                             struct error *error)
{
    sqlite_use(connection, sql);
    sqlite_bind_int(connection, 1, LIFE_LEAST);
    sqlite_bind_int(connection, 2, step);
    return sqlite_run(connection) ? STATUS_OK : sqlite_failed(connection, "name the restored lives", error);
}

static enum status staged_attach(struct sqlite_file *file, const char *staged, struct error *error)
{
    struct sqlite_connection *connection;
    int64_t step = life_new();
    enum status status = sqlite_take(file, LANE_WRITE, &connection, error);
    if (status != STATUS_OK)
        return status;
    sqlite_take_time(connection);
    sqlite_use(connection, SQL_RESTORE_ATTACH);
    sqlite_bind_text(connection, 1, slice_of(staged));
    if (!sqlite_run(connection))
        status = sqlite_failed(connection, "open the copy of the backup", error);
    if (status == STATUS_OK)
        status = run_lives(connection, SQL_RESTORE_TODO_LIVES, step, error);
    if (status == STATUS_OK)
        status = run_lives(connection, SQL_RESTORE_ANSWER_LIVES, step, error);
    sqlite_give_back(connection);
    return status;
}

static void staged_detach(struct sqlite_file *file)
{
    struct sqlite_connection *connection;
    struct error ignored;
    if (sqlite_take(file, LANE_WRITE, &connection, &ignored) != STATUS_OK)
        return;
    (void)run(connection, SQL_RESTORE_DETACH, &ignored);
    sqlite_give_back(connection);
}

/* ---- Restore: the transaction ---- */

static enum status restore_body(struct sqlite_connection *connection, void *ctx, struct error *error)
{
    static const enum sqlite_sql steps[] = {SQL_RESTORE_CLEAR_ANSWERS, SQL_RESTORE_ANSWERS, SQL_RESTORE_CLEAR_TODOS,
                                            SQL_RESTORE_TODOS};
    struct store_restore *restore = ctx;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && status == STATUS_OK; i++)
        status = run(connection, steps[i], error);
    restore->count = sqlite_change_count(connection);
    return status;
}

static enum status restore_as_group(struct store *store, struct store_restore *restore, struct error *error)
{
    enum status status = sqlite_group_begin(store, clock_monotonic_ms(), error);
    if (status != STATUS_OK)
        return status;
    status = sqlite_transact(sqlite_file_of(store), restore_body, restore, error);
    if (status == STATUS_OK)
        status = restore->also(restore->ctx, error);
    if (status == STATUS_OK)
        return sqlite_group_end(store, error);
    sqlite_group_drop();
    return status;
}

static enum status restore_staged(struct store *store, const char *staged, struct store_restore *restore,
                                  struct error *error)
{
    struct sqlite_file *file = sqlite_file_of(store);
    enum status status = staged_upgrade(staged, error);
    if (status != STATUS_OK)
        return status;
    status = staged_attach(file, staged, error);
    if (status == STATUS_OK)
        status = restore_as_group(store, restore, error);
    staged_detach(file);
    return status;
}

enum status sqlite_restore(struct store *store, struct store_restore *restore, struct error *error)
{
    char staged[PATH_ROOM];
    int lock_fd;
    snprintf(staged, sizeof(staged), "%s-restore", store->ops->place(store));
    enum status status = sqlite_copy(restore->file, staged, &lock_fd, error);
    if (status == STATUS_OK) {
        status = restore_staged(store, staged, restore, error);
        sqlite_copy_remove(staged);
    }
    if (lock_fd >= 0)
        close(lock_fd);
    return status;
}
