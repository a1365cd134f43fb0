/* SPDX-License-Identifier: MIT */
/*
 * One SQLite file, shared by all workers and the loader: calls and their connections, statements, transactions, and
 * what the errors of sqlite mean. This file, sqlite_file.c, which opens it, and sqlite_copy.c see sqlite3; the store's
 * operations stand on it (sqlite_store.c and others).
 *
 * A call takes a connection off the shelf of its lane, waits for it at most until its deadline, and puts it back. Every
 * wait of the call ends then; only a system call on a disk that hangs can't be cut short. Statements are prepared once
 * per connection.
 *
 * Every write is BEGIN IMMEDIATE .. COMMIT (sqlite_transaction.c). The lock between processes is taken at the start,
 * where waiting does no harm, by turns (sqlite_turn.c). Only the COMMIT can end in doubt; it stands alone, and
 * sqlite_commit() reads its errors.
 */
#include "store/sqlite.h"

#include <sqlite3.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/log.h"
#include "store/sqlite_connection.h"

/* What sqlite_share() has set. */
static _Thread_local struct sqlite_connection *shared;

/* What an error means and what a person can do about it, by sqlite's primary code. */
static const struct reason {
    int code;
    enum cause cause;
    const char *advice;
} REASONS[] = {
    {SQLITE_BUSY, CAUSE_NONE, "another process holds its lock; is a long job running?"},
    {SQLITE_LOCKED, CAUSE_NONE, "another process holds its lock; is a long job running?"},
    {SQLITE_CANTOPEN, CAUSE_RIGHTS, "does the folder exist, and may this user write there?"},
    {SQLITE_READONLY, CAUSE_RIGHTS, "this user must be able to write the file and its folder"},
    {SQLITE_PERM, CAUSE_RIGHTS, "this user must be able to write the file and its folder"},
    {SQLITE_FULL, CAUSE_FULL, "free some disk space"},
    {SQLITE_IOERR, CAUSE_NONE, "check the disk and the kernel's log"},
    {SQLITE_CORRUPT, CAUSE_DAMAGED, "the file is damaged or no database: restore it from a backup"},
    {SQLITE_NOTADB, CAUSE_DAMAGED, "the file is damaged or no database: restore it from a backup"},
    {SQLITE_INTERRUPT, CAUSE_NONE, "it took longer than a store call may"},
    {SQLITE_CONSTRAINT, CAUSE_RULE, "refused by the table's rules"},
    {SQLITE_MISMATCH, CAUSE_RULE, "refused by the table's rules"},
};

static const struct reason *reason_of(int code)
{
    static const struct reason unexpected = {.advice = "not expected here"};
    for (size_t i = 0; i < sizeof(REASONS) / sizeof(REASONS[0]); i++)
        if (REASONS[i].code == code)
            return &REASONS[i];
    return &unexpected;
}

enum status sqlite_failed(struct sqlite_connection *connection, const char *action, struct error *error)
{
    int code = sqlite3_errcode(connection->db) & 0xff;
    enum status status = code == SQLITE_CONSTRAINT || code == SQLITE_MISMATCH ? STATUS_INVALID : STATUS_UNAVAILABLE;
    error_set(error, status, "sqlite:%.60s: can't %s: %.60s (%s)", connection->file->path, action,
              sqlite3_errmsg(connection->db), reason_of(code)->advice);
    return error_because(error, reason_of(code)->cause, status);
}

/*
 * A COMMIT that found a lock has done nothing and is rolled back. After any other error the pages may be in the WAL as
 * a whole, and only their sync is in doubt: the process that recovers the file next may find them valid. That holds for
 * a full disk too (SQLITE_FULL): the frames behind the one that commits fill up a sector.
 */
