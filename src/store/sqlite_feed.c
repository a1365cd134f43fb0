/* SPDX-License-Identifier: MIT */
/*
 * The feed in the embedded store: a table that triggers fill (sqlite_sql.c), in the transaction of each change.
 *
 * Why triggers: a change by any program is told, and none can forget to. What a savepoint of a group takes back, its
 * row goes with. The numbers grow in the order of the commits, because a writer holds the file's lock from its begin to
 * its commit. So a reader that has seen a row has seen all rows before it.
 *
 * A reader of the file needs no lock, and costs one search by number. Whether rows are missing, or are another
 * history's after a restored backup, store_dispatch.c sees by numbers and marks.
 */
#include "store/sqlite_store.h"

#include <stdio.h>

enum status sqlite_feed_last(struct store *store, struct feed_place *last, struct error *error)
{
    struct sqlite_connection *connection;
    enum status status = sqlite_take(sqlite_file_of(store), LANE_READ, &connection, error);
    if (status)
        return status;
    sqlite_use(connection, SQL_FEED_LAST);
    enum sqlite_step step = sqlite_step(connection);
    if (step == STEP_ROW)
        *last = (struct feed_place){sqlite_column_int(connection, 0), (uint32_t)sqlite_column_int(connection, 1)};
    else if (step == STEP_FAILED)
        status = sqlite_failed(connection, "read the feed", error);
    else
        status = error_set(error, STATUS_MISMATCH, "sqlite: the feed is empty: somebody has deleted its rows");
    sqlite_give_back(connection);
    return status;
}

static void row_read(struct sqlite_connection *connection, struct feed_row *row)
{
    row->place = (struct feed_place){sqlite_column_int(connection, 0), (uint32_t)sqlite_column_int(connection, 1)};
    row->kind = (enum feed_kind)sqlite_column_int(connection, 2);
    snprintf(row->id, sizeof(row->id), "%s", sqlite_column_text(connection, 3).data);
    row->v = sqlite_column_int(connection, 4);
    row->life = sqlite_column_int(connection, 5);
}

enum status sqlite_feed_read(struct store *store, const struct feed_place *after, struct feed_rows *rows,
                             struct error *error)
{
    struct sqlite_connection *connection;
    enum status status = sqlite_take(sqlite_file_of(store), LANE_READ, &connection, error);
    if (status)
        return status;
    sqlite_use(connection, SQL_FEED_READ);
    sqlite_bind_int(connection, 1, after->seq);
    enum sqlite_step step = STEP_ROW;
    while (rows->count < STORE_FEED_MAX && (step = sqlite_step(connection)) == STEP_ROW)
        row_read(connection, &rows->items[rows->count++]);
    rows->more = step == STEP_ROW;
    if (step == STEP_FAILED)
        status = sqlite_failed(connection, "read the feed", error);
    sqlite_give_back(connection);
    return status;
}
