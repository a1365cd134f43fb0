/* SPDX-License-Identifier: MIT */
/*
 * The seam to the database: what the service asks of a store. mongo.c and sqlite_store.c implement it.
 *
 * All calls block and may be made from any number of pool threads at once; none may be made on the loop (pool.h runs
 * them). Every call ends within the time limits of store_options. A store does not know the cache.
 *
 * Reads see the last committed state that can't roll back (MongoDB: primary, read concern majority). A write that
 * returns STATUS_OK is durable (MongoDB: w=majority, journal; SQLite: synchronous=FULL).
 *
 * errors, of all: STATUS_UNAVAILABLE: nothing was applied; STATUS_UNKNOWN: writes only, the outcome is not known.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/cursor.h"
#include "base/error.h"
#include "base/random.h"
#include "base/todo.h"

struct store;

struct store_options {
    const char *uri;      /* borrowed for the call */
    uint32_t timeout_ms;  /* longest time one call may take */
    uint32_t concurrency; /* calls that run at once: SQLite readers, MongoDB clients */
};

/*
 * Makes a store for the URI. Nothing is connected or opened yet, so a server that is away, or a file that can't be
 * opened, is no error here: calls fail until it is there.
 * errors  STATUS_INVALID: the URI; the text says what is wrong in it
 */
enum status store_open(struct store **store, const struct store_options *options,
                       struct error *error) STATUS_MUST_CHECK;

/* After the last call has returned; NULL is fine. */
void store_close(struct store *store);

/* "sqlite" or "mongodb". */
const char *store_kind(const struct store *store);

/*
 * Makes missing indexes and tables, and checks that the store answers. It is called before the first use until it
 * succeeds, and again for each question about readiness; cheap when all is there.
 * errors  STATUS_INVALID: the store can't keep what this file promises, until a person changes it
 */
enum status store_prepare(struct store *store, struct error *error) STATUS_MUST_CHECK;

/* Whether its indexes and tables are still there, as far as is known: a collection may have been dropped. any thread */
bool store_is_prepared(const struct store *store);

/* Reads one todo; its texts are copied into arena. STATUS_NOT_FOUND is not an error. */
enum status store_get(struct store *store, const char *id, struct arena *arena, struct todo *todo,
                      struct error *error) STATUS_MUST_CHECK;

enum store_done_filter { STORE_DONE_ANY, STORE_DONE_NO, STORE_DONE_YES };

struct store_query {
    uint32_t limit; /* rows, 1 or more */
    bool ascending; /* by (created_at, id); false: newest first */
    enum store_done_filter done;
    bool has_after;
    struct cursor after; /* rows behind this position, in the order of the query */
};

struct store_page {
    struct todo *todos; /* in the arena */
    size_t count;
    bool more;        /* there are rows behind the last one */
    bool has_skipped; /* it lacks todos that can't be read; the log says why */
};

/* Reads one page by index range, never by counting or skipping; page and texts are in arena. */
enum status store_list(struct store *store, const struct store_query *query, struct arena *arena,
                       struct store_page *page, struct error *error) STATUS_MUST_CHECK;

struct store_answer;

/*
 * Inserts a complete todo, exactly as given. With an answer, which store_answer_begin() has begun for this todo, the
 * store remembers that the request has made it, in one step with the insert; NULL: the request has no key.
 *
 * errors  STATUS_EXISTS: its id is taken by another life. The same life is our own, from an earlier try: STATUS_OK if
 *         it equals todo, STATUS_MISMATCH if others have changed it since
 */
enum status store_insert(struct store *store, const struct todo *todo, const struct store_answer *answer,
                         struct error *error) STATUS_MUST_CHECK;

/* Which life of an id, and which state in it, as in an entity tag. */
struct store_version {
    int64_t v;
    int64_t life;
};

struct store_versions {
    bool given;
    bool any;                          /* "*": any version */
    const struct store_version *items; /* borrowed for the call */
    size_t count;
};

