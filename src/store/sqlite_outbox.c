/* SPDX-License-Identifier: MIT */
/*
 * The outbox in the embedded store: one table, a row for each fence that Redis could not take.
 *
 * A put replaces the row with the same token and id, so two rows never concern one fence. Rows have a growing number
 * (seq) and are listed by it. A replaced row keeps its number, and with it its position.
 *
 * Each put and each removal is one transaction: all of its records are written, or none.
 */
#include "store/sqlite_store.h"

#include <stdio.h>

struct outbox_work {
    const struct store_fence *fences;
    size_t count;
    enum sqlite_sql sql;
};

static enum status outbox_body(struct sqlite_connection *connection, void *ctx, struct error *error)
{
    struct outbox_work *work = ctx;
    sqlite_use(connection, work->sql);
    for (size_t i = 0; i < work->count; i++) {
        const struct store_fence *fence = &work->fences[i];
        sqlite_bind_text(connection, 1, slice_of(fence->token.text));
        sqlite_bind_text(connection, 2, slice_of(fence->id));
        if (work->sql == SQL_OUTBOX_PUT) {
            sqlite_bind_int(connection, 3, fence->deadline_at_ms);
            sqlite_bind_int(connection, 4, fence->is_closed);
        }
        if (!sqlite_run(connection))
            return sqlite_failed(connection, "change the outbox", error);
    }
    return STATUS_OK;
}

enum status sqlite_outbox_put(struct store *store, const struct store_fence *fences, size_t count, struct error *error)
{
    struct outbox_work work = {.fences = fences, .count = count, .sql = SQL_OUTBOX_PUT};
    return sqlite_transact(sqlite_file_of(store), outbox_body, &work, error);
}

enum status sqlite_outbox_remove(struct store *store, const struct store_fence *fences, size_t count,
                                 struct error *error)
{
    struct outbox_work work = {.fences = fences, .count = count, .sql = SQL_OUTBOX_REMOVE};
    return sqlite_transact(sqlite_file_of(store), outbox_body, &work, error);
}

enum status sqlite_outbox_list(struct store *store, struct store_fence *fences, size_t limit, size_t *count,
                               struct error *error)
{
    struct sqlite_connection *connection;
    enum status status = sqlite_take(sqlite_file_of(store), LANE_READ, &connection, error);
    if (status)
        return status;
    sqlite_use(connection, SQL_OUTBOX_LIST);
    sqlite_bind_int(connection, 1, (int64_t)limit);
    enum sqlite_step step = STEP_ROW;
    while (*count < limit && (step = sqlite_step(connection)) == STEP_ROW) {
        struct store_fence *fence = &fences[(*count)++];
        snprintf(fence->token.text, sizeof(fence->token.text), "%s", sqlite_column_text(connection, 0).data);
        snprintf(fence->id, sizeof(fence->id), "%s", sqlite_column_text(connection, 1).data);
        fence->deadline_at_ms = sqlite_column_int(connection, 2);
        fence->is_closed = sqlite_column_int(connection, 3) != 0;
    }
    if (step == STEP_FAILED)
        status = sqlite_failed(connection, "read the outbox", error);
    sqlite_give_back(connection);
    return status;
}