bool sqlite_commit_is_void(int code)
{
    return (code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED;
}

enum status sqlite_commit(struct sqlite_connection *connection, struct error *error)
{
    sqlite_use(connection, SQL_COMMIT);
    if (sqlite_run(connection))
        return STATUS_OK;
    int code = sqlite3_errcode(connection->db) & 0xff;
    if (sqlite_commit_is_void(code))
        return sqlite_failed(connection, "commit", error);
    error_set(error, STATUS_UNKNOWN, "sqlite:%.60s: the commit's outcome is not known: %.60s (%s)",
              connection->file->path, sqlite3_errmsg(connection->db), reason_of(code)->advice);
    return error_because(error, reason_of(code)->cause, STATUS_UNKNOWN);
}

static void on_turn_late(void *ctx)
{
    sqlite_lock_look(ctx);
}

/* Of a call to write that could not begin: the process that holds the lock, if that is the reason. */
static enum status lock_refused(struct sqlite_file *file, int64_t begun_ms, struct error *error)
{
    char text[128];
    if (!sqlite_lock_refused(&file->lock, begun_ms, text, sizeof(text)))
        return STATUS_OK;
    return error_set(error, STATUS_UNAVAILABLE, "sqlite:%.60s: can't begin to write: %s", file->path, text);
}

enum status sqlite_take_since(struct sqlite_file *file, enum sqlite_lane lane, int64_t begun_ms,
                              struct sqlite_connection **connection, struct error *error)
{
    enum status status = sqlite_file_open(file, error);
    if (status)
        return status;
    int64_t deadline_ms = begun_ms + file->timeout_ms;
    struct shelved *item = shelf_take(&file->shelves[lane], deadline_ms);
    if (!item) {
        status = lane == LANE_WRITE ? lock_refused(file, begun_ms, error) : STATUS_OK;
        if (status)
            return status;
        return error_set(error, STATUS_BUSY, "sqlite:%.60s: its connections were all in use for %u ms", file->path,
                         (unsigned)file->timeout_ms);
    }
    *connection = container_of(item, struct sqlite_connection, shelved);
    (*connection)->begun_ms = begun_ms;
    (*connection)->deadline_ms = deadline_ms;
    if (!sqlite_has_moved(*connection))
        return STATUS_OK;
    shelf_put(&file->shelves[lane], item);
    return error_set(error, STATUS_UNAVAILABLE,
                     "sqlite:%.60s: somebody has removed or replaced this file: put it back, or restart the workers",
                     file->path);
}

struct sqlite_connection *sqlite_share(struct sqlite_connection *connection)
{
    struct sqlite_connection *before = shared;
    shared = connection;
    return before;
}

bool sqlite_is_shared(const struct sqlite_connection *connection)
{
    return connection == shared;
}

void sqlite_take_time(struct sqlite_connection *connection)
{
    connection->deadline_ms = INT64_MAX;
}

enum status sqlite_take(struct sqlite_file *file, enum sqlite_lane lane, struct sqlite_connection **connection,
                        struct error *error)
{
    int64_t now_ms = clock_monotonic_ms();
    if (!shared || shared->file != file)
        return sqlite_take_since(file, lane, now_ms, connection, error);
    shared->deadline_ms = now_ms + file->timeout_ms;
    *connection = shared;
    return STATUS_OK;
}

void sqlite_give_back(struct sqlite_connection *connection)
{
    sqlite3_reset(connection->current);
    connection->current = NULL;
    if (!sqlite_is_shared(connection))
        shelf_put(connection->shelf, &connection->shelved);
}

void sqlite_use(struct sqlite_connection *connection, enum sqlite_sql sql)
{
    sqlite3_stmt **statement = &connection->statements[sql];
    sqlite3_reset(connection->current);
    if (!*statement)
        sqlite3_prepare_v3(connection->db, SQLITE_SQL[sql], -1, SQLITE_PREPARE_PERSISTENT, statement, NULL);
    connection->current = *statement;
}

void sqlite_bind_text(struct sqlite_connection *connection, int at, struct slice text)
{
    if (connection->current)
        sqlite3_bind_text(connection->current, at, text.data ? text.data : "", (int)text.len, SQLITE_STATIC);
}

void sqlite_bind_int(struct sqlite_connection *connection, int at, int64_t value)
{
    if (connection->current)
        sqlite3_bind_int64(connection->current, at, value);
}

enum sqlite_step sqlite_step(struct sqlite_connection *connection)
{
    int code = connection->current ? sqlite3_step(connection->current) : SQLITE_ERROR;
    return code == SQLITE_ROW ? STEP_ROW : code == SQLITE_DONE ? STEP_DONE : STEP_FAILED;
}

struct slice sqlite_column_text(struct sqlite_connection *connection, int at)
{
    const char *text = (const char *)sqlite3_column_text(connection->current, at);
    return (struct slice){.data = text ? text : "", .len = (size_t)sqlite3_column_bytes(connection->current, at)};
}

int64_t sqlite_column_int(struct sqlite_connection *connection, int at)
{
    return sqlite3_column_int64(connection->current, at);
}

bool sqlite_run(struct sqlite_connection *connection)
{
    bool done = sqlite_step(connection) == STEP_DONE;
    sqlite3_reset(connection->current);
    return done;
}

int sqlite_change_count(struct sqlite_connection *connection)
{
    return sqlite3_changes(connection->db);
}

enum status sqlite_begin(struct sqlite_connection *connection, struct error *error)
{
    struct sqlite_file *file = connection->file;
    sqlite_turn_take(&file->turn, connection->deadline_ms, on_turn_late, &file->lock);
    sqlite_use(connection, SQL_BEGIN);
    if (sqlite_run(connection)) {
        sqlite_lock_taken(&file->lock);
        return STATUS_OK;
    }
    enum status locked = lock_refused(file, connection->begun_ms, error);
    enum status status = locked ? locked : sqlite_failed(connection, "begin to write", error);
    sqlite_turn_give(&file->turn);
    return status;
}

bool sqlite_is_begun(const struct sqlite_connection *connection)
{
    return !sqlite3_get_autocommit(connection->db);
}

void sqlite_end(struct sqlite_connection *connection)
{
    if (sqlite_is_begun(connection)) {
        sqlite_use(connection, SQL_ROLLBACK);
        if (!sqlite_run(connection))
            log_error(NULL, "sqlite_rollback_failed", "error=\"%s\"", sqlite3_errmsg(connection->db));
    }
    sqlite_turn_give(&connection->file->turn);
}