/* What must hold for a change, in the order of RFC 9110 13.2.2. Zero, with unmodified_since_s -1: no condition. */
struct store_condition {
    struct store_versions match;      /* If-Match: the todo exists and is one of these */
    int64_t unmodified_since_s;       /* If-Unmodified-Since, Unix time; -1: not asked; looked at only without match */
    struct store_versions none_match; /* If-None-Match: the todo doesn't exist, or is none of these */
};

/* Whether current (NULL: there is no such todo) meets the condition. For the stores, and for reads. */
bool store_condition_holds(const struct store_condition *condition, const struct todo *current);

enum store_change_kind {
    STORE_REPLACE, /* sets all fields that a client may change; creates the todo if there is none */
    STORE_MERGE,   /* sets the fields in the set `fields` */
    STORE_DELETE,
};

struct store_change {
    enum store_change_kind kind;
    unsigned fields;         /* MERGE: a set, of TODO_WRITE_FIELDS only */
    const struct todo *todo; /* id; the values; updated_at_ms: now. Complete, as for store_insert, if it may create */
    struct store_condition condition;
    unsigned shown_fields; /* REPLACE: a set; the stored todo must have these values of shown, or nothing is changed */
    const struct todo *shown;
};

/* The fields of an existing todo that get the values of the change, besides updated_at_ms and v. */
static inline unsigned store_change_fields(const struct store_change *change)
{
    return change->kind == STORE_REPLACE ? (unsigned)TODO_WRITE_FIELDS : change->fields;
}

/*
 * Whether the change may be made of current (NULL: there is no such todo). For the stores.
 * errors  STATUS_MISMATCH: the condition does not hold; STATUS_INVALID, with a pointer: a field that was shown differs
 */
enum status store_change_check(const struct store_change *change, const struct todo *current,
                               struct error *error) STATUS_MUST_CHECK;

/* Whether the change is a MERGE that leaves current as it is: then there is no new version. */
bool store_change_is_empty(const struct store_change *change, const struct todo *current);

struct store_changed {
    bool created;
    struct todo todo; /* as it is now (DELETE: as it was), texts in the arena */
};

/*
 * Changes one todo, and decides the condition in the same operation: of two changes under one If-Match, one is made.
 * A change sets v + 1 and updated_at_ms; created_at stays. A MERGE of what is there already makes no change.
 *
 * errors  STATUS_MISMATCH: the condition doesn't hold; STATUS_NOT_FOUND: MERGE or DELETE of a todo that doesn't exist;
 *         STATUS_INVALID, with a pointer: a field that was shown differs; without: the stored todo can't be read, or
 *         its v can't grow;
 *         STATUS_BUSY: other clients changed it during every try
 */
enum status store_change(struct store *store, const struct store_change *change, struct arena *arena,
                         struct store_changed *changed, struct error *error) STATUS_MUST_CHECK;

enum { STORE_KEY_MAX = 255, STORE_FINGERPRINT_LEN = 32 };

/*
 * The first answer to a request with an Idempotency-Key, kept beside the data
 * (draft-ietf-httpapi-idempotency-key-header). A record is running from begin to end; past its deadline a running one
 * may be taken over by the same request.
 */
struct store_answer {
    char key[STORE_KEY_MAX + 1];
    char fingerprint[STORE_FINGERPRINT_LEN + 1]; /* of the request */
    char id[TODO_ID_MAX + 1]; /* of the todo that it makes; a take-over keeps these three, and so recognises */
    int64_t created_at_ms;    /* the insert of the first request as its own */
    int64_t life;
    bool is_made;            /* the todo has been made; others may have changed or deleted it since */
    int64_t deadline_at_ms;  /* while running */
    int64_t expires_at_ms;   /* from then on the record counts as absent */
    int http_status;         /* 0: running */
    struct slice body, etag; /* of the answer; in the arena when read */
};

/*
 * Begins a request. STATUS_OK: its key is new or expired, and answer is now the running record; or it took over a
 * running record past its deadline, and answer has its id, life, time, and whether the todo is made.
 * errors  STATUS_EXISTS: there is an answer already, and answer holds it; STATUS_BUSY: the request is still running;
 *         STATUS_MISMATCH: the key was used for another request
 */
enum status store_answer_begin(struct store *store, struct store_answer *answer, struct arena *arena,
                               struct error *error) STATUS_MUST_CHECK;

