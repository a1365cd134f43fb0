/* SPDX-License-Identifier: MIT */
/*
 * The queue's journal in an SQLite file: writes that wait, outcomes, dead letters, and keys (journal.h).
 *
 * It stands on sqlite.c as the store of todos does, so it has its promises: a commit is on the disk
 * (synchronous=FULL), several processes share the file, and what a group of calls has written is there as a whole or
 * not at all. Its file is never that of the todos, because each has tables and a version of its own.
 *
 * Rows are not counted: each shard's row says how many writes wait and how many outcomes there are, and is changed in
 * the transaction that changes these. It also has the last number, so numbers grow although the rows go.
 */
#include "store/journal.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/sqlite_store.h"

enum { KEYS_SWEPT_MAX = 2 }; /* with each new key: more than come */

static void journal_close(struct store *store)
{
    struct sqlite_store *opened = container_of(store, struct sqlite_store, store);
    sqlite_file_free(opened->file);
    free(opened);
}

static const struct store_ops JOURNAL_OPS = {
    .kind = "journal",
    .close = journal_close,
    .group_begin = sqlite_group_begin,
    .group_end = sqlite_group_end,
};

struct store *store_journal_new(const char *path, uint32_t reader_count, uint32_t timeout_ms)
{
    struct sqlite_store *opened = mem_zalloc(sizeof(*opened));
    opened->store.ops = &JOURNAL_OPS;
    opened->file = sqlite_file_new(path, &SQLITE_QUEUE, reader_count, timeout_ms);
    return &opened->store;
}

static void use(struct sqlite_connection *connection, enum sqlite_sql sql, unsigned shard, int64_t number)
{
    sqlite_use(connection, sql);
    sqlite_bind_int(connection, 1, shard);
    sqlite_bind_int(connection, 2, number);
}

/* A statement about one number; changed: rows. */
static enum status run(struct sqlite_connection *connection, int64_t *changed, struct error *error)
{
    if (!sqlite_run(connection))
        return sqlite_failed(connection, "write to the journal", error);
    if (changed)
        *changed = sqlite_change_count(connection);
    return STATUS_OK;
}

static enum status count(struct sqlite_connection *connection, unsigned shard, int64_t last, int64_t waiting,
                         int64_t outcomes, struct error *error)
{
    use(connection, SQL_QUEUE_COUNT, shard, last);
    sqlite_bind_int(connection, 3, waiting);
    sqlite_bind_int(connection, 4, outcomes);
    return run(connection, NULL, error);
}

static enum status probe_body(struct sqlite_connection *connection, void *ctx, struct error *error)
{
    const struct slice *name = ctx;
    sqlite_use(connection, SQL_QUEUE_PROBE);
    enum status status = run(connection, NULL, error);
    if (status || name->len == 0)
        return status;
    sqlite_use(connection, SQL_QUEUE_STORE_PUT);
    sqlite_bind_text(connection, 1, *name);
    return run(connection, NULL, error);
}

enum status store_journal_probe(struct store *store, struct slice name, struct error *error)
{
    return sqlite_transact(sqlite_file_of(store), probe_body, &name, error);
}

enum status store_journal_owner(struct store *store, struct arena *arena, struct slice *name, struct error *error)
{
    struct sqlite_connection *connection;
    enum status status = sqlite_take(sqlite_file_of(store), LANE_READ, &connection, error);
    if (status)
        return status;
    sqlite_use(connection, SQL_QUEUE_STORE_GET);
    enum sqlite_step step = sqlite_step(connection);
    *name = step == STEP_ROW ? arena_copy(arena, sqlite_column_text(connection, 0)) : (struct slice){0};
    if (step == STEP_FAILED)
        status = sqlite_failed(connection, "look whose the journal is", error);
    sqlite_give_back(connection);
    return status;
}

/* ---- Arriving ---- */

struct append_work {
    struct store_arrival *arrival;
    enum store_accept *accept;
};

/* Whether the key has a ticket, or another fingerprint. */
static enum status key_look(struct sqlite_connection *connection, const struct append_work *work, struct error *error)
{
    struct store_arrival *arrival = work->arrival;
    sqlite_use(connection, SQL_QUEUE_KEY_GET);
    sqlite_bind_text(connection, 1, arrival->key);
    sqlite_bind_int(connection, 2, arrival->now_ms);
    enum sqlite_step step = sqlite_step(connection);
    if (step == STEP_FAILED)
        return sqlite_failed(connection, "look for a key in the journal", error);
    if (step == STEP_DONE)
        return STATUS_OK;
    *work->accept = slice_equal(sqlite_column_text(connection, 0), arrival->fingerprint) ? STORE_ACCEPT_KEPT
                                                                                         : STORE_ACCEPT_MISMATCH;
    arrival->shard = (unsigned)sqlite_column_int(connection, 1);
    arrival->number = sqlite_column_int(connection, 2);
    return STATUS_OK;
}

