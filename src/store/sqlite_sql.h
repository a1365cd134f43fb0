/* SPDX-License-Identifier: MIT */
/*
 * Every word of SQL that the embedded store speaks; sqlite.c runs it. Plain text, no type of sqlite3.
 *
 * A todo's columns and parameters stand in one order everywhere: id, name, description, done, v, created_at, updated_at.
 */
#ifndef STORE_SQLITE_SQL_H
#define STORE_SQLITE_SQL_H

enum { SQLITE_SCHEMA_VERSION = 1 }; /* PRAGMA user_version; 0 is a new file */

enum sqlite_sql {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_WAL,
    SQL_VERSION,
    SQL_GET,
    SQL_LIST_DOWN, /* newest first: ?1, ?2 the place behind which it goes on */
    SQL_LIST_UP,
    SQL_LIST_DONE_DOWN, /* ?3 done */
    SQL_LIST_DONE_UP,
    SQL_INSERT,
    SQL_SAME, /* one row if the stored todo is this very one */
    SQL_UPSERT,
    SQL_OUTBOX_PUT, /* token, id, deadline_at, settled */
    SQL_OUTBOX_LIST,
    SQL_OUTBOX_REMOVE,
    SQL_META_GET,
    SQL_META_SWAP, /* expected epoch, epoch, run id */
    SQL_COUNT,
};

extern const char *const SQLITE_SQL[SQL_COUNT];

/* Makes all tables in a new file and sets its version; runs inside a transaction. */
extern const char SQLITE_TABLES[];

#endif
