/* SPDX-License-Identifier: MIT */
/*
 * All SQL of the embedded store, as plain text without a type of sqlite3; sqlite.c runs it.
 *
 * The columns and parameters of a todo are the fields of TODO_FIELDS, in this order.
 */
#ifndef STORE_SQLITE_SQL_H
#define STORE_SQLITE_SQL_H

enum sqlite_sql {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_SAVEPOINT,
    SQL_RELEASE,
    SQL_ROLLBACK_TO,
    SQL_WAL,
    SQL_VERSION,
    SQL_GET,
    SQL_LIST_DOWN, /* newest first: ?1, ?2 the position (created_at, id) behind which it begins */
    SQL_LIST_UP,
    SQL_LIST_DONE_DOWN, /* ?3 done */
    SQL_LIST_DONE_UP,
    SQL_INSERT, /* the fields; a taken id changes no row */
    SQL_UPSERT, /* the fields; a taken id gets those that a client may change, updated_at, and v + 1 */
    SQL_UPDATE, /* the fields of a todo that exists: as SQL_UPSERT, but v is the parameter */
    SQL_DELETE,
    SQL_ANSWER_GET,
    SQL_ANSWER_PUT,  /* key, fingerprint, id, created_at, deadline_at, expires_at, life, made: running; replaces any */
    SQL_ANSWER_MADE, /* key, life */
    SQL_ANSWER_END,  /* key, fingerprint, expires_at, http_status, body, etag */
    SQL_ANSWER_FORGET,  /* key, deadline_at */
    SQL_ANSWER_SWEEP,   /* now, how many at most */
    SQL_OUTBOX_PUT,     /* token, id, deadline_at, settled */
    SQL_OUTBOX_LIST,    /* behind which seq, how many at most */
    SQL_OUTBOX_REMOVE,  /* as SQL_OUTBOX_PUT */
    SQL_OUTBOX_HAS,     /* token, id */
    SQL_BOOKMARK_GET,   /* shard */
    SQL_BOOKMARK_CLAIM, /* shard, owner */
    SQL_BOOKMARK_PUT,   /* shard, last number, results */
    SQL_PURGE_PUT,      /* token, sequence, url, keys, due_at */
    SQL_PURGE_LIST,     /* url, now, how many at most */
    SQL_PURGE_REMOVE,
    SQL_PURGE_SWEEP,          /* due before, how many at most */
    SQL_RESTORE_ATTACH,       /* the file, called staged from now on */
    SQL_RESTORE_TODO_LIVES,   /* in staged: LIFE_LEAST, and a number that is added to all */
    SQL_RESTORE_ANSWER_LIVES, /* the same */
    SQL_RESTORE_CLEAR_ANSWERS,
    SQL_RESTORE_ANSWERS,
    SQL_RESTORE_CLEAR_TODOS,
    SQL_RESTORE_TODOS,
    SQL_RESTORE_DETACH,
    SQL_FEED_LAST,
    SQL_FEED_READ, /* from which seq on */
    SQL_META_GET,
    SQL_META_SWAP,       /* expected epoch and beat; epoch, beat, run id */
    SQL_SLOTS_GET,       /* as SQL_META_GET, and the slots */
    SQL_SLOTS_PUT,       /* the slots of the record, which is there */
    SQL_QUEUE_KEY_GET,   /* key, now */
    SQL_QUEUE_KEY_PUT,   /* key, fingerprint, shard, number, expires_at */
    SQL_QUEUE_KEY_SWEEP, /* now, how many at most */
    SQL_QUEUE_STATE,     /* shard: the last number, how many wait in all, the number of its first one or NULL */
    SQL_QUEUE_ADD,       /* shard, number, id, text */
    SQL_QUEUE_COUNT,     /* shard, a number that was given or 0, how many more wait, how many outcomes more there are */
    SQL_QUEUE_BURY,      /* shard, number, reason, died_at: a copy of the write */
    SQL_QUEUE_REMOVE,    /* shard, number, as the next ones */
    SQL_QUEUE_OUTCOME_PUT,   /* outcome */
    SQL_QUEUE_OUTCOME_SWEEP, /* shard, how many are kept */
    SQL_QUEUE_READ,          /* shard, after, how many at most */
    SQL_QUEUE_DEAD_READ,     /* the same */
    SQL_QUEUE_FIND,          /* shard, number: enum store_place, id or outcome, reason */
    SQL_QUEUE_LOOK,
    SQL_QUEUE_RETRY, /* shard, number, the new number */
    SQL_QUEUE_DROP,  /* shard, number */
    SQL_QUEUE_PROBE,
    SQL_QUEUE_STORE_PUT, /* name */
    SQL_QUEUE_STORE_GET,
    SQL_COUNT,
};

extern const char *const SQLITE_SQL[SQL_COUNT];

/* The tables of a kind of file: of todos, or of the queue's journal (journal.h). */
struct sqlite_schema {
    int version; /* PRAGMA user_version; 0 is a new file */
    /* Step n brings the tables from version n to n + 1. It runs inside a transaction and also sets user_version. */
    const char *const *steps;
};

extern const struct sqlite_schema SQLITE_TODOS, SQLITE_QUEUE;

#endif