static enum status key_put(struct sqlite_connection *connection, const struct store_arrival *arrival,
                           struct error *error)
{
    sqlite_use(connection, SQL_QUEUE_KEY_PUT);
    sqlite_bind_text(connection, 1, arrival->key);
    sqlite_bind_text(connection, 2, arrival->fingerprint);
    sqlite_bind_int(connection, 3, arrival->shard);
    sqlite_bind_int(connection, 4, arrival->number);
    sqlite_bind_int(connection, 5, arrival->key_expires_at_ms);
    enum status status = run(connection, NULL, error);
    if (status)
        return status;
    sqlite_use(connection, SQL_QUEUE_KEY_SWEEP);
    sqlite_bind_int(connection, 1, arrival->now_ms);
    sqlite_bind_int(connection, 2, KEYS_SWEPT_MAX);
    return run(connection, NULL, error);
}

/* Raises *number above the last one of the shard; depth, first: of the state. */
static enum status state_read(struct sqlite_connection *connection, unsigned shard, int64_t *number, int64_t *depth,
                              int64_t *first, struct error *error)
{
    sqlite_use(connection, SQL_QUEUE_STATE);
    sqlite_bind_int(connection, 1, shard);
    if (sqlite_step(connection) != STEP_ROW)
        return sqlite_failed(connection, "read the journal's state", error);
    int64_t last = sqlite_column_int(connection, 0);
    *depth = sqlite_column_int(connection, 1);
    *first = sqlite_column_int(connection, 2);
    if (*number <= last)
        *number = last + 1;
    return STATUS_OK;
}

static enum status write_add(struct sqlite_connection *connection, const struct store_arrival *arrival,
                             struct error *error)
{
    use(connection, SQL_QUEUE_ADD, arrival->shard, arrival->number);
    sqlite_bind_text(connection, 3, arrival->id);
    sqlite_bind_text(connection, 4, arrival->text);
    enum status status = run(connection, NULL, error);
    if (status == STATUS_OK)
        status = count(connection, arrival->shard, arrival->number, 1, 0, error);
    if (status == STATUS_OK && arrival->key.data)
        status = key_put(connection, arrival, error);
    return status;
}

static enum status append_body(struct sqlite_connection *connection, void *ctx, struct error *error)
{
    struct append_work *work = ctx;
    struct store_arrival *arrival = work->arrival;
    int64_t depth, first;
    *work->accept = STORE_ACCEPTED;
    enum status status = arrival->key.data ? key_look(connection, work, error) : STATUS_OK;
    if (status || *work->accept != STORE_ACCEPTED)
        return status;
    status = state_read(connection, arrival->shard, &arrival->number, &depth, &first, error);
    if (status)
        return status;
    if (depth >= arrival->depth_max)
        *work->accept = STORE_ACCEPT_FULL;
    else if (first > 0 && first < arrival->oldest_number)
        *work->accept = STORE_ACCEPT_OLD;
    else
        return write_add(connection, arrival, error);
    return STATUS_OK;
}

enum status store_journal_append(struct store *store, struct store_arrival *arrival, enum store_accept *accept,
                                 struct error *error)
{
    struct append_work work = {.arrival = arrival, .accept = accept};
    return sqlite_transact(sqlite_file_of(store), append_body, &work, error);
}

/* ---- Leaving ---- */

static enum status bury(struct sqlite_connection *connection, const struct store_leaving *leaving, int64_t number,
                        struct error *error)
{
    use(connection, SQL_QUEUE_BURY, leaving->shard, number);
    sqlite_bind_text(connection, 3, leaving->reason);
    sqlite_bind_int(connection, 4, leaving->now_ms);
    return run(connection, NULL, error);
}

/* left: raised by 1 if the write was still there. */
static enum status leave(struct sqlite_connection *connection, const struct store_leaving *leaving,
                         const struct store_departure *item, int64_t *left, struct error *error)
{
    int64_t removed = 0;
    enum status status = leaving->reason.data ? bury(connection, leaving, item->number, error) : STATUS_OK;
    if (status)
        return status;
    use(connection, SQL_QUEUE_REMOVE, leaving->shard, item->number);
    status = run(connection, &removed, error);
    *left += removed;
    if (status || removed == 0 || leaving->reason.data)
        return status;
    use(connection, SQL_QUEUE_OUTCOME_PUT, leaving->shard, item->number);
    sqlite_bind_text(connection, 3, item->outcome);
    return run(connection, NULL, error);
}

static enum status settle_body(struct sqlite_connection *connection, void *ctx, struct error *error)
{
    const struct store_leaving *leaving = ctx;
    int64_t left = 0, swept = 0;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < leaving->count && status == STATUS_OK; i++)
        status = leave(connection, leaving, &leaving->items[i], &left, error);
    if (status == STATUS_OK)
        status = count(connection, leaving->shard, leaving->last, -left, leaving->reason.data ? 0 : left, error);
    if (status || leaving->reason.data)
        return status;
    use(connection, SQL_QUEUE_OUTCOME_SWEEP, leaving->shard, (int64_t)leaving->kept_max);
    status = run(connection, &swept, error);
    return status ? status : count(connection, leaving->shard, 0, 0, -swept, error);
}

