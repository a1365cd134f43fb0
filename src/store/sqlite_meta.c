/* SPDX-License-Identifier: MIT */
/*
 * The epoch, the beat and the slots in the embedded store: one row, which a CHECK keeps the only one.
 *
 * The swap is one statement that changes the row only if it still is the expected one. Of several workers that found
 * another Redis exactly one moves the epoch on. A file without the row has epoch 0, so the first swap inserts it. If
 * the slots change, too, a second statement of the same transaction writes them.
 *
 * The barrier is here as well: both say where the store stands.
 */
#include "store/sqlite_store.h"

#include <stdio.h>

/* slots: NULL if they aren't wanted. */
static enum status meta_read(struct store *store, struct store_meta *meta, struct arena *arena, struct slice *slots,
                             struct error *error)
{
    struct sqlite_connection *connection;
    enum status status = sqlite_take(sqlite_file_of(store), LANE_READ, &connection, error);
    if (status)
        return status;
    sqlite_use(connection, slots ? SQL_SLOTS_GET : SQL_META_GET);
    switch (sqlite_step(connection)) {
    case STEP_ROW:
        meta->epoch = sqlite_column_int(connection, 0);
        meta->beat = sqlite_column_int(connection, 1);
        snprintf(meta->cache_run_id, sizeof(meta->cache_run_id), "%s", sqlite_column_text(connection, 2).data);
        if (slots)
            *slots = arena_copy(arena, sqlite_column_text(connection, 3));
        break;
    case STEP_DONE:
        break; /* never set: the epoch is 0 */
    case STEP_FAILED:
        status = sqlite_failed(connection, "read the epoch", error);
        break;
    }
    sqlite_give_back(connection);
    return status;
}

enum status sqlite_meta_get(struct store *store, struct store_meta *meta, struct error *error)
{
    return meta_read(store, meta, NULL, NULL, error);
}

enum status sqlite_slots_get(struct store *store, struct arena *arena, struct store_meta *meta, struct slice *slots,
                             struct error *error)
{
    return meta_read(store, meta, arena, slots, error);
}

struct meta_work {
    const struct store_meta *expected, *next;
    const struct slice *slots; /* NULL: they stay */
    bool swapped;
};

static enum status meta_body(struct sqlite_connection *connection, void *ctx, struct error *error)
{
    struct meta_work *work = ctx;
    sqlite_use(connection, SQL_META_SWAP);
    sqlite_bind_int(connection, 1, work->expected->epoch);
    sqlite_bind_int(connection, 2, work->expected->beat);
    sqlite_bind_int(connection, 3, work->next->epoch);
    sqlite_bind_int(connection, 4, work->next->beat);
    sqlite_bind_text(connection, 5, slice_of(work->next->cache_run_id));
    if (!sqlite_run(connection))
        return sqlite_failed(connection, "move epoch or beat on", error);
    work->swapped = sqlite_change_count(connection) > 0;
    if (!work->swapped || !work->slots)
        return STATUS_OK;
    sqlite_use(connection, SQL_SLOTS_PUT);
    sqlite_bind_text(connection, 1, *work->slots);
    return sqlite_run(connection) ? STATUS_OK : sqlite_failed(connection, "keep the slots", error);
}

static enum status meta_swap(struct store *store, struct meta_work work, bool *swapped, struct error *error)
{
    enum status status = sqlite_transact(sqlite_file_of(store), meta_body, &work, error);
    *swapped = status == STATUS_OK && work.swapped;
    return status;
}

enum status sqlite_meta_swap(struct store *store, const struct store_meta *expected, const struct store_meta *next,
                             bool *swapped, struct error *error)
{
    return meta_swap(store, (struct meta_work){.expected = expected, .next = next}, swapped, error);
}

enum status sqlite_slots_swap(struct store *store, const struct store_meta *expected, const struct store_meta *next,
                              struct slice slots, bool *swapped, struct error *error)
{
    return meta_swap(store, (struct meta_work){.expected = expected, .next = next, .slots = &slots}, swapped, error);
}

/* ---- The barrier ---- */

static enum status barrier_body(struct sqlite_connection *connection, void *ctx, struct error *error)
{
    (void)connection, (void)ctx, (void)error;
    return STATUS_OK;
}

/* A transaction that changes nothing: it gets the write lock when no other writer has it, be that one frozen or not. */
enum status sqlite_barrier(struct store *store, struct error *error)
{
    return sqlite_transact(sqlite_file_of(store), barrier_body, NULL, error);
}
