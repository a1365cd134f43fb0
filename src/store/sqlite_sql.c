/* SPDX-License-Identifier: MIT */
/*
 * The tables and statements of the embedded store.
 *
 * The statements about todos are built from TODO_FIELDS: columns and parameters stand in its order. The tables are not,
 * because files exist that were made with these very words.
 *
 * A step that has been released never changes. A new column needs a step of its own, at the end of TODOS_STEPS:
 *
 *   ALTER TABLE todos ADD COLUMN NAME TYPE NOT NULL DEFAULT ...; PRAGMA user_version = N + 1;
 *
 * A new file goes through all steps, so old and new files are alike. A new column has no CHECK, because sqlite would
 * try it on every row: seconds for a million, and a step must end within the time of one call. Readers check the value.
 *
 * The CHECKs repeat what todo_check() says in C, so that no other program (a shell, a script) can write a row that
 * breaks a rule. They use only GLOB and length(), no extension and no function of ours, so any sqlite3 can write the
 * file. They can't say that text is valid UTF-8; readers check that.
 *
 * WITHOUT ROWID: a todo is found by its id in one tree, without a detour over a hidden number. STRICT: a column keeps
 * its type. length() counts characters and stops at a NUL, so NUL is looked for in the bytes. Control characters are a
 * GLOB class over 1-8, 11, 12 and 14-31, which leaves out TAB, LF and CR.
 *
 * Lists use the two indexes: one by (created_at, id), one with done in front. The position in a list is a row value,
 * which sqlite turns into one range of the index, in both directions. There is no LIMIT: the reader stops stepping when
 * its page is full, and skips unreadable rows without asking again.
 */
#include "store/sqlite_sql.h"

#include "base/todo.h"

/* The id is the first field, and has no comma before it. */
#define COMMA_ID      ""
#define COMMA_TEXT    ", "
#define COMMA_FLAG    ", "
#define COMMA_INTEGER ", "
#define COMMA_TIME    ", "

#define COLUMN(upper, name, type, ...)    COMMA_##type name
#define PARAMETER(upper, name, type, ...) COMMA_##type "?"
#define TODO_COLUMNS                      TODO_FIELDS(COLUMN)

/* Assignments of an upsert, for the fields that a client may change. */
#define SET_CREATE(name)
#define SET_WRITE(name) name " = excluded." name ", "
#define SET_READ(name)
#define SET_HIDDEN(name)
#define SET_FIELD(upper, name, type, member, access, ...) SET_##access(name)

#define INSERT_TODO "INSERT INTO todos (" TODO_COLUMNS ") VALUES (" TODO_FIELDS(PARAMETER) ") ON CONFLICT (id) DO "
#define UPDATE_TODO INSERT_TODO "UPDATE SET " TODO_FIELDS(SET_FIELD) "updated_at = excluded.updated_at, v = "

#define ANSWER_COLUMNS "key, fingerprint, id, created_at, deadline_at, expires_at, http_status, body, etag, life, made"

/* Of a life in ?1 .. 2 * ?1, a power of 2, another one; of different lives different ones. */
#define LIFE_MOVED "?1 + ((life + ?2) & (?1 - 1))"

#define FIRST_WRITE                                                                                                    \
    "(SELECT number FROM writes WHERE writes.shard = shards.shard AND number > 0 ORDER BY number LIMIT 1)"

#define TEXT_RULES(column)                                                                                             \
    " AND instr(CAST(" column " AS BLOB), x'00') = 0"                                                                  \
    " AND " column " NOT GLOB '*[' || char(1) || '-' || char(8, 11, 12, 14) || '-' || char(31) || ']*'"

#define ID_RULES                                                                                                       \
    "typeof(id) = 'text' AND length(CAST(id AS BLOB)) BETWEEN 1 AND 64"                                                \
    " AND instr(CAST(id AS BLOB), x'00') = 0"                                                                          \
    " AND id NOT GLOB '*[^A-Za-z0-9._~-]*' AND id NOT IN ('.', '..')"

