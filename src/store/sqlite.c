/* SPDX-License-Identifier: MIT */
/*
 * One SQLite file, shared by all workers and the loader: connections, statements, transactions, and what the errors of
 * sqlite mean. This file and sqlite_copy.c see sqlite3; the store's operations stand on it (sqlite_store.c and others).
 *
 * The file is in WAL mode with synchronous=FULL: readers never wait for the writer, and a commit has been synced to
 * disk. A process has one connection that writes and a shelf of connections that read. A call takes one off its shelf,
 * waits for it at most until its deadline, and puts it back. Statements are prepared once per connection.
 *
 * Every write is BEGIN IMMEDIATE .. COMMIT (sqlite_transaction.c). The lock between processes is taken at the start,
 * where waiting does no harm, by turns (sqlite_turn.c). Only the COMMIT can end in doubt; it stands alone, and
 * sqlite_commit() reads its errors.
 *
 * Every wait ends at the deadline of the call: the shelf's by a timed wait, another process' lock by the busy handler,
 * the work of a statement by the progress handler. Only a system call on a disk that hangs can't be cut short.
 *
 * The first call that needs the file opens it, and if that fails the next call tries again: a disk that is mounted late
 * is a store that is away for a while. Several processes may open a new file at once. mknod() makes it, because that
 * needs no descriptor: closing one would drop the locks of this process on the file (fcntl(2)). The first process that
 * gets the write lock makes the tables.
 *
 * It does not work on network file systems: WAL needs memory that all its users share.
 */
#include "store/sqlite.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/file_owner.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/sqlite_lock.h"
#include "store/sqlite_shelf.h"
#include "store/sqlite_turn.h"

enum {
    PROGRESS_STEPS = 1000, /* virtual machine steps between two looks at the clock */
    LOCK_RETRY_MS = 5,     /* longest pause between two tries for another process' lock */
    FILE_MODE = 0640,      /* the WAL and its index get the same from sqlite */
};

/*
 * The WAL is copied back every 4 MB, and truncated after a large batch. The cache bounds the loader's memory. CHECKs
 * are for others (sqlite_todo.c). What a failed statement takes back is in memory: a file would double a load's time.
 */
static const char WRITER_PRAGMAS[] =
    "PRAGMA synchronous = FULL; PRAGMA cache_size = -16384; PRAGMA ignore_check_constraints = ON;"
    "PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = 16777216; PRAGMA temp_store = MEMORY;";
static const char READER_PRAGMAS[] = "PRAGMA query_only = ON; PRAGMA cache_size = -2048;";

struct sqlite_connection {
    struct shelved shelved;
    sqlite3 *db;
    struct sqlite_file *file;
    struct shelf *shelf;
    int64_t begun_ms;      /* of the call under way; monotonic */
    int64_t deadline_ms;   /* when it must have ended */
    sqlite3_stmt *current; /* what sqlite_use() chose; NULL: it could not be prepared */
    sqlite3_stmt *statements[SQL_COUNT];
};

struct sqlite_file {
    char *path;
    uint32_t timeout_ms;
    uint32_t reader_count;
    struct sqlite_lock lock;
    struct sqlite_turn turn;
    pthread_mutex_t opening; /* guards the next two */
    bool is_open;
    struct shelf shelves[2]; /* by lane */
    size_t connection_count;
    struct sqlite_connection connections[]; /* the first one writes */
};

/* What sqlite_share() has set. */
static _Thread_local struct sqlite_connection *shared;

static void sleep_ms(int64_t pause_ms)
{
    struct timespec pause = {.tv_nsec = pause_ms * 1000000};
    nanosleep(&pause, NULL);
}

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

static bool is_writer(const struct sqlite_connection *connection)
{
    return connection->shelf == &connection->file->shelves[LANE_WRITE];
}

static int on_busy(void *ctx, int tries)
{
    struct sqlite_connection *connection = ctx;
    if (is_writer(connection))
        sqlite_lock_look(&connection->file->lock);
    if (clock_monotonic_ms() >= connection->deadline_ms)
        return 0;
    sleep_ms(tries < LOCK_RETRY_MS ? tries + 1 : LOCK_RETRY_MS);
    return 1;
}

