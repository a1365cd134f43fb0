/* SPDX-License-Identifier: MIT */
/*
 * Purges in the embedded store: one table, a row for each call that a cache in front has not yet acknowledged.
 *
 * A row is written before the write that it belongs to, in a transaction of its own, so a crash can't keep the change
 * and lose the purge. A row is found again by its due time. From then on its writer is not working on it any more.
 *
 * Rows that no worker wants any more (the URL is no longer in the settings) would stay for ever. So each put also
 * deletes a bounded number of rows whose time is long past, which costs one look at the index when there are none.
 */
#include "store/sqlite_store.h"

#include <stdio.h>

#include "base/clock.h"

enum { SWEEP_COUNT = 8 }; /* old rows that one put deletes at most */

struct purge_work {
    const struct store_purge *purges;
    size_t count;
};

static enum status sweep(struct sqlite_connection *connection, struct error *error)
{
    sqlite_use(connection, SQL_PURGE_SWEEP);
    sqlite_bind_int(connection, 1, clock_wall_ms() - STORE_PURGE_KEPT_S * INT64_C(1000));
    sqlite_bind_int(connection, 2, SWEEP_COUNT);
    return sqlite_run(connection) ? STATUS_OK : sqlite_failed(connection, "delete old purges", error);
}

static enum status put_body(struct sqlite_connection *connection, void *ctx, struct error *error)
{
    const struct purge_work *work = ctx;
    enum status status = sweep(connection, error);
    if (status)
        return status;
    sqlite_use(connection, SQL_PURGE_PUT);
    for (size_t i = 0; i < work->count; i++) {
        const struct store_purge *purge = &work->purges[i];
        sqlite_bind_text(connection, 1, slice_of(purge->token.text));
        sqlite_bind_int(connection, 2, purge->sequence);
        sqlite_bind_text(connection, 3, slice_of(purge->url));
        sqlite_bind_text(connection, 4, slice_of(purge->keys));
        sqlite_bind_int(connection, 5, purge->due_at_ms);
        if (!sqlite_run(connection))
            return sqlite_failed(connection, "note a purge", error);
    }
    return STATUS_OK;
}

enum status sqlite_purge_put(struct store *store, const struct store_purge *purges, size_t count, struct error *error)
{
    struct purge_work work = {.purges = purges, .count = count};
    return sqlite_transact(sqlite_file_of(store), put_body, &work, error);
}

static enum status remove_body(struct sqlite_connection *connection, void *ctx, struct error *error)
{
    const struct purge_work *work = ctx;
    sqlite_use(connection, SQL_PURGE_REMOVE);
    for (size_t i = 0; i < work->count; i++) {
        sqlite_bind_text(connection, 1, slice_of(work->purges[i].token.text));
        sqlite_bind_int(connection, 2, work->purges[i].sequence);
        if (!sqlite_run(connection))
            return sqlite_failed(connection, "remove a purge", error);
    }
    return STATUS_OK;
}

enum status sqlite_purge_remove(struct store *store, const struct store_purge *purges, size_t count,
                                struct error *error)
{
    struct purge_work work = {.purges = purges, .count = count};
    return sqlite_transact(sqlite_file_of(store), remove_body, &work, error);
}

static void purge_read(struct sqlite_connection *connection, const char *url, struct arena *arena,
                       struct store_purge *purge)
{
    *purge = (struct store_purge){.url = url, .sequence = (uint32_t)sqlite_column_int(connection, 1)};
    snprintf(purge->token.text, sizeof(purge->token.text), "%s", sqlite_column_text(connection, 0).data);
    purge->keys = arena_copy(arena, sqlite_column_text(connection, 2)).data;
    purge->due_at_ms = sqlite_column_int(connection, 3);
}

enum status sqlite_purge_list(struct store *store, const struct store_purge_query *query, struct arena *arena,
                              struct store_purge *purges, size_t *count, struct error *error)
{
    struct sqlite_connection *connection;
    enum status status = sqlite_take(sqlite_file_of(store), LANE_READ, &connection, error);
    if (status)
        return status;
    sqlite_use(connection, SQL_PURGE_LIST);
    sqlite_bind_text(connection, 1, slice_of(query->url));
    sqlite_bind_int(connection, 2, query->due_by_ms);
    sqlite_bind_int(connection, 3, (int64_t)query->limit);
    enum sqlite_step step = STEP_ROW;
    while (*count < query->limit && (step = sqlite_step(connection)) == STEP_ROW)
        purge_read(connection, query->url, arena, &purges[(*count)++]);
    if (step == STEP_FAILED)
        status = sqlite_failed(connection, "read the purges", error);
    sqlite_give_back(connection);
    return status;
}
