/* SPDX-License-Identifier: MIT */
/*
 * The embedded store: what the seam asks for, on one SQLite file (sqlite.c), in the words of sqlite_sql.c. Changes under
 * a condition are in sqlite_change.c, answers kept for a retry in sqlite_answers.c, purges in
 * sqlite_purges.c.
 *
 * Why: a system that runs with nothing installed beside it, behind the same seam as MongoDB; several worker processes
 * and the loader use the file at once.
 *
 * A read is one statement, so it sees one committed state. A write is one transaction: store_load() of some thousand
 * rows syncs the disk once, and a process killed inside it leaves none of them.
 *
 * An id that is taken is no error to sqlite here (ON CONFLICT DO NOTHING, and no row changed), so one such row doesn't
 * stop a batch. A single insert then compares: a row with all our values is our own, from a try whose answer got lost.
 *
 * The rules of a todo are CHECKs in the tables, so foreign writers can't break them. What SQL can't check (UTF-8), or
 * what a shell with its checks switched off left behind, is found when it is read: a get says what is wrong, a list
 * passes over the row, logs it once per call, and goes on to the next, so that its cursor always moves.
 *
 * No connection is held between calls, and none of them waits longer than the store's timeout.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/sqlite.h"
#include "store/sqlite_answers.h"
#include "store/sqlite_change.h"
#include "store/sqlite_purges.h"
#include "store/sqlite_todo.h"
#include "store/store_ops.h"

struct sqlite_store {
    struct store store;
    struct sqlite_file *file;
};

static struct sqlite_file *file_of(struct store *store)
{
    return ((struct sqlite_store *)store)->file;
}

static void sqlite_close(struct store *store)
{
    sqlite_file_free(file_of(store));
    free(store);
}

/* Reading a table is also the check that the file is still there and sound. */
static enum status sqlite_prepare(struct store *store, struct error *error)
{
    struct store_meta ignored;
    return store_meta_get(store, &ignored, error);
}

static enum status sqlite_get(struct store *store, const char *id, struct arena *arena, struct todo *todo,
                              struct error *error)
{
    struct sqlite_connection *connection;
    enum status status = sqlite_take(file_of(store), LANE_READ, &connection, error);
    if (status)
        return status;
    sqlite_use(connection, SQL_GET);
    sqlite_bind_text(connection, 1, slice_of(id));
    switch (sqlite_step(connection)) {
    case STEP_ROW:
        status = sqlite_todo_read(connection, arena, todo, error);
        break;
    case STEP_DONE:
        status = error_set(error, STATUS_NOT_FOUND, "there is no todo with the id \"%s\"", id);
        break;
    case STEP_FAILED:
        status = sqlite_failed(connection, "read a todo", error);
        break;
    }
    sqlite_give_back(connection);
    return status;
}

/* A page without a place to start behind starts behind one that is before all rows. */
static void list_begin(struct sqlite_connection *connection, const struct store_query *query)
{
    bool any = query->done == STORE_DONE_ANY;
    int64_t edge_ms = query->ascending ? -1 : INT64_MAX;
    sqlite_use(connection, query->ascending ? any ? SQL_LIST_UP : SQL_LIST_DONE_UP
                           : any            ? SQL_LIST_DOWN
                                            : SQL_LIST_DONE_DOWN);
    sqlite_bind_int(connection, 1, query->has_after ? query->after.created_at_ms : edge_ms);
    sqlite_bind_text(connection, 2, slice_of(query->has_after ? query->after.id : ""));
    if (!any)
        sqlite_bind_int(connection, 3, query->done == STORE_DONE_YES);
}

/* Steps until the page is full and one readable row more is known to exist, or until the rows end. */
static enum sqlite_step list_fill(struct sqlite_connection *connection, uint32_t limit, struct arena *arena,
                                  struct store_page *page)
{
    size_t skipped_count = 0;
    struct error unreadable = {0};
    enum sqlite_step step = STEP_ROW;
    page->todos = arena_alloc(arena, limit * sizeof(*page->todos));
    while (!page->more && (step = sqlite_step(connection)) == STEP_ROW) {
        struct todo todo;
        if (sqlite_todo_read(connection, arena, &todo, &unreadable)) {
            skipped_count++;
            continue;
        }
        page->more = page->count == limit;
        if (!page->more)
            page->todos[page->count++] = todo;
    }
    char text[256];
    if (skipped_count > 0) {
        log_warn(NULL, "todo_unreadable", "skipped=%zu error=\"%s\"", skipped_count,
                 log_value(text, sizeof(text), slice_of(unreadable.text)));
    }
    return step;
}

