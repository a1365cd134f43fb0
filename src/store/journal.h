/* SPDX-License-Identifier: MIT */
/*
 * The queue's journal as an SQLite file of its own (queue/file_journal.c), behind a store that is nothing else: it
 * can be grouped and closed, and has the calls below. Each is one transaction, or a part of its group's.
 *
 * context  pool thread, may block
 * errors   of all: STATUS_UNAVAILABLE, nothing was done; BUSY: no connection came free; UNKNOWN: of those that write
 */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include "store/store.h"

enum { STORE_JOURNAL_SHARDS = 8 };

/* Opens nothing: the first call does, and makes the file, but no folder. store_close() ends it. */
struct store *store_journal_new(const char *path, uint32_t reader_count, uint32_t timeout_ms);

/* Writes to the file, and changes nothing but this: if no store has it, it is this one's from now on; "": it stays. */
enum status store_journal_probe(struct store *store, struct slice name, struct error *error) STATUS_MUST_CHECK;

/* The name of the store whose it is, in the arena; absent: no store's. */
enum status store_journal_owner(struct store *store, struct arena *arena, struct slice *name,
                                struct error *error) STATUS_MUST_CHECK;

enum store_accept {
    STORE_ACCEPTED,
    STORE_ACCEPT_KEPT,     /* the key has a ticket already, and shard and number are that one's */
    STORE_ACCEPT_MISMATCH, /* the key came with another fingerprint */
    STORE_ACCEPT_FULL,     /* depth_max writes wait */
    STORE_ACCEPT_OLD,      /* the shard's oldest write was accepted before oldest_at */
    STORE_ACCEPT_NO_ROOM,  /* its disk has too little room, as the caller has seen */
};

struct store_arrival {
    unsigned shard;
    int64_t number; /* the least that it may get; when it was accepted, the one it got */
    int64_t now_ms; /* Unix time */
    struct slice id, text;
    struct slice key, fingerprint; /* absent: it has no key */
    int64_t key_expires_at_ms;
    int64_t depth_max, oldest_number; /* a first write below it is too old */
};

enum status store_journal_append(struct store *store, struct store_arrival *arrival, enum store_accept *accept,
                                 struct error *error) STATUS_MUST_CHECK;

struct store_departure {
    int64_t number;
    struct slice outcome;
};

/* In one step, and again without harm; reason: they are dead letters; absent: they are not. */
struct store_leaving {
    unsigned shard;
    const struct store_departure *items;
    size_t count, kept_max; /* outcomes that are kept */
    struct slice reason;
    int64_t now_ms;
    int64_t last; /* numbers go on behind it; 0: as they are */
};

enum status store_journal_settle(struct store *store, const struct store_leaving *leaving,
                                 struct error *error) STATUS_MUST_CHECK;

/* A write that waits, or a dead letter. */
struct store_journal_row {
    int64_t number;
    struct slice text;
    struct slice reason; /* these two of a dead letter */
    int64_t died_at_ms;
};

struct store_journal_query {
    bool dead;
    unsigned shard;
    int64_t after;
    size_t limit, bytes_max; /* of text; a read ends behind it */
};

/* rows has room for limit; their texts are in arena. */
enum status store_journal_read(struct store *store, const struct store_journal_query *query, struct arena *arena,
                               struct store_journal_row *rows, size_t *count, struct error *error) STATUS_MUST_CHECK;

enum store_place { STORE_NOWHERE, STORE_WAITING, STORE_SETTLED, STORE_DEAD, STORE_GONE };

struct store_journal_found {
    enum store_place place;
    struct slice text; /* the id; of SETTLED the outcome; in the arena, as the next one */
    struct slice reason;
};

enum status store_journal_find(struct store *store, unsigned shard, int64_t number, struct arena *arena,
                               struct store_journal_found *found, struct error *error) STATUS_MUST_CHECK;

struct store_journal_shard {
    int64_t depth, first_number, dead_count, last_number; /* 0: none */
};

enum status store_journal_look(struct store *store, struct store_journal_shard shards[STORE_JOURNAL_SHARDS],
                               struct error *error) STATUS_MUST_CHECK;

/* A dead letter goes to the end of its shard, under *number at least. STATUS_NOT_FOUND */
enum status store_journal_retry(struct store *store, unsigned shard, int64_t dead_number, int64_t *number,
                                struct error *error) STATUS_MUST_CHECK;
enum status store_journal_drop(struct store *store, unsigned shard, int64_t number,
                               struct error *error) STATUS_MUST_CHECK;

#endif