static int on_progress(void *ctx)
{
    struct sqlite_connection *connection = ctx;
    return clock_monotonic_ms() >= connection->deadline_ms;
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

static enum status file_ensure_open(struct sqlite_file *file, struct error *error);

enum status sqlite_take_since(struct sqlite_file *file, enum sqlite_lane lane, int64_t begun_ms,
                              struct sqlite_connection **connection, struct error *error)
{
    enum status status = file_ensure_open(file, error);
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
    return STATUS_OK;
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

static enum status connection_open(struct sqlite_connection *connection, const char *pragmas, struct error *error)
{
    /* A connection has one user at a time, so sqlite need not lock its mutexes. */
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int code = sqlite3_open_v2(connection->file->path, &connection->db, flags, NULL);
    bug_unless(connection->db, "sqlite has no memory for a connection");
    connection->begun_ms = clock_monotonic_ms();
    connection->deadline_ms = connection->begun_ms + connection->file->timeout_ms;
    sqlite3_busy_handler(connection->db, on_busy, connection);
    sqlite3_progress_handler(connection->db, PROGRESS_STEPS, on_progress, connection);
    if (code != SQLITE_OK || sqlite3_exec(connection->db, pragmas, NULL, NULL, NULL) != SQLITE_OK)
        return sqlite_failed(connection, "open it", error);
    return STATUS_OK;
}

static void connection_close(struct sqlite_connection *connection)
{
    for (size_t i = 0; i < SQL_COUNT; i++)
        sqlite3_finalize(connection->statements[i]);
    int code = sqlite3_close(connection->db);
    bug_unless(code == SQLITE_OK, "a connection was closed under a statement");
}

/* Two processes that switch a new file to WAL at once don't wait for each other in sqlite; so they wait here. */
static enum status wal_enable(struct sqlite_connection *connection, struct error *error)
{
    int code;
    for (;;) {
        sqlite_use(connection, SQL_WAL);
        enum sqlite_step step = sqlite_step(connection);
        if (step == STEP_ROW && slice_equal(sqlite_column_text(connection, 0), SLICE("wal"))) {
            sqlite3_reset(connection->current);
            return STATUS_OK;
        }
        code = sqlite3_errcode(connection->db) & 0xff;
        if (step == STEP_ROW || code != SQLITE_BUSY || clock_monotonic_ms() >= connection->deadline_ms)
            break;
        sleep_ms(LOCK_RETRY_MS);
    }
    if (code == SQLITE_BUSY || code == SQLITE_NOTADB || code == SQLITE_CORRUPT || code == SQLITE_IOERR)
        return sqlite_failed(connection, "switch it to WAL mode", error);
    return error_set(error, STATUS_UNAVAILABLE,
                     "sqlite:%.60s: can't switch it to WAL mode; the file must be writable and on a local disk",
                     connection->file->path);
}

/* Looked at before the write lock is asked for: a worker that starts while another process holds it can read. */
static bool schema_is_current(struct sqlite_connection *connection)
{
    sqlite_use(connection, SQL_VERSION);
    bool is_current = sqlite_step(connection) == STEP_ROW && sqlite_column_int(connection, 0) == SQLITE_SCHEMA_VERSION;
    sqlite3_reset(connection->current);
    return is_current;
}

static enum status schema_make(struct sqlite_connection *connection, struct error *error)
{
    sqlite_use(connection, SQL_VERSION);
    if (sqlite_step(connection) != STEP_ROW)
        return sqlite_failed(connection, "read its version", error);
    int64_t version = sqlite_column_int(connection, 0);
    sqlite3_reset(connection->current);
    if (version < 0 || version > SQLITE_SCHEMA_VERSION) {
        error_set(error, STATUS_UNAVAILABLE,
                  "sqlite:%.60s: its tables have version %lld, made by a newer program; this one knows version %d: run "
                  "the newer one, or name another file",
                  connection->file->path, (long long)version, SQLITE_SCHEMA_VERSION);
        return error_because(error, CAUSE_UNSUPPORTED, STATUS_UNAVAILABLE);
    }
    for (; version < SQLITE_SCHEMA_VERSION; version++)
        if (sqlite3_exec(connection->db, SQLITE_STEPS[version], NULL, NULL, NULL) != SQLITE_OK)
            return sqlite_failed(connection, "make its tables", error);
    return STATUS_OK;
}

static enum status schema_ensure(struct sqlite_connection *connection, struct error *error)
{
    if (schema_is_current(connection))
        return STATUS_OK;
    enum status status = sqlite_begin(connection, error);
    if (status)
        return status;
    status = schema_make(connection, error);
    if (status == STATUS_OK)
        status = sqlite_commit(connection, error);
    sqlite_end(connection);
    return status;
}

static enum status file_make(const struct sqlite_file *file, struct error *error)
{
    int code = file_owner_make(file->path, FILE_MODE);
    if (code == 0)
        return STATUS_OK;
    error_set(error, STATUS_UNAVAILABLE,
              "sqlite:%.100s: can't make the file: %s (its folder must exist and be writable)", file->path,
              strerror(code));
    enum cause cause = code == ENOSPC ? CAUSE_FULL : code == ENOENT ? CAUSE_NONE : CAUSE_RIGHTS;
    return error_because(error, cause, STATUS_UNAVAILABLE); /* a folder may be mounted late */
}

static enum status connections_open(struct sqlite_file *file, struct error *error)
{
    for (uint32_t i = 0; i <= file->reader_count; i++) {
        bool writes = i == 0;
        struct sqlite_connection *connection = &file->connections[file->connection_count++];
        connection->file = file;
        connection->shelf = &file->shelves[writes ? LANE_WRITE : LANE_READ];
        enum status status = connection_open(connection, writes ? WRITER_PRAGMAS : READER_PRAGMAS, error);
        if (status == STATUS_OK && writes)
            status = wal_enable(connection, error);
        if (status == STATUS_OK && writes)
            status = schema_ensure(connection, error);
        if (status)
            return status;
    }
    for (size_t i = 0; i < file->connection_count; i++)
        sqlite_give_back(&file->connections[i]);
    sqlite_lock_find(&file->lock, file->path);
    sqlite_turn_open(&file->turn, file->path);
    return STATUS_OK;
}

static void connections_close(struct sqlite_file *file)
{
    sqlite_lock_lose(&file->lock);
    sqlite_turn_close(&file->turn);
    for (size_t i = 0; i < file->connection_count; i++) {
        connection_close(&file->connections[i]);
        file->connections[i] = (struct sqlite_connection){0};
    }
    file->connection_count = 0;
}

/* Opens all connections if they are not open; or none, and the next call tries again. */
static enum status file_ensure_open(struct sqlite_file *file, struct error *error)
{
    enum status status = STATUS_OK;
    pthread_mutex_lock(&file->opening);
    if (!file->is_open) {
        status = file_make(file, error);
        if (status == STATUS_OK)
            status = connections_open(file, error);
        if (status)
            connections_close(file);
        file->is_open = status == STATUS_OK;
    }
    pthread_mutex_unlock(&file->opening);
    return status;
}

struct sqlite_file *sqlite_file_new(const char *path, uint32_t reader_count, uint32_t timeout_ms)
{
    struct sqlite_file *file = mem_zalloc(sizeof(*file) + (reader_count + 1) * sizeof(file->connections[0]));
    file->path = mem_strdup(path);
    file->reader_count = reader_count;
    file->timeout_ms = timeout_ms;
    sqlite_lock_init(&file->lock);
    sqlite_turn_init(&file->turn);
    pthread_mutex_init(&file->opening, NULL);
    shelf_init(&file->shelves[LANE_READ]);
    shelf_init(&file->shelves[LANE_WRITE]);
    return file;
}

void sqlite_file_free(struct sqlite_file *file)
{
    connections_close(file);
    shelf_fini(&file->shelves[LANE_READ]);
    shelf_fini(&file->shelves[LANE_WRITE]);
    pthread_mutex_destroy(&file->opening);
    sqlite_lock_fini(&file->lock);
    free(file->path);
    free(file);
}
