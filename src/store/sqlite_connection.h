/* SPDX-License-Identifier: MIT */
/*
 * What sqlite.c, which lends connections to calls, and sqlite_file.c, which opens them, share. For these two alone.
 * context  pool thread, may block
 */
#ifndef STORE_SQLITE_CONNECTION_H
#define STORE_SQLITE_CONNECTION_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "store/sqlite_lock.h"
#include "store/sqlite_shelf.h"
#include "store/sqlite_sql.h"
#include "store/sqlite_turn.h"

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
    const struct sqlite_schema *schema;
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

/* Opens all connections if they are not open; or none, and the next call tries again. errors  UNAVAILABLE */
enum status sqlite_file_open(struct sqlite_file *file, struct error *error) STATUS_MUST_CHECK;

/* Whether at the path there is nothing now, or another file than this one. */
bool sqlite_has_moved(struct sqlite_connection *connection);

#endif