/*
 * Ends a request: keeps the answer until its expires_at_ms. The first end counts.
 * errors  STATUS_NOT_FOUND: no such request is running (another worker took it over and ended it, or it expired)
 */
enum status store_answer_end(struct store *store, const struct store_answer *answer,
                             struct error *error) STATUS_MUST_CHECK;

/*
 * Removes a running record: nothing was done, and the request may come again. A record that was taken over has another
 * deadline; it stays, and that is no error.
 */
enum status store_answer_forget(struct store *store, const struct store_answer *answer,
                                struct error *error) STATUS_MUST_CHECK;

enum store_load_mode {
    STORE_LOAD_INSERT, /* STATUS_EXISTS for a taken id */
    STORE_LOAD_UPSERT, /* a taken id gets the fields that a client may change, updated_at_ms and v + 1 */
};

/*
 * Writes many todos, unordered; a taken id doesn't stop the others.
 *
 * results  one per todo: STATUS_OK, or STATUS_EXISTS if its id is taken by another life. The same life is our own, from
 *          an earlier try; valid if STATUS_OK is returned
 * errors   of the call as a whole: the todos are applied in part or not at all, and may be sent again
 */
enum status store_load(struct store *store, const struct todo *todos, size_t count, enum store_load_mode mode,
                       enum status *results, struct error *error) STATUS_MUST_CHECK;

/*
 * The outbox: fences that Redis could not take, kept beside the data until it can (cache/outbox.c). A record is the
 * fence of one writer on one id. It is open while the write may still be applied, and closed afterwards.
 */
struct store_fence {
    struct token token; /* the writer's; with id, the record's key */
    char id[TODO_ID_MAX + 1];
    int64_t deadline_at_ms; /* Unix time; then an open record counts as closed */
    bool is_closed;
    int64_t place; /* of a listing, and in the store's own order: the next listing goes on behind it */
};

/* Adds records, or replaces those with the same token and id. STATUS_OK: all of them. */
enum status store_outbox_put(struct store *store, const struct store_fence *fences, size_t count,
                             struct error *error) STATUS_MUST_CHECK;

/*
 * Reads up to limit records, oldest first, into fences (room for limit). Fewer: there are no more.
 *
 * after  the last record of the listing before this one, NULL: from the first on. Records put meanwhile may be missed
 */
enum status store_outbox_list(struct store *store, const struct store_fence *after, struct store_fence *fences,
                              size_t limit, size_t *count, struct error *error) STATUS_MUST_CHECK;

/*
 * Removes the records that are still as listed. A record that was put again since with another deadline, or closed,
 * stays; changed_count tells how many do. Missing ones are no error.
 */
enum status store_outbox_remove(struct store *store, const struct store_fence *fences, size_t count,
                                size_t *changed_count, struct error *error) STATUS_MUST_CHECK;

/*
 * Purges of a cache in front of the service, kept beside the data until that cache has acknowledged them. A record is
 * one call to one cache; token and sequence are its key.
 */
enum {
    STORE_PURGE_KEYS_MAX = 7000,    /* bytes of a record's keys */
    STORE_PURGE_KEPT_S = 7 * 86400, /* past its due time; then it is deleted: no cache keeps an answer for so long */
};

struct store_purge {
    struct token token; /* the writer's */
    uint32_t sequence;
    const char *url;   /* of the cache; borrowed */
    const char *keys;  /* with blanks between them; borrowed, in the arena when read */
    int64_t due_at_ms; /* Unix time; before it only the writer's process sends it, from then on any worker may */
};

struct store_purge_query {
    const char *url;
    int64_t due_by_ms;
    size_t limit; /* 1 or more */
};

/* Adds records, or replaces those with the same token and sequence. STATUS_OK: all of them. */
enum status store_purge_put(struct store *store, const struct store_purge *purges, size_t count,
                            struct error *error) STATUS_MUST_CHECK;

/* Reads records of a URL that are due, the oldest first, into purges (room for limit). */
enum status store_purge_list(struct store *store, const struct store_purge_query *query, struct arena *arena,
                             struct store_purge *purges, size_t *count, struct error *error) STATUS_MUST_CHECK;