static enum status sqlite_list(struct store *store, const struct store_query *query, struct arena *arena,
                               struct store_page *page, struct error *error)
{
    struct sqlite_connection *connection;
    enum status status = sqlite_take(file_of(store), LANE_READ, &connection, error);
    if (status)
        return status;
    list_begin(connection, query);
    if (list_fill(connection, query->limit, arena, page) == STEP_FAILED)
        status = sqlite_failed(connection, "list todos", error);
    sqlite_give_back(connection);
    return status;
}

struct load_work {
    const struct todo *todos;
    size_t count;
    enum store_load_mode mode;
    enum status *results;
};

static enum status load_body(struct sqlite_connection *connection, void *ctx, struct error *error)
{
    struct load_work *work = ctx;
    sqlite_use(connection, work->mode == STORE_LOAD_UPSERT ? SQL_UPSERT : SQL_INSERT);
    for (size_t i = 0; i < work->count; i++) {
        sqlite_todo_bind(connection, &work->todos[i]);
        if (!sqlite_run(connection)) {
            char action[TODO_ID_MAX + 32];
            snprintf(action, sizeof(action), "write the todo \"%s\"", work->todos[i].id);
            return sqlite_failed(connection, action, error);
        }
        work->results[i] = sqlite_change_count(connection) > 0 ? STATUS_OK : STATUS_EXISTS;
    }
    return STATUS_OK;
}

static enum status sqlite_load(struct store *store, const struct todo *todos, size_t count, enum store_load_mode mode,
                               enum status *results, struct error *error)
{
    struct load_work work = {.todos = todos, .count = count, .mode = mode, .results = results};
    return sqlite_transact(file_of(store), load_body, &work, error);
}

static enum status insert_body(struct sqlite_connection *connection, void *ctx, struct error *error)
{
    struct load_work *work = ctx;
    enum status status = load_body(connection, work, error);
    if (status || *work->results == STATUS_OK)
        return status;
    sqlite_use(connection, SQL_SAME);
    sqlite_todo_bind(connection, work->todos);
    switch (sqlite_step(connection)) {
    case STEP_ROW:
        *work->results = STATUS_OK;
        return STATUS_OK;
    case STEP_DONE:
        return STATUS_OK;
    case STEP_FAILED:
        break;
    }
    return sqlite_failed(connection, "compare todos", error);
}

static enum status sqlite_insert(struct store *store, const struct todo *todo, struct error *error)
{
    enum status result = STATUS_EXISTS;
    struct load_work work = {.todos = todo, .count = 1, .mode = STORE_LOAD_INSERT, .results = &result};
    enum status status = sqlite_transact(file_of(store), insert_body, &work, error);
    if (status == STATUS_OK && result == STATUS_EXISTS)
        return error_set(error, STATUS_EXISTS, "there is a todo with the id \"%s\" already", todo->id);
    return status;
}

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
            sqlite_bind_int(connection, 4, fence->settled);
        }
        if (!sqlite_run(connection))
            return sqlite_failed(connection, "change the outbox", error);
    }
    return STATUS_OK;
}

static enum status sqlite_outbox_put(struct store *store, const struct store_fence *fences, size_t count,
                                     struct error *error)
{
    struct outbox_work work = {.fences = fences, .count = count, .sql = SQL_OUTBOX_PUT};
    return sqlite_transact(file_of(store), outbox_body, &work, error);
}

static enum status sqlite_outbox_remove(struct store *store, const struct store_fence *fences, size_t count,
                                        struct error *error)
{
    struct outbox_work work = {.fences = fences, .count = count, .sql = SQL_OUTBOX_REMOVE};
    return sqlite_transact(file_of(store), outbox_body, &work, error);
}

static enum status sqlite_outbox_list(struct store *store, struct store_fence *fences, size_t limit, size_t *count,
                                      struct error *error)
{
    struct sqlite_connection *connection;
    enum status status = sqlite_take(file_of(store), LANE_READ, &connection, error);
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
        fence->settled = sqlite_column_int(connection, 3) != 0;
    }
    if (step == STEP_FAILED)
        status = sqlite_failed(connection, "read the outbox", error);
    sqlite_give_back(connection);
    return status;
}