enum status store_journal_settle(struct store *store, const struct store_leaving *leaving, struct error *error)
{
    struct store_leaving work = *leaving;
    return sqlite_transact(sqlite_file_of(store), settle_body, &work, error);
}

struct dead_work {
    unsigned shard;
    int64_t number, *retried; /* NULL: it is dropped */
};

static enum status dead_body(struct sqlite_connection *connection, void *ctx, struct error *error)
{
    struct dead_work *work = ctx;
    int64_t changed = 0, depth, first;
    enum status status = STATUS_OK;
    if (work->retried) {
        status = state_read(connection, work->shard, work->retried, &depth, &first, error);
        if (status)
            return status;
        use(connection, SQL_QUEUE_RETRY, work->shard, work->number);
        sqlite_bind_int(connection, 3, *work->retried);
        status = run(connection, NULL, error);
    }
    if (status == STATUS_OK) {
        use(connection, SQL_QUEUE_DROP, work->shard, work->number);
        status = run(connection, &changed, error);
    }
    if (status == STATUS_OK && changed == 0)
        return error_set(error, STATUS_NOT_FOUND, "there is no such dead letter");
    if (status == STATUS_OK && work->retried)
        status = count(connection, work->shard, *work->retried, 1, 0, error);
    return status;
}

enum status store_journal_retry(struct store *store, unsigned shard, int64_t dead_number, int64_t *number,
                                struct error *error)
{
    struct dead_work work = {.shard = shard, .number = dead_number, .retried = number};
    return sqlite_transact(sqlite_file_of(store), dead_body, &work, error);
}

enum status store_journal_drop(struct store *store, unsigned shard, int64_t number, struct error *error)
{
    struct dead_work work = {.shard = shard, .number = number};
    return sqlite_transact(sqlite_file_of(store), dead_body, &work, error);
}

/* ---- Reading ---- */

enum status store_journal_read(struct store *store, const struct store_journal_query *query, struct arena *arena,
                               struct store_journal_row *rows, size_t *row_count, struct error *error)
{
    struct sqlite_connection *connection;
    size_t bytes = 0;
    enum status status = sqlite_take(sqlite_file_of(store), LANE_READ, &connection, error);
    if (status)
        return status;
    use(connection, query->dead ? SQL_QUEUE_DEAD_READ : SQL_QUEUE_READ, query->shard, query->after);
    sqlite_bind_int(connection, 3, (int64_t)query->limit);
    enum sqlite_step step = STEP_ROW;
    while (bytes < query->bytes_max && (step = sqlite_step(connection)) == STEP_ROW) {
        struct store_journal_row *row = &rows[(*row_count)++];
        *row = (struct store_journal_row){.number = sqlite_column_int(connection, 0),
                                          .text = arena_copy(arena, sqlite_column_text(connection, 1))};
        bytes += row->text.len;
        if (!query->dead)
            continue;
        row->reason = arena_copy(arena, sqlite_column_text(connection, 2));
        row->died_at_ms = sqlite_column_int(connection, 3);
    }
    if (step == STEP_FAILED)
        status = sqlite_failed(connection, "read the journal", error);
    sqlite_give_back(connection);
    return status;
}

enum status store_journal_find(struct store *store, unsigned shard, int64_t number, struct arena *arena,
                               struct store_journal_found *found, struct error *error)
{
    struct sqlite_connection *connection;
    enum status status = sqlite_take(sqlite_file_of(store), LANE_READ, &connection, error);
    if (status)
        return status;
    use(connection, SQL_QUEUE_FIND, shard, number);
    enum sqlite_step step = sqlite_step(connection);
    *found = (struct store_journal_found){.place = STORE_NOWHERE};
    if (step == STEP_ROW) {
        found->place = (enum store_place)sqlite_column_int(connection, 0);
        found->text = arena_copy(arena, sqlite_column_text(connection, 1));
        found->reason = arena_copy(arena, sqlite_column_text(connection, 2));
    } else if (step == STEP_FAILED) {
        status = sqlite_failed(connection, "look for a ticket in the journal", error);
    }
    sqlite_give_back(connection);
    return status;
}

enum status store_journal_look(struct store *store, struct store_journal_shard shards[STORE_JOURNAL_SHARDS],
                               struct error *error)
{
    struct sqlite_connection *connection;
    enum status status = sqlite_take(sqlite_file_of(store), LANE_READ, &connection, error);
    if (status)
        return status;
    sqlite_use(connection, SQL_QUEUE_LOOK);
    enum sqlite_step step;
    while ((step = sqlite_step(connection)) == STEP_ROW) {
        int64_t shard = sqlite_column_int(connection, 0);
        if (shard < 0 || shard >= STORE_JOURNAL_SHARDS)
            continue;
        shards[shard] = (struct store_journal_shard){
            .depth = sqlite_column_int(connection, 1),
            .first_number = sqlite_column_int(connection, 2),
            .dead_count = sqlite_column_int(connection, 3),
            .last_number = sqlite_column_int(connection, 4),
        };
    }
    if (step == STEP_FAILED)
        status = sqlite_failed(connection, "look at the journal", error);
    sqlite_give_back(connection);
    return status;
}
