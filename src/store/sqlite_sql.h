/* SPDX-License-Identifier: MIT */
/*
 * Every word of SQL that the embedded store speaks; sqlite.c runs it. Plain text, no type of sqlite3.
 *
 * A todo's columns and parameters stand in one order everywhere: id, name, description, done, v, created_at, updated_at.
 */
#ifndef STORE_SQLITE_SQL_H
#define STORE_SQLITE_SQL_H

enum { SQLITE_SCHEMA_VERSION = 3 }; /* PRAGMA user_version; 0 is a new file */

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
    SQL_UPDATE, /* all but created_at */
    SQL_DELETE,
    SQL_ANSWER_GET,
    SQL_ANSWER_PUT,    /* key, fingerprint, id, created_at, deadline_at, expires_at: running, in place of any other */
    SQL_ANSWER_END,    /* key, fingerprint, expires_at, http_status, body, etag */
    SQL_ANSWER_FORGET, /* key, deadline_at */
    SQL_ANSWER_SWEEP,  /* now, how many at most */
    SQL_OUTBOX_PUT,    /* token, id, deadline_at, settled */
    SQL_OUTBOX_LIST,
    SQL_OUTBOX_REMOVE,
    SQL_PURGE_PUT,  /* token, sequence, url, keys, due_at */
    SQL_PURGE_LIST, /* url, now, how many at most */
    SQL_PURGE_REMOVE,
    SQL_PURGE_SWEEP, /* due before, how many at most */
    SQL_META_GET,
    SQL_META_SWAP, /* expected epoch, epoch, run id */
    SQL_COUNT,
};

extern const char *const SQLITE_SQL[SQL_COUNT];

/* From version n of the tables to n + 1: step n, run inside a transaction, which also sets user_version. */
extern const char *const SQLITE_STEPS[SQLITE_SCHEMA_VERSION];

#endif