#define TIME_RULES(column) "typeof(" column ") = 'integer' AND " column " BETWEEN 0 AND 253402300799999"

/* Laid out as SQL; clang-format would fold the lines at the macros. */
/* clang-format off */
static const char TODOS_OUTBOX_META[] =
    "CREATE TABLE todos ("
    " id TEXT PRIMARY KEY NOT NULL CHECK (" ID_RULES "),"
    " name TEXT NOT NULL CHECK (typeof(name) = 'text' AND length(name) BETWEEN 1 AND 200" TEXT_RULES("name") "),"
    " description TEXT NOT NULL DEFAULT ''"
    " CHECK (typeof(description) = 'text' AND length(description) <= 4000" TEXT_RULES("description") "),"
    " done INTEGER NOT NULL DEFAULT 0 CHECK (typeof(done) = 'integer' AND done IN (0, 1)),"
    " v INTEGER NOT NULL DEFAULT 1 CHECK (typeof(v) = 'integer' AND v >= 1),"
    " created_at INTEGER NOT NULL CHECK (" TIME_RULES("created_at") "),"
    " updated_at INTEGER NOT NULL CHECK (" TIME_RULES("updated_at") ")"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX todos_by_time ON todos (created_at, id);"
    "CREATE INDEX todos_by_done_and_time ON todos (done, created_at, id);"
    "CREATE TABLE outbox ("
    " seq INTEGER PRIMARY KEY,"
    " token TEXT NOT NULL CHECK (length(token) = 32),"
    " id TEXT NOT NULL CHECK (" ID_RULES "),"
    " deadline_at INTEGER NOT NULL,"
    " settled INTEGER NOT NULL CHECK (settled IN (0, 1)),"
    " UNIQUE (token, id)"
    ") STRICT;"
    "CREATE TABLE meta ("
    " one INTEGER PRIMARY KEY CHECK (one = 1),"
    " epoch INTEGER NOT NULL,"
    " cache_run_id TEXT NOT NULL CHECK (length(cache_run_id) <= 40)"
    ") STRICT;"
    "PRAGMA user_version = 1;";

/* With a rowid: a body may be long, and a search should read only the index. */
static const char ANSWERS[] =
    "CREATE TABLE answers ("
    " key TEXT PRIMARY KEY NOT NULL CHECK (length(CAST(key AS BLOB)) BETWEEN 1 AND 255),"
    " fingerprint TEXT NOT NULL CHECK (length(fingerprint) BETWEEN 1 AND 32),"
    " id TEXT NOT NULL CHECK (" ID_RULES "),"
    " created_at INTEGER NOT NULL,"
    " deadline_at INTEGER NOT NULL,"
    " expires_at INTEGER NOT NULL,"
    " http_status INTEGER NOT NULL DEFAULT 0,"
    " body TEXT NOT NULL DEFAULT '',"
    " etag TEXT NOT NULL DEFAULT ''"
    ") STRICT;"
    "CREATE INDEX answers_by_expiry ON answers (expires_at);"
    "PRAGMA user_version = 2;";

static const char PURGES[] =
    "CREATE TABLE purges ("
    " token TEXT NOT NULL CHECK (length(token) = 32),"
    " sequence INTEGER NOT NULL,"
    " url TEXT NOT NULL,"
    " keys TEXT NOT NULL,"
    " due_at INTEGER NOT NULL,"
    " PRIMARY KEY (token, sequence)"
    ") STRICT;"
    "CREATE INDEX purges_by_due ON purges (due_at);"
    "PRAGMA user_version = 3;";

static const char BEAT[] =
    "ALTER TABLE meta ADD COLUMN beat INTEGER NOT NULL DEFAULT 0;"
    "PRAGMA user_version = 4;";

