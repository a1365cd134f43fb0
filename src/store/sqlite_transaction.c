/* SPDX-License-Identifier: MIT */
/*
 * Transactions of the embedded store: one for each call that writes, or one for a group of calls.
 *
 * A call by itself is BEGIN IMMEDIATE, the work, COMMIT. A group is the same around many calls, each in a savepoint:
 *
 *   BEGIN IMMEDIATE, {SAVEPOINT, work of a call, RELEASE or ROLLBACK TO}, ..., COMMIT
 *
 * A commit waits for the disk; so a group waits once for all of its calls. A call of a group that fails takes back what
 * it wrote itself and nothing else. It reads what the calls before it have written, so of two changes under one
 * If-Match the second one is refused, as it would be after the first one's commit.
 *
 * What a call of a group returns holds only if the group is committed. If that fails, sqlite_group_end() says so for
 * all, the refused ones too: a taken id may have been taken by a call of this very group.
 *
 * Some errors (a full disk, an interrupted statement) make sqlite roll back the whole transaction. Outside of one, a
 * savepoint would begin and commit its own. So each call first looks whether the transaction still stands. If not, the
 * rest of the group is refused, and its end returns the error that it was lost by; nothing of it was written.
 *
 * No thread but the group's own sees what a group has not committed: readers have other connections.
 */
#include "store/sqlite_store.h"

/* Of this thread's group: what rolled it back; STATUS_OK: nothing did. */
static _Thread_local struct error group_lost;

static enum status transact_alone(struct sqlite_connection *connection, sqlite_body_fn body, void *ctx,
                                  struct error *error)
{
    enum status status = sqlite_begin(connection, error);
    if (status)
        return status;
    status = body(connection, ctx, error);
    if (status == STATUS_OK)
        status = sqlite_commit(connection, error);
    sqlite_end(connection);
    return status;
}

static bool run(struct sqlite_connection *connection, enum sqlite_sql sql)
{
    sqlite_use(connection, sql);
    return sqlite_run(connection);
}

/* The transaction is rolled back: by sqlite itself, or here. */
static enum status group_lose(struct sqlite_connection *connection, const struct error *error)
{
    group_lost = *error;
    group_lost.status = STATUS_UNAVAILABLE;
    if (sqlite_is_begun(connection))
        (void)run(connection, SQL_ROLLBACK);
    return STATUS_UNAVAILABLE;
}

static enum status transact_in_group(struct sqlite_connection *connection, sqlite_body_fn body, void *ctx,
                                     struct error *error)
{
    if (!sqlite_is_begun(connection)) {
        *error = group_lost;
        return STATUS_UNAVAILABLE;
    }
    if (!run(connection, SQL_SAVEPOINT))
        return sqlite_failed(connection, "begin a part of a transaction", error);
    enum status status = body(connection, ctx, error);
    if (!sqlite_is_begun(connection))
        return group_lose(connection, error);
    if ((status == STATUS_OK || run(connection, SQL_ROLLBACK_TO)) && run(connection, SQL_RELEASE))
        return status;
    (void)sqlite_failed(connection, "end a part of a transaction", error);
    return group_lose(connection, error);
}

enum status sqlite_transact(struct sqlite_file *file, sqlite_body_fn body, void *ctx, struct error *error)
{
    struct sqlite_connection *connection;
    struct error ignored = {0};
    if (!error)
        error = &ignored;
    enum status status = sqlite_take(file, LANE_WRITE, &connection, error);
    if (status)
        return status;
    status = sqlite_is_shared(connection) ? transact_in_group(connection, body, ctx, error)
                                          : transact_alone(connection, body, ctx, error);
    sqlite_give_back(connection);
    return status;
}

enum status sqlite_group_begin(struct store *store, int64_t waiting_since_ms, struct error *error)
{
    struct sqlite_connection *connection;
    enum status status = sqlite_take_since(sqlite_file_of(store), LANE_WRITE, waiting_since_ms, &connection, error);
    if (status)
        return status;
    status = sqlite_begin(connection, error);
    if (status)
        sqlite_give_back(connection);
    else
        sqlite_share(connection);
    return status;
}

void sqlite_group_drop(void)
{
    struct sqlite_connection *connection = sqlite_share(NULL);
    sqlite_end(connection);
    sqlite_give_back(connection);
}

enum status sqlite_group_end(struct store *store, struct error *error)
{
    struct sqlite_connection *connection = sqlite_share(NULL);
    (void)store;
    enum status status = STATUS_UNAVAILABLE;
    if (sqlite_is_begun(connection))
        status = sqlite_commit(connection, error);
    else if (error)
        *error = group_lost;
    sqlite_end(connection);
    sqlite_give_back(connection);
    return status;
}