/* Removes the records with these tokens and sequences, their only fields that count; missing ones are no error. */
enum status store_purge_remove(struct store *store, const struct store_purge *purges, size_t count,
                               struct error *error) STATUS_MUST_CHECK;

/*
 * Shows where the store stands: STATUS_OK only if every write that could be applied before the call is now visible to
 * all reads, or never will be.
 */
enum status store_barrier(struct store *store, struct error *error) STATUS_MUST_CHECK;

/*
 * A watermark: how far the store's history has come, as text. Of two of one length the later one is greater by
 * strcmp(). Empty: the store's reads show every acknowledged write anyway (SQLite), or it tells none (a standalone
 * MongoDB).
 */
enum { STORE_WATERMARK_LEN = 16, STORE_WATERMARK_MAX = 88 }; /* a time; a time with a sharded cluster's proof */

struct store_watermark {
    char text[STORE_WATERMARK_MAX + 1];
};

/* The latest that this process has seen: every write that it knows to be acknowledged came before it. any thread */
void store_watermark(const struct store *store, struct store_watermark *mark);

/*
 * Raises it to what another process has told; text that is no watermark, or an earlier one, changes nothing. Reads of
 * todos, lists, the outbox and the record that begin from now on show what came before it, or fail. any thread
 */
void store_raise(struct store *store, struct slice text);

/* A small write, as durable as a client's, which nobody reads: shows whether the store takes writes. */
enum status store_heartbeat(struct store *store, struct error *error) STATUS_MUST_CHECK;

/*
 * A group: the calls that this thread makes until its end are committed together, by one sync of the disk. Each call is
 * all or nothing by itself, as ever, and sees what those before it have written. What it returned holds only if the end
 * returns STATUS_OK.
 *
 * context  one thread from begin to end; nothing of it may wait for another call to the store
 */

/* Whether the store gains by groups. False: there must be none. any thread */
bool store_has_groups(const struct store *store);

/*
 * Waits for other writers until the store's timeout is over, counted from waiting_since_ms on the monotonic clock, and
 * tries once in any case. After an error there is no group.
 */
enum status store_group_begin(struct store *store, int64_t waiting_since_ms, struct error *error) STATUS_MUST_CHECK;

/* errors  of all calls of the group alike: UNAVAILABLE, nothing was applied; UNKNOWN */
enum status store_group_end(struct store *store, struct error *error) STATUS_MUST_CHECK;

enum { STORE_RUN_ID_MAX = 40 };

/* Which Redis has the cache's entries, and the epoch in all their keys (cache/trust.c). One record. */
struct store_meta {
    int64_t epoch; /* 0: never set */
    int64_t beat;  /* moved on after writes (cache/beat.h); 0: never set, the record is of an older version */
    char cache_run_id[STORE_RUN_ID_MAX + 1];
};

enum status store_meta_get(struct store *store, struct store_meta *meta, struct error *error) STATUS_MUST_CHECK;

/* Replaces the record if its epoch and beat are still the expected ones, in one operation; swapped: whether it was. */
enum status store_meta_swap(struct store *store, const struct store_meta *expected, const struct store_meta *next,
                            bool *swapped, struct error *error) STATUS_MUST_CHECK;

/*
 * The record together with which Redis of a cluster has which slots, as one read shows them: a text of the cache's own,
 * up to STORE_SLOTS_MAX bytes of ASCII; "" if it was never set. In arena.
 *
 * The text counts only with the epoch that its first line names (cache/slots.h). So whoever moves the epoch on by
 * store_meta_swap() makes all of it void, and needs to know nothing of slots.
 */
enum { STORE_SLOTS_MAX = 1 << 20 };
enum status store_slots_get(struct store *store, struct arena *arena, struct store_meta *meta, struct slice *slots,
                            struct error *error) STATUS_MUST_CHECK;

/* store_meta_swap() that replaces the slots, too; store_meta_swap() leaves them as they are. */
enum status store_slots_swap(struct store *store, const struct store_meta *expected, const struct store_meta *next,
                             struct slice slots, bool *swapped, struct error *error) STATUS_MUST_CHECK;

#endif