/* A life of 0 is none: the row is older than this column, or another program wrote it (base/todo.h). */
static const char LIVES[] =
    "ALTER TABLE todos ADD COLUMN life INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE answers ADD COLUMN life INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE answers ADD COLUMN made INTEGER NOT NULL DEFAULT 0;"
    "PRAGMA user_version = 5;";

/*
 * The feed (feed.h). Triggers write it, so each change is there in its own transaction, whoever makes it: a worker, the
 * loader, a shell. A row has the largest number so far plus one; a rolled back one leaves no gap. The oldest rows go a
 * thousand at a time, so that most changes write to one page more.
 */
#define FEED_ADD(kind, row, v, life)                                                                                   \
    "INSERT INTO changes (mark, kind, id, v, life)"                                                                    \
    " VALUES (random() & 4294967295, " kind ", " row ".id, " v ", " life ");"
#define NEW_LIFE "iif(new.life = 0, new.created_at, new.life)"

static const char FEED[] =
    "CREATE TABLE changes ("
    " seq INTEGER PRIMARY KEY,"
    " mark INTEGER NOT NULL,"
    " kind INTEGER NOT NULL," /* enum feed_kind */
    " id TEXT NOT NULL,"
    " v INTEGER NOT NULL,"
    " life INTEGER NOT NULL"
    ") STRICT;"
    "INSERT INTO changes VALUES (1, random() & 4294967295, 0, '', 0, 0);"
    "CREATE TRIGGER changes_by_insert AFTER INSERT ON todos BEGIN " FEED_ADD("1", "new", "new.v", NEW_LIFE) " END;"
    "CREATE TRIGGER changes_by_update AFTER UPDATE ON todos WHEN new.id = old.id BEGIN "
    FEED_ADD("2", "new", "new.v", NEW_LIFE) " END;"
    "CREATE TRIGGER changes_by_renaming AFTER UPDATE ON todos WHEN new.id <> old.id BEGIN "
    FEED_ADD("3", "old", "0", "0") FEED_ADD("1", "new", "new.v", NEW_LIFE) " END;"
    "CREATE TRIGGER changes_by_delete AFTER DELETE ON todos BEGIN " FEED_ADD("3", "old", "0", "0") " END;"
    "CREATE TRIGGER changes_trimmed AFTER INSERT ON changes WHEN new.seq % 1000 = 0 BEGIN"
    " DELETE FROM changes WHERE seq <= new.seq - 100000; END;"
    "PRAGMA user_version = 6;";

static const char BOOKMARKS[] =
    "CREATE TABLE bookmarks ("
    " shard INTEGER PRIMARY KEY,"
    " owner TEXT NOT NULL,"
    " last INTEGER NOT NULL DEFAULT 0,"
    " results TEXT NOT NULL DEFAULT ''"
    ") STRICT;"
    "PRAGMA user_version = 7;";

static const char BOOKMARK_NAMES[] =
    "ALTER TABLE bookmarks ADD COLUMN name TEXT NOT NULL DEFAULT '';"
    "UPDATE bookmarks SET name = owner;"
    "PRAGMA user_version = 8;";

/* Behind the other columns: who doesn't ask for a long text doesn't read it. */
static const char SLOTS[] =
    "ALTER TABLE meta ADD COLUMN slots TEXT NOT NULL DEFAULT '';"
    "PRAGMA user_version = 9;";

