/* SPDX-License-Identifier: MIT */
/*
 * Copies by SQLite's online backup: page by page, of one state, while other processes write.
 *
 * A plain cp would miss what is in the write-ahead log, or take it half. Here the copy is made in one step, so it is
 * one read transaction: writers go on, and the log grows by what they write meanwhile.
 *
 * The copy is checked before it counts: SQLite's own check of all pages, and whether there are todos in it. So a
 * damaged database, or another program's, neither becomes a backup nor is restored. It leaves WAL mode, so it is one
 * file.
 *
 * Not synced while it is made, but once at the end: a copy that a crash cuts short is no copy anyway. Its callers give
 * it its name after that.
 */
#include "store/sqlite_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MODE = 0640, PATH_ROOM = 4096, WAIT_MS = 5000 };

static enum status copy_failed(sqlite3 *db, const char *path, const char *action, struct error *error)
{
    int code = sqlite3_errcode(db) & 0xff;
    bool is_damaged = code == SQLITE_NOTADB || code == SQLITE_CORRUPT;
    enum status status = is_damaged ? STATUS_INVALID : STATUS_UNAVAILABLE;
    error_set(error, status, "%.120s: can't %s: %.60s", path, action, sqlite3_errmsg(db));
    return error_because(error, code == SQLITE_FULL ? CAUSE_FULL : is_damaged ? CAUSE_DAMAGED : CAUSE_NONE, status);
}

/* The whole of sqlite3_backup, in one step: several would each begin anew after another process' write. */
static enum status copy_pages(sqlite3 *from, sqlite3 *to, const char *path, struct error *error)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    if (backup)
        sqlite3_backup_step(backup, -1);
    if (backup && sqlite3_backup_finish(backup) == SQLITE_OK)
        return STATUS_OK;
    return copy_failed(to, path, "copy it", error);
}

/* The text of the first row's first column; "": there is none. */
static void ask(sqlite3 *db, const char *sql, char *text, size_t size_bytes)
{
    sqlite3_stmt *statement = NULL;
    text[0] = '\0';
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
        snprintf(text, size_bytes, "%s", (const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
}

static enum status copy_check(sqlite3 *db, const char *from, struct error *error)
{
    char text[64];
    ask(db, "PRAGMA quick_check(1)", text, sizeof(text));
    if (strcmp(text, "ok") != 0) {
        error_set(error, STATUS_INVALID, "%.120s is damaged: SQLite's quick_check finds errors in it", from);
        return error_because(error, CAUSE_DAMAGED, STATUS_INVALID);
    }
    ask(db, "SELECT count(*) FROM sqlite_schema WHERE name IN ('todos', 'outbox', 'meta')", text, sizeof(text));
    if (strcmp(text, "3") != 0)
        return error_set(error, STATUS_INVALID, "%.120s has no todos: it is another program's file", from);
    return STATUS_OK;
}

static enum status copy_into(sqlite3 *from, sqlite3 *to, const char *from_path, const char *to_path,
                             struct error *error)
{
    if (sqlite3_exec(to, "PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF", NULL, NULL, NULL) != SQLITE_OK)
        return copy_failed(to, to_path, "write it", error);
    enum status status = copy_pages(from, to, from_path, error);
    if (status == STATUS_OK)
        status = copy_check(to, from_path, error);
    if (status == STATUS_OK && sqlite3_exec(to, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL) != SQLITE_OK)
        status = copy_failed(to, to_path, "finish it", error);
    return status;
}

static enum status copy_open(const char *path, int flags, sqlite3 **db, struct error *error)
{
    int code = sqlite3_open_v2(path, db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (code != SQLITE_OK)
        return copy_failed(*db, path, "open it", error);
    sqlite3_busy_timeout(*db, WAIT_MS);
    return STATUS_OK;
}

static void remove_beside(const char *path)
{
    static const char *const suffixes[] = {"-wal", "-shm", "-journal", "-turn"};
    char name[PATH_ROOM];
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
        unlink(name);
    }
}

static enum status file_failed(const char *path, const char *action, struct error *error)
{
    int code = errno;
    error_set(error, STATUS_UNAVAILABLE, "%.120s: can't %s: %s", path, action, strerror(code));
    return error_because(error, code == ENOSPC ? CAUSE_FULL : CAUSE_NONE, STATUS_UNAVAILABLE);
}

static bool path_is_fd(const char *path, int fd)
{
    struct stat by_path, by_fd;
    return stat(path, &by_path) == 0 && fstat(fd, &by_fd) == 0 && by_path.st_dev == by_fd.st_dev &&
           by_path.st_ino == by_fd.st_ino;
}

/*
 * With the mode of the store's own files: it has the same todos. The lock is not of the kind that SQLite takes, so
 * neither drops the other. The file may have got its name, and lost this one, just before we had the lock.
 */
static enum status file_make(const char *path, int *lock_fd, struct error *error)
{
    *lock_fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (*lock_fd < 0)
        return file_failed(path, "make it", error);
    if (flock(*lock_fd, LOCK_EX | LOCK_NB) != 0 || !path_is_fd(path, *lock_fd))
        return error_set(error, STATUS_BUSY, "%.150s: another process is making it", path);
    remove_beside(path);
    return ftruncate(*lock_fd, 0) == 0 ? STATUS_OK : file_failed(path, "empty it", error);
}

static enum status file_sync(const char *path, struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool is_synced = fd >= 0 && fsync(fd) == 0;
    enum status status = is_synced ? STATUS_OK : file_failed(path, "sync it", error);
    if (fd >= 0)
        close(fd);
    return status;
}

void sqlite_copy_remove(const char *path)
{
    remove_beside(path);
    unlink(path);
}

enum status sqlite_copy(const char *from_path, const char *to_path, int *lock_fd, struct error *error)
{
    sqlite3 *from = NULL, *to = NULL;
    *lock_fd = -1;
    enum status status = copy_open(from_path, SQLITE_OPEN_READONLY, &from, error);
    if (status == STATUS_OK)
        status = file_make(to_path, lock_fd, error);
    if (status == STATUS_OK)
        status = copy_open(to_path, SQLITE_OPEN_READWRITE, &to, error);
    if (status == STATUS_OK)
        status = copy_into(from, to, from_path, to_path, error);
    bool is_begun = to != NULL;
    sqlite3_close(to);
    sqlite3_close(from);
    if (status == STATUS_OK)
        status = file_sync(to_path, error);
    if (status != STATUS_OK && is_begun)
        sqlite_copy_remove(to_path);
    return status;
}