static enum status sqlite_meta_get(struct store *store, struct store_meta *meta, struct error *error)
{
    struct sqlite_connection *connection;
    enum status status = sqlite_take(file_of(store), LANE_READ, &connection, error);
    if (status)
        return status;
    sqlite_use(connection, SQL_META_GET);
    switch (sqlite_step(connection)) {
    case STEP_ROW:
        meta->epoch = sqlite_column_int(connection, 0);
        snprintf(meta->cache_run_id, sizeof(meta->cache_run_id), "%s", sqlite_column_text(connection, 1).data);
        break;
    case STEP_DONE:
        break; /* never set: epoch 0 */
    case STEP_FAILED:
        status = sqlite_failed(connection, "read the epoch", error);
        break;
    }
    sqlite_give_back(connection);
    return status;
}

struct meta_work {
    int64_t expected_epoch;
    const struct store_meta *meta;
    bool swapped;
};

static enum status meta_body(struct sqlite_connection *connection, void *ctx, struct error *error)
{
    struct meta_work *work = ctx;
    sqlite_use(connection, SQL_META_SWAP);
    sqlite_bind_int(connection, 1, work->expected_epoch);
    sqlite_bind_int(connection, 2, work->meta->epoch);
    sqlite_bind_text(connection, 3, slice_of(work->meta->cache_run_id));
    if (!sqlite_run(connection))
        return sqlite_failed(connection, "move the epoch on", error);
    work->swapped = sqlite_change_count(connection) > 0;
    return STATUS_OK;
}

static enum status sqlite_meta_swap(struct store *store, int64_t expected_epoch, const struct store_meta *meta,
                                    bool *swapped, struct error *error)
{
    struct meta_work work = {.expected_epoch = expected_epoch, .meta = meta};
    enum status status = sqlite_transact(file_of(store), meta_body, &work, error);
    *swapped = status == STATUS_OK && work.swapped;
    return status;
}

static enum status sqlite_store_change(struct store *store, const struct store_change *change, struct arena *arena,
                                       struct store_changed *changed, struct error *error)
{
    return sqlite_change(file_of(store), change, arena, changed, error);
}

static enum status sqlite_store_answer_begin(struct store *store, struct store_answer *answer, struct arena *arena,
                                             struct error *error)
{
    return sqlite_answer_begin(file_of(store), answer, arena, error);
}

static enum status sqlite_store_answer_end(struct store *store, const struct store_answer *answer, struct error *error)
{
    return sqlite_answer_end(file_of(store), answer, error);
}

static enum status sqlite_store_answer_forget(struct store *store, const struct store_answer *answer,
                                              struct error *error)
{
    return sqlite_answer_forget(file_of(store), answer, error);
}

static enum status sqlite_store_purge_put(struct store *store, const struct store_purge *purges, size_t count,
                                          struct error *error)
{
    return sqlite_purge_put(file_of(store), purges, count, error);
}

static enum status sqlite_store_purge_list(struct store *store, const struct store_purge_query *query,
                                           struct arena *arena, struct store_purge *purges, size_t *count,
                                           struct error *error)
{
    return sqlite_purge_list(file_of(store), query, arena, purges, count, error);
}

static enum status sqlite_store_purge_remove(struct store *store, const struct store_purge *purges, size_t count,
                                             struct error *error)
{
    return sqlite_purge_remove(file_of(store), purges, count, error);
}

static const struct store_ops SQLITE_OPS = {
    .kind = "sqlite",
    .close = sqlite_close,
    .prepare = sqlite_prepare,
    .get = sqlite_get,
    .list = sqlite_list,
    .insert = sqlite_insert,
    .change = sqlite_store_change,
    .answer_begin = sqlite_store_answer_begin,
    .answer_end = sqlite_store_answer_end,
    .answer_forget = sqlite_store_answer_forget,
    .load = sqlite_load,
    .outbox_put = sqlite_outbox_put,
    .outbox_list = sqlite_outbox_list,
    .outbox_remove = sqlite_outbox_remove,
    .purge_put = sqlite_store_purge_put,
    .purge_list = sqlite_store_purge_list,
    .purge_remove = sqlite_store_purge_remove,
    .meta_get = sqlite_meta_get,
    .meta_swap = sqlite_meta_swap,
};

enum status sqlite_open(struct store **store, const struct store_options *options, struct error *error)
{
    const char *path = options->uri + strlen("sqlite:");
    if (*path == '\0' || *path == ':') {
        return error_set(error, STATUS_INVALID,
                         "sqlite: needs a file's name behind it, such as sqlite:/var/lib/todo/todo.db; a database in "
                         "memory can't be shared by workers");
    }
    struct sqlite_store *opened = mem_zalloc(sizeof(*opened));
    opened->store.ops = &SQLITE_OPS;
    opened->file = sqlite_file_new(path, options->concurrency, options->timeout_ms);
    *store = &opened->store;
    return STATUS_OK;
}
