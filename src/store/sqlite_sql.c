/* SPDX-License-Identifier: MIT */
/*
 * The embedded store's tables and statements.
 *
 * The CHECKs say once more what todo_check() says in C, so that a row written by another program (a shell, a script)
 * can't break a promise that answers rest on. They use GLOB and length() only: no extension, no function of ours, any
 * sqlite3 can write the file. What they can't say is that text is valid UTF-8; readers check that.
 *
 * WITHOUT ROWID: a todo is found by its id in one tree, not by way of a hidden number. STRICT: a column keeps its type.
 * length() counts characters and stops at a NUL, so NUL is looked for in the bytes. Control characters are a GLOB class
 * over 1-8, 11, 12 and 14-31, which leaves out TAB, LF and CR.
 *
 * Lists go by the two indexes: one by (created_at, id), one with done in front. A place in a list is a row value, which
 * sqlite turns into one range of the index, in both directions; there is no LIMIT, for the reader stops stepping when
 * its page is full, and skips what it can't read without asking again.
 *
 * A change here needs SQLITE_SCHEMA_VERSION one higher, and a step in sqlite.c from the old tables to the new ones.
 */
#include "store/sqlite_sql.h"

#define TODO_COLUMNS "id, name, description, done, v, created_at, updated_at"

#define TEXT_RULES(column)                                                                                             \
    " AND instr(CAST(" column " AS BLOB), x'00') = 0"                                                                  \
    " AND " column " NOT GLOB '*[' || char(1) || '-' || char(8, 11, 12, 14) || '-' || char(31) || ']*'"

#define ID_RULES                                                                                                       \
    "typeof(id) = 'text' AND length(CAST(id AS BLOB)) BETWEEN 1 AND 64"                                                \
    " AND instr(CAST(id AS BLOB), x'00') = 0"                                                                          \
    " AND id NOT GLOB '*[^A-Za-z0-9._~-]*' AND id NOT IN ('.', '..')"

#define TIME_RULES(column) "typeof(" column ") = 'integer' AND " column " BETWEEN 0 AND 253402300799999"

const char SQLITE_TABLES[] =
    "CREATE TABLE todos ("
    " id TEXT PRIMARY KEY NOT NULL CHECK (" ID_RULES "),"
    " name TEXT NOT NULL CHECK (typeof(name) = 'text' AND length(name) BETWEEN 1 AND 200" TEXT_RULES(
        "name") "),"
                " description TEXT NOT NULL DEFAULT '' CHECK (typeof(description) = 'text' AND length(description) <= "
                "4000" TEXT_RULES(
                    "description") "),"
                                   " done INTEGER NOT NULL DEFAULT 0 CHECK (typeof(done) = 'integer' AND done IN (0, "
                                   "1)),"
                                   " v INTEGER NOT NULL DEFAULT 1 CHECK (typeof(v) = 'integer' AND v >= 1),"
                                   " created_at INTEGER NOT NULL CHECK (" TIME_RULES(
                                       "created_at") "),"
                                                     " updated_at INTEGER NOT NULL CHECK (" TIME_RULES(
                                                         "updated_at") ")"
                                                                       ") STRICT, WITHOUT ROWID;"
                                                                       "CREATE INDEX todos_by_time ON todos "
                                                                       "(created_at, id);"
                                                                       "CREATE INDEX todos_by_done_and_time ON todos "
                                                                       "(done, created_at, id);"
                                                                       "CREATE TABLE outbox ("
                                                                       " seq INTEGER PRIMARY KEY,"
                                                                       " token TEXT NOT NULL CHECK (length(token) = "
                                                                       "32),"
                                                                       " id TEXT NOT NULL CHECK (" ID_RULES "),"
                                                                       " deadline_at INTEGER NOT NULL,"
                                                                       " settled INTEGER NOT NULL CHECK (settled IN "
                                                                       "(0, 1)),"
                                                                       " UNIQUE (token, id)"
                                                                       ") STRICT;"
                                                                       "CREATE TABLE meta ("
                                                                       " one INTEGER PRIMARY KEY CHECK (one = 1),"
                                                                       " epoch INTEGER NOT NULL,"
                                                                       " cache_run_id TEXT NOT NULL CHECK "
                                                                       "(length(cache_run_id) <= 40)"
                                                                       ") STRICT;"
                                                                       "PRAGMA user_version = 1;";

const char *const SQLITE_SQL[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_WAL] = "PRAGMA journal_mode = WAL",
    [SQL_VERSION] = "PRAGMA user_version",
    [SQL_GET] = "SELECT " TODO_COLUMNS " FROM todos WHERE id = ?1",
    [SQL_LIST_DOWN] = "SELECT " TODO_COLUMNS " FROM todos WHERE (created_at, id) < (?1, ?2)"
                      " ORDER BY created_at DESC, id DESC",
    [SQL_LIST_UP] = "SELECT " TODO_COLUMNS " FROM todos WHERE (created_at, id) > (?1, ?2)"
                    " ORDER BY created_at, id",
    [SQL_LIST_DONE_DOWN] = "SELECT " TODO_COLUMNS " FROM todos WHERE done = ?3 AND (created_at, id) < (?1, ?2)"
                           " ORDER BY created_at DESC, id DESC",
    [SQL_LIST_DONE_UP] = "SELECT " TODO_COLUMNS " FROM todos WHERE done = ?3 AND (created_at, id) > (?1, ?2)"
                         " ORDER BY created_at, id",
    [SQL_INSERT] = "INSERT INTO todos (" TODO_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
                   " ON CONFLICT (id) DO NOTHING",
    [SQL_SAME] = "SELECT 1 FROM todos WHERE id = ?1 AND name = ?2 AND description = ?3 AND done = ?4 AND v = ?5"
                 " AND created_at = ?6 AND updated_at = ?7",
    /* A new row starts at v 1 whatever the caller's says: MongoDB's upsert can't do otherwise. */
    [SQL_UPSERT] = "INSERT INTO todos (" TODO_COLUMNS ") VALUES (?1, ?2, ?3, ?4, 1, ?6, ?7)"
                   " ON CONFLICT (id) DO UPDATE SET name = excluded.name, description = excluded.description,"
                   " done = excluded.done, updated_at = excluded.updated_at, v = v + 1",
    /* A replaced record keeps its place in the order. */
    [SQL_OUTBOX_PUT] = "INSERT INTO outbox (token, id, deadline_at, settled) VALUES (?1, ?2, ?3, ?4)"
                       " ON CONFLICT (token, id) DO UPDATE SET deadline_at = excluded.deadline_at,"
                       " settled = excluded.settled",
    [SQL_OUTBOX_LIST] = "SELECT token, id, deadline_at, settled FROM outbox ORDER BY seq LIMIT ?1",
    [SQL_OUTBOX_REMOVE] = "DELETE FROM outbox WHERE token = ?1 AND id = ?2",
    [SQL_META_GET] = "SELECT epoch, cache_run_id FROM meta",
    /* Without a record the epoch is 0. */
    [SQL_META_SWAP] = "INSERT INTO meta (one, epoch, cache_run_id)"
                      " SELECT 1, ?2, ?3 WHERE ?1 = 0 OR EXISTS (SELECT 1 FROM meta)"
                      " ON CONFLICT (one) DO UPDATE SET epoch = excluded.epoch, cache_run_id = excluded.cache_run_id"
                      " WHERE meta.epoch = ?1",
};
