/* SPDX-License-Identifier: MIT */
/*
 * The seam to the truth: what the service asks of a database. mongo.c and sqlite.c are two ways to fill it.
 *
 * All calls block and may be made from any number of pool threads at once; none may be made on the loop (pool.h runs them).
 * Every call ends within the time limits of store_options. A store knows nothing of the cache.
 *
 * Reads see the last committed state that can't roll back (MongoDB: primary, read concern majority). Writes are durable when
 * they return STATUS_OK (MongoDB: w=majority, journal; SQLite: synchronous=FULL).
 *
 * errors, for all: STATUS_UNAVAILABLE: nothing was applied; STATUS_UNKNOWN: writes only, outcome not known.
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
    uint32_t concurrency; /* calls under way at once: SQLite readers, MongoDB clients */
};

/*
 * Makes ready for the store that the URI names. Nothing is connected or opened yet, so a server that is away, or a file that
 * can't be opened, is no error here: calls fail until it is there.
 * errors  STATUS_INVALID: the URI, with what is wrong in it
 */
enum status store_open(struct store **store, const struct store_options *options,
                       struct error *error) STATUS_MUST_CHECK;

/* After the last call has returned; NULL is fine. */
void store_close(struct store *store);

/* "sqlite" or "mongodb". */
const char *store_kind(const struct store *store);

/*
 * Makes what is missing (indexes, tables) and checks that the store answers. Called until it succeeds once, before the
 * first use, and again whenever readiness is asked for; cheap when all is there.
 */
enum status store_prepare(struct store *store, struct error *error) STATUS_MUST_CHECK;

/* Whether what it made is still there, as far as is known: somebody may drop a collection, and its indexes with it. any thread */
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
    struct cursor after; /* rows behind this place, in the query's order */
};

struct store_page {
    struct todo *todos; /* in the arena */
    size_t count;
    bool more; /* there are rows behind the last one */
};

/* Reads one page by index range, never by counting or skipping; page and texts lie in arena. */
enum status store_list(struct store *store, const struct store_query *query, struct arena *arena,
                       struct store_page *page, struct error *error) STATUS_MUST_CHECK;

/*
 * Inserts a complete todo, exactly as given. STATUS_EXISTS: its id is taken (and the stored row is not this very one, left
 * by a retried insert).
 */
enum status store_insert(struct store *store, const struct todo *todo, struct error *error) STATUS_MUST_CHECK;

/* Which life of an id, and which state in it: what an entity tag says. Two lives of one id differ in created_at. */
struct store_version {
    int64_t v;
    int64_t created_at_ms;
};

struct store_versions {
    bool given;
    bool any;                          /* "*": whatever is there */
    const struct store_version *items; /* borrowed for the call */
    size_t count;
};

/* What must hold for a change to be made, in RFC 9110 13.2.2's order. All zero but unmodified_since_s: nothing is asked. */
struct store_condition {
    struct store_versions match;      /* If-Match: the todo exists and is one of these */
    int64_t unmodified_since_s;       /* If-Unmodified-Since, Unix time; -1: not asked; looked at only without match */
    struct store_versions none_match; /* If-None-Match: the todo doesn't exist, or is none of these */
};

/* Whether current (NULL: there is no such todo) meets the condition. For the stores, and for reads. */
bool store_condition_holds(const struct store_condition *condition, const struct todo *current);

enum store_change_kind {
    STORE_REPLACE, /* name, description, done become the todo's; creates it if there is none */
    STORE_MERGE,   /* those of the three that fields names */
    STORE_DELETE,
};

struct store_change {
    enum store_change_kind kind;
    unsigned fields;         /* MERGE: bits 1u << TODO_NAME, TODO_DESCRIPTION, TODO_DONE */
    const struct todo *todo; /* id; the values; updated_at_ms: now. Complete, as for store_insert, if it may create */
    struct store_condition condition;
};

/* The fields of a todo that exists which take the change's values; updated_at_ms and v come on top. */
static inline unsigned store_change_fields(const struct store_change *change)
{
    return change->kind == STORE_REPLACE ? (unsigned)TODO_WRITE_FIELDS : change->fields;
}

struct store_changed {
    bool created;
    struct todo todo; /* as it is now (DELETE: as it was), texts in the arena */
};

/*
 * Changes one todo, deciding the condition in the same operation: of two changes under one If-Match, one is made.
 * A change gives v + 1 and updated_at_ms; created_at stays.
 *
 * errors  STATUS_MISMATCH: the condition doesn't hold; STATUS_NOT_FOUND: MERGE or DELETE of what isn't there;
 *         STATUS_INVALID: what is stored there can't be read, or its v can't grow;
 *         STATUS_BUSY: others changed it all the time
 */
enum status store_change(struct store *store, const struct store_change *change, struct arena *arena,
                         struct store_changed *changed, struct error *error) STATUS_MUST_CHECK;

enum { STORE_KEY_MAX = 255, STORE_FINGERPRINT_LEN = 32 };

/*
 * The first answer to a request with an Idempotency-Key, kept beside the data (draft-ietf-httpapi-idempotency-key-header).
 * A record is running from begin to end; past its deadline a running one may be taken over by the same request.
 */
struct store_answer {
    char key[STORE_KEY_MAX + 1];
    char fingerprint[STORE_FINGERPRINT_LEN + 1]; /* of the request */
    char id[TODO_ID_MAX +
            1]; /* of the todo that it makes; a request that takes over keeps this and the next one, so that */
    int64_t created_at_ms;   /* an insert made by the first is recognised as its own */
    int64_t deadline_at_ms;  /* while running */
    int64_t expires_at_ms;   /* then the record is as if it had never been */
    int http_status;         /* 0: running */
    struct slice body, etag; /* of the answer; in the arena when read */
};

