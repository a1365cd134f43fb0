/* SPDX-License-Identifier: MIT */
/*
 * The outbox in the embedded store: one table, a row for each fence that Redis could not take.
 *
 * A put replaces the row with the same token and id, so two rows never concern one fence. Rows have a growing number
 * (seq) and are listed by it. A replaced row keeps its number, and with it its position.
 *
 * Each put and each removal is one transaction: all of its records are written, or none. A removal names the whole
 * record as it was listed, so it does not remove what its writer has changed since.
 *
 * The heartbeat is here as well: a record that is added and removed in one transaction.
 */
#include "store/sqlite_store.h"

#include <stdio.h>

struct outbox_work {
    const struct store_fence *fences;
    size_t count, changed_count;
};

static void bind_key(struct sqlite_connection *connection, const struct store_fence *fence)
{
    sqlite_bind_text(connection, 1, slice_of(fence->token.text));
    sqlite_bind_text(connection, 2, slice_of(fence->id));
}

/* Runs SQL_OUTBOX_PUT or SQL_OUTBOX_REMOVE. */
static bool outbox_run(struct sqlite_connection *connection, enum sqlite_sql sql, const struct store_fence *fence)
{
    sqlite_use(connection, sql);
    bind_key(connection, fence);
    sqlite_bind_int(connection, 3, fence->deadline_at_ms);
    sqlite_bind_int(connection, 4, fence->is_closed);
    return sqlite_run(connection);
}

static enum status put_body(struct sqlite_connection *connection, void *ctx, struct error *error)
{
    const struct outbox_work *work = ctx;
    for (size_t i = 0; i < work->count; i++)
        if (!outbox_run(connection, SQL_OUTBOX_PUT, &work->fences[i]))
            return sqlite_failed(connection, "add to the outbox", error);
    return STATUS_OK;
}

static enum status remove_body(struct sqlite_connection *connection, void *ctx, struct error *error)
{
    struct outbox_work *work = ctx;
    for (size_t i = 0; i < work->count; i++) {
        if (!outbox_run(connection, SQL_OUTBOX_REMOVE, &work->fences[i]))
            return sqlite_failed(connection, "remove from the outbox", error);
        if (sqlite_change_count(connection) > 0)
            continue;
        sqlite_use(connection, SQL_OUTBOX_HAS);
        bind_key(connection, &work->fences[i]);
        enum sqlite_step step = sqlite_step(connection);
        if (step == STEP_FAILED)
            return sqlite_failed(connection, "look into the outbox", error);
        work->changed_count += step == STEP_ROW ? 1 : 0;
    }
    return STATUS_OK;
}

enum status sqlite_outbox_put(struct store *store, const struct store_fence *fences, size_t count, struct error *error)
{
    struct outbox_work work = {.fences = fences, .count = count};
    return sqlite_transact(sqlite_file_of(store), put_body, &work, error);
}

enum status sqlite_outbox_remove(struct store *store, const struct store_fence *fences, size_t count,
                                 size_t *changed_count, struct error *error)
{
    struct outbox_work work = {.fences = fences, .count = count};
    enum status status = sqlite_transact(sqlite_file_of(store), remove_body, &work, error);
    *changed_count = work.changed_count;
    return status;
}

enum status sqlite_outbox_list(struct store *store, const struct store_fence *after, struct store_fence *fences,
                               size_t limit, size_t *count, struct error *error)
{
    struct sqlite_connection *connection;
    enum status status = sqlite_take(sqlite_file_of(store), LANE_READ, &connection, error);
    if (status)
        return status;
    sqlite_use(connection, SQL_OUTBOX_LIST);
    sqlite_bind_int(connection, 1, after ? after->place : INT64_MIN);
    sqlite_bind_int(connection, 2, (int64_t)limit);
    enum sqlite_step step = STEP_ROW;
    while (*count < limit && (step = sqlite_step(connection)) == STEP_ROW) {
        struct store_fence *fence = &fences[(*count)++];
        snprintf(fence->token.text, sizeof(fence->token.text), "%s", sqlite_column_text(connection, 0).data);
        snprintf(fence->id, sizeof(fence->id), "%s", sqlite_column_text(connection, 1).data);
        fence->deadline_at_ms = sqlite_column_int(connection, 2);
        fence->is_closed = sqlite_column_int(connection, 3) != 0;
        fence->place = sqlite_column_int(connection, 4);
    }
    if (step == STEP_FAILED)
        status = sqlite_failed(connection, "read the outbox", error);
    sqlite_give_back(connection);
    return status;
}

/* ---- The heartbeat ---- */

/* The changed pages go to the disk, and no drain sees the record. */
static enum status heartbeat_body(struct sqlite_connection *connection, void *ctx, struct error *error)
{
    static const struct store_fence fence = {
        .token = {"00000000000000000000000000000000"}, .id = "heartbeat", .is_closed = true};
    (void)ctx;
    bool is_written =
        outbox_run(connection, SQL_OUTBOX_PUT, &fence) && outbox_run(connection, SQL_OUTBOX_REMOVE, &fence);
    return is_written ? STATUS_OK : sqlite_failed(connection, "write a heartbeat", error);
}

enum status sqlite_heartbeat(struct store *store, struct error *error)
{
    return sqlite_transact(sqlite_file_of(store), heartbeat_body, NULL, error);
}
