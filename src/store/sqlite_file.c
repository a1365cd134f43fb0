/* SPDX-License-Identifier: MIT */
/*
 * How a SQLite file is opened, made, and closed: its connections, its tables, and what bounds their waits.
 *
 * The file is in WAL mode with synchronous=FULL: readers never wait for the writer, and a commit has been synced to
 * disk. A process has one connection that writes and a shelf of connections that read.
 *
 * Another process' lock is waited for by the busy handler, and the work of a statement is ended by the progress
 * handler, both by the deadline of the call that has the connection.
 *
 * The first call that needs the file opens it, and if that fails the next call tries again: a disk that is mounted late
 * is a store that is away for a while. Several processes may open a new file at once. mknod() makes it, because that
 * needs no descriptor: closing one would drop the locks of this process (fcntl(2)). The first writer makes its tables.
 *
 * SQLite goes on with the file that it has open. If somebody moves that away, or another one to its path, nobody would
 * find what is written, and a worker that starts anew would use another file than its neighbours. So such a file is a
 * store that is away, until it is back or the workers are restarted.
 *
 * It does not work on network file systems: WAL needs memory that all its users share.
 */
#include "store/sqlite.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/file_owner.h"
#include "base/mem.h"
#include "store/sqlite_connection.h"

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

static void sleep_ms(int64_t pause_ms)
{
    struct timespec pause = {.tv_nsec = pause_ms * 1000000};
    nanosleep(&pause, NULL);
}

static int on_busy(void *ctx, int tries)
{
    struct sqlite_connection *connection = ctx;
    if (connection->shelf == &connection->file->shelves[LANE_WRITE])
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

/* -1: it can't be read. */
static int64_t schema_version(struct sqlite_connection *connection)
{
    sqlite_use(connection, SQL_VERSION);
    int64_t version = sqlite_step(connection) == STEP_ROW ? sqlite_column_int(connection, 0) : -1;
    sqlite3_reset(connection->current);
    return version;
}

static enum status schema_make(struct sqlite_connection *connection, struct error *error)
{
    const struct sqlite_schema *schema = connection->file->schema;
    int64_t version = schema_version(connection);
    if (version == -1)
        return sqlite_failed(connection, "read its version", error);
    if (version < 0 || version > schema->version) {
        error_set(error, STATUS_UNAVAILABLE,
                  "sqlite:%.60s: its tables have version %lld, made by a newer program; this one knows version %d: run "
                  "the newer one, or name another file",
                  connection->file->path, (long long)version, schema->version);
        return error_because(error, CAUSE_UNSUPPORTED, STATUS_UNAVAILABLE);
    }
    for (; version < schema->version; version++)
        if (sqlite3_exec(connection->db, schema->steps[version], NULL, NULL, NULL) != SQLITE_OK)
            return sqlite_failed(connection, "make its tables", error);
    return STATUS_OK;
}

/* It looks before it asks for the write lock: a worker that starts while another process holds it can read. */
static enum status schema_ensure(struct sqlite_connection *connection, struct error *error)
{
    if (schema_version(connection) == connection->file->schema->version)
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

enum status sqlite_file_open(struct sqlite_file *file, struct error *error)
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

bool sqlite_has_moved(struct sqlite_connection *connection)
{
    int has_moved = 0;
    int code = sqlite3_file_control(connection->db, "main", SQLITE_FCNTL_HAS_MOVED, &has_moved);
    return code == SQLITE_OK && has_moved;
}

struct sqlite_file *sqlite_file_new(const char *path, const struct sqlite_schema *schema, uint32_t reader_count,
                                    uint32_t timeout_ms)
{
    struct sqlite_file *file = mem_zalloc(sizeof(*file) + (reader_count + 1) * sizeof(file->connections[0]));
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* nobody asks, and each piece of memory would cost a lock */
    file->path = mem_strdup(path);
    file->schema = schema;
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