/* A file of its own (sqlite_journal.c). Counting rows takes time, so each shard has its sums. */
static const char QUEUE[] =
    "CREATE TABLE shards ("
    " shard INTEGER PRIMARY KEY,"
    " last INTEGER NOT NULL DEFAULT 0," /* number that was given */
    " waiting INTEGER NOT NULL DEFAULT 0,"
    " outcomes INTEGER NOT NULL DEFAULT 0"
    ") STRICT;"
    "INSERT INTO shards (shard) VALUES (0), (1), (2), (3), (4), (5), (6), (7);"
    "CREATE TABLE writes ("
    " shard INTEGER NOT NULL,"
    " number INTEGER NOT NULL,"
    " id TEXT NOT NULL,"
    " text TEXT NOT NULL,"
    " PRIMARY KEY (shard, number)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE outcomes ("
    " shard INTEGER NOT NULL,"
    " number INTEGER NOT NULL,"
    " outcome TEXT NOT NULL,"
    " PRIMARY KEY (shard, number)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE dead ("
    " shard INTEGER NOT NULL,"
    " number INTEGER NOT NULL,"
    " id TEXT NOT NULL,"
    " text TEXT NOT NULL,"
    " reason TEXT NOT NULL,"
    " died_at INTEGER NOT NULL,"
    " PRIMARY KEY (shard, number)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE keys ("
    " key TEXT PRIMARY KEY NOT NULL,"
    " fingerprint TEXT NOT NULL,"
    " shard INTEGER NOT NULL,"
    " number INTEGER NOT NULL,"
    " expires_at INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX keys_by_expiry ON keys (expires_at);"
    "PRAGMA user_version = 1;";

static const char QUEUE_STORE[] =
    "CREATE TABLE store ("
    " one INTEGER PRIMARY KEY CHECK (one = 1),"
    " name TEXT NOT NULL"
    ") STRICT;"
    "PRAGMA user_version = 2;";
/* clang-format on */

static const char *const TODOS_STEPS[] = {TODOS_OUTBOX_META, ANSWERS,        PURGES, BEAT, LIVES, FEED,
                                          BOOKMARKS,         BOOKMARK_NAMES, SLOTS};
static const char *const QUEUE_STEPS[] = {QUEUE, QUEUE_STORE};
const struct sqlite_schema SQLITE_TODOS = {sizeof(TODOS_STEPS) / sizeof(TODOS_STEPS[0]), TODOS_STEPS};
const struct sqlite_schema SQLITE_QUEUE = {sizeof(QUEUE_STEPS) / sizeof(QUEUE_STEPS[0]), QUEUE_STEPS};