/*
 * Begins: writes answer as a running record if its key is new (or expired), or takes over a running one past its deadline, whose
 * id then replaces answer->id: STATUS_OK.
 * errors  STATUS_EXISTS: there is an answer already, and answer holds it; STATUS_BUSY: it is still running;
 *         STATUS_MISMATCH: the key was used for another request
 */
enum status store_answer_begin(struct store *store, struct store_answer *answer, struct arena *arena,
                               struct error *error) STATUS_MUST_CHECK;

/*
 * Ends: keeps the answer, until the expires_at_ms that it has now. The first end counts.
 * errors  STATUS_NOT_FOUND: no such request is running (another ended it after a take-over, or it expired)
 */
enum status store_answer_end(struct store *store, const struct store_answer *answer,
                             struct error *error) STATUS_MUST_CHECK;

/*
 * Forgets a running record: nothing was done, the request may come again. Only one's own, which its deadline tells:
 * one that was taken over meanwhile stays, and that is no error.
 */
enum status store_answer_forget(struct store *store, const struct store_answer *answer,
                                struct error *error) STATUS_MUST_CHECK;

enum store_load_mode {
    STORE_LOAD_INSERT, /* STATUS_EXISTS for a taken id */
    STORE_LOAD_UPSERT, /* a taken id gets name, description, done, updated_at_ms and v + 1; created_at stays */
};

/*
 * Writes many todos, unordered; one that fails doesn't stop the others.
 *
 * results  one per todo: STATUS_OK or STATUS_EXISTS; valid if STATUS_OK is returned
 * errors   of the call as a whole; the todos are then applied in part or not at all, and may be sent again with UPSERT
 */
enum status store_load(struct store *store, const struct todo *todos, size_t count, enum store_load_mode mode,
                       enum status *results, struct error *error) STATUS_MUST_CHECK;

/*
 * The outbox: fences that Redis could not take, kept beside the data they concern until it can (cache/outbox.c). A record is
 * one writer's fence on one id. It is open while the write may still be applied, settled afterwards.
 */
struct store_fence {
    struct token token; /* the writer's; with id, the record's key */
    char id[TODO_ID_MAX + 1];
    int64_t deadline_at_ms; /* Unix time; an open record past it counts as settled */
    bool settled;
};

/* Adds records, or replaces those with the same token and id. All or an error. */
enum status store_outbox_put(struct store *store, const struct store_fence *fences, size_t count,
                             struct error *error) STATUS_MUST_CHECK;

/* Reads up to limit records, oldest first, into fences (room for limit). */
enum status store_outbox_list(struct store *store, struct store_fence *fences, size_t limit, size_t *count,
                              struct error *error) STATUS_MUST_CHECK;

/* Removes the records with these tokens and ids; those already gone are no error. */
enum status store_outbox_remove(struct store *store, const struct store_fence *fences, size_t count,
                                struct error *error) STATUS_MUST_CHECK;

/*
 * Purges: what a write makes old in a cache in front of the service, kept beside the data until that cache has acknowledged
 * its purge (cache/purge.h). A record is one call to one cache; token and sequence are its key.
 */
enum {
    STORE_PURGE_KEYS_MAX = 7000, /* bytes of a record's keys */
    STORE_PURGE_KEPT_S =
        7 * 86400 /* past its due time; then it goes, whoever it was for: nothing is cached for so long */
};

struct store_purge {
    struct token token; /* the writer's */
    uint32_t sequence;
    const char *url;   /* of the cache; borrowed */
    const char *keys;  /* with blanks between them; borrowed, in the arena when read */
    int64_t due_at_ms; /* Unix time; before it only the writer's process sends it, from then on everybody may */
};

struct store_purge_query {
    const char *url;
    int64_t due_by_ms;
    size_t limit; /* 1 or more */
};

/* Adds records, or replaces those with the same token and sequence. All or an error. */
enum status store_purge_put(struct store *store, const struct store_purge *purges, size_t count,
                            struct error *error) STATUS_MUST_CHECK;

/* Reads records of a URL that are due, longest due first, into purges (room for limit). */
enum status store_purge_list(struct store *store, const struct store_purge_query *query, struct arena *arena,
                             struct store_purge *purges, size_t *count, struct error *error) STATUS_MUST_CHECK;

/* Removes the records with these tokens and sequences (nothing else of them is looked at); those already gone are no error. */
enum status store_purge_remove(struct store *store, const struct store_purge *purges, size_t count,
                               struct error *error) STATUS_MUST_CHECK;

enum { STORE_RUN_ID_MAX = 40 };

/* Which Redis the cache's entries are in, and the epoch that stands in all their keys (cache/trust.c). One record. */
struct store_meta {
    int64_t epoch; /* 0: never set */
    char cache_run_id[STORE_RUN_ID_MAX + 1];
};

enum status store_meta_get(struct store *store, struct store_meta *meta, struct error *error) STATUS_MUST_CHECK;

/* Replaces the record if its epoch is still expected_epoch, in one operation; swapped tells whether it was. */
enum status store_meta_swap(struct store *store, int64_t expected_epoch, const struct store_meta *meta, bool *swapped,
                            struct error *error) STATUS_MUST_CHECK;

#endif