const char *const SQLITE_SQL[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_SAVEPOINT] = "SAVEPOINT part",
    [SQL_RELEASE] = "RELEASE part",
    [SQL_ROLLBACK_TO] = "ROLLBACK TO part",
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
    [SQL_INSERT] = INSERT_TODO "NOTHING",
    [SQL_UPSERT] = UPDATE_TODO "v + 1",
    [SQL_UPDATE] = UPDATE_TODO "excluded.v",
    [SQL_DELETE] = "DELETE FROM todos WHERE id = ?1",
    [SQL_ANSWER_GET] =
        "SELECT fingerprint, id, created_at, deadline_at, expires_at, http_status, body, etag, life, made FROM answers"
        " WHERE key = ?1",
    [SQL_ANSWER_PUT] = "INSERT OR REPLACE INTO answers"
                       " (key, fingerprint, id, created_at, deadline_at, expires_at, life, made)"
                       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [SQL_ANSWER_MADE] = "UPDATE answers SET made = 1 WHERE key = ?1 AND life = ?2 AND http_status = 0",
    [SQL_ANSWER_END] = "UPDATE answers SET expires_at = ?3, http_status = ?4, body = ?5, etag = ?6"
                       " WHERE key = ?1 AND fingerprint = ?2 AND http_status = 0",
    [SQL_ANSWER_FORGET] = "DELETE FROM answers WHERE key = ?1 AND deadline_at = ?2 AND http_status = 0",
    [SQL_ANSWER_SWEEP] = "DELETE FROM answers WHERE key IN"
                         " (SELECT key FROM answers WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)",
    /* A replaced record keeps its position in the order. */
    [SQL_OUTBOX_PUT] = "INSERT INTO outbox (token, id, deadline_at, settled) VALUES (?1, ?2, ?3, ?4)"
                       " ON CONFLICT (token, id) DO UPDATE SET deadline_at = excluded.deadline_at,"
                       " settled = excluded.settled",
    [SQL_OUTBOX_LIST] = "SELECT token, id, deadline_at, settled, seq FROM outbox WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    [SQL_OUTBOX_REMOVE] = "DELETE FROM outbox WHERE token = ?1 AND id = ?2 AND deadline_at = ?3 AND settled = ?4",
    [SQL_OUTBOX_HAS] = "SELECT 1 FROM outbox WHERE token = ?1 AND id = ?2",
    [SQL_BOOKMARK_GET] = "SELECT owner, last, results, name FROM bookmarks WHERE shard = ?1",
    [SQL_BOOKMARK_CLAIM] = "INSERT INTO bookmarks (shard, owner, name) VALUES (?1, ?2, ?2)"
                           " ON CONFLICT (shard) DO UPDATE SET owner = excluded.owner",
    [SQL_BOOKMARK_PUT] = "UPDATE bookmarks SET last = ?2, results = ?3 WHERE shard = ?1",
    [SQL_PURGE_PUT] = "INSERT OR REPLACE INTO purges (token, sequence, url, keys, due_at) VALUES (?1, ?2, ?3, ?4, ?5)",
    [SQL_PURGE_LIST] = "SELECT token, sequence, keys, due_at FROM purges WHERE url = ?1 AND due_at <= ?2"
                       " ORDER BY due_at LIMIT ?3",
    [SQL_PURGE_REMOVE] = "DELETE FROM purges WHERE token = ?1 AND sequence = ?2",
    [SQL_PURGE_SWEEP] = "DELETE FROM purges WHERE rowid IN"
                        " (SELECT rowid FROM purges WHERE due_at <= ?1 ORDER BY due_at LIMIT ?2)",
    [SQL_RESTORE_ATTACH] = "ATTACH ?1 AS staged",
    [SQL_RESTORE_TODO_LIVES] = "UPDATE staged.todos SET life = " LIFE_MOVED,
    [SQL_RESTORE_ANSWER_LIVES] = "UPDATE staged.answers SET life = " LIFE_MOVED,
    [SQL_RESTORE_CLEAR_ANSWERS] = "DELETE FROM main.answers",
    [SQL_RESTORE_ANSWERS] =
        "INSERT INTO main.answers (" ANSWER_COLUMNS ") SELECT " ANSWER_COLUMNS " FROM staged.answers",
    [SQL_RESTORE_CLEAR_TODOS] = "DELETE FROM main.todos",
    [SQL_RESTORE_TODOS] = "INSERT INTO main.todos (" TODO_COLUMNS ") SELECT " TODO_COLUMNS " FROM staged.todos",
    [SQL_RESTORE_DETACH] = "DETACH staged",
    [SQL_FEED_LAST] = "SELECT seq, mark FROM changes ORDER BY seq DESC LIMIT 1",
    [SQL_FEED_READ] = "SELECT seq, mark, kind, id, v, life FROM changes WHERE seq >= ?1 ORDER BY seq",
    [SQL_META_GET] = "SELECT epoch, beat, cache_run_id FROM meta",
    /* Without a record epoch and beat are 0. */
    [SQL_META_SWAP] = "INSERT INTO meta (one, epoch, beat, cache_run_id)"
                      " SELECT 1, ?3, ?4, ?5 WHERE (?1 = 0 AND ?2 = 0) OR EXISTS (SELECT 1 FROM meta)"
                      " ON CONFLICT (one) DO UPDATE SET epoch = excluded.epoch, beat = excluded.beat,"
                      " cache_run_id = excluded.cache_run_id WHERE meta.epoch = ?1 AND meta.beat = ?2",
    [SQL_SLOTS_GET] = "SELECT epoch, beat, cache_run_id, slots FROM meta",
    [SQL_SLOTS_PUT] = "UPDATE meta SET slots = ?1",
    [SQL_QUEUE_KEY_GET] = "SELECT fingerprint, shard, number FROM keys WHERE key = ?1 AND expires_at > ?2",
    [SQL_QUEUE_KEY_PUT] = "INSERT OR REPLACE INTO keys (key, fingerprint, shard, number, expires_at)"
                          " VALUES (?1, ?2, ?3, ?4, ?5)",
    [SQL_QUEUE_KEY_SWEEP] = "DELETE FROM keys WHERE key IN"
                            " (SELECT key FROM keys WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)",
    [SQL_QUEUE_STATE] = "SELECT last, (SELECT sum(waiting) FROM shards), " FIRST_WRITE " FROM shards WHERE shard = ?1",
    [SQL_QUEUE_ADD] = "INSERT INTO writes (shard, number, id, text) VALUES (?1, ?2, ?3, ?4)",
    [SQL_QUEUE_COUNT] =
        "UPDATE shards SET last = max(last, ?2), waiting = max(0, waiting + ?3), outcomes = outcomes + ?4"
        " WHERE shard = ?1",
    [SQL_QUEUE_BURY] = "INSERT INTO dead (shard, number, id, text, reason, died_at)"
                       " SELECT shard, number, id, text, ?3, ?4 FROM writes WHERE shard = ?1 AND number = ?2",
    [SQL_QUEUE_REMOVE] = "DELETE FROM writes WHERE shard = ?1 AND number = ?2",
    [SQL_QUEUE_OUTCOME_PUT] = "INSERT OR REPLACE INTO outcomes (shard, number, outcome) VALUES (?1, ?2, ?3)",
    [SQL_QUEUE_OUTCOME_SWEEP] =
        "DELETE FROM outcomes WHERE shard = ?1 AND number IN (SELECT number FROM outcomes WHERE shard = ?1"
        " ORDER BY number LIMIT (SELECT max(0, outcomes - ?2) FROM shards WHERE shard = ?1))",
    [SQL_QUEUE_READ] = "SELECT number, text FROM writes WHERE shard = ?1 AND number > ?2 ORDER BY number LIMIT ?3",
    [SQL_QUEUE_DEAD_READ] = "SELECT number, text, reason, died_at FROM dead WHERE shard = ?1 AND number > ?2"
                            " ORDER BY number LIMIT ?3",
    [SQL_QUEUE_FIND] = "SELECT 1, id, '' FROM writes WHERE shard = ?1 AND number = ?2"
                       " UNION ALL SELECT 2, outcome, '' FROM outcomes WHERE shard = ?1 AND number = ?2"
                       " UNION ALL SELECT 3, id, reason FROM dead WHERE shard = ?1 AND number = ?2"
                       " UNION ALL SELECT 4, '', '' FROM shards WHERE shard = ?1 AND last >= ?2"
                       " ORDER BY 1 LIMIT 1",
    [SQL_QUEUE_LOOK] = "SELECT shard, waiting, " FIRST_WRITE ","
                       " (SELECT count(*) FROM dead WHERE dead.shard = shards.shard), last FROM shards",
    [SQL_QUEUE_RETRY] = "INSERT INTO writes (shard, number, id, text)"
                        " SELECT shard, ?3, id, text FROM dead WHERE shard = ?1 AND number = ?2",
    [SQL_QUEUE_DROP] = "DELETE FROM dead WHERE shard = ?1 AND number = ?2",
    [SQL_QUEUE_PROBE] = "UPDATE shards SET last = last WHERE shard = 0",
    [SQL_QUEUE_STORE_PUT] = "INSERT INTO store (one, name) VALUES (1, ?1)"
                            " ON CONFLICT (one) DO UPDATE SET name = excluded.name WHERE name = ''",
    [SQL_QUEUE_STORE_GET] = "SELECT name FROM store",
};
