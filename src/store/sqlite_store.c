/* SPDX-License-Identifier: MIT */
/*
 * The embedded store: todos in one SQLite file (sqlite.c), by the statements of sqlite_sql.c. The other operations have
 * files of their own; sqlite_store.h lists them.
 *
 * Why: the service runs with no other program installed, behind the same seam as with MongoDB. Several worker processes
 * and the loader use the file at once.
 *
 * A read is one statement, so it sees one committed state. A write is one transaction: store_load() of some thousand
 * rows syncs the disk once, and a process that is killed inside it writes none of them.
 *
 * A taken id is no error for the statement (ON CONFLICT DO NOTHING changes no row), so one such row does not stop a
 * batch. A single insert then compares: a stored todo with our life is our own, written by an earlier try whose answer
 * got lost. If the request has a key, the insert notes in the key's record that its todo is made.
 *
 * A row that breaks a rule of todos is found when it is read (sqlite_todo.c). A get says what is wrong with it. A list
 * skips it, logs once per call, and goes on with the next row, so that a client's cursor always moves.
 *
 * No connection is held between calls, and no call waits longer than the store's timeout.
 */
#include "store/sqlite_store.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/answer.h"
#include "store/sqlite_todo.h"

static void sqlite_close(struct store *store)
{
    struct sqlite_store *opened = container_of(store, struct sqlite_store, store);
    sqlite_file_free(opened->file);
    free(opened->path);
    free(opened);
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
    enum status status = sqlite_take(sqlite_file_of(store), LANE_READ, &connection, error);
    if (status)
        return status;
    status = sqlite_todo_find(connection, id, arena, todo, error);
    if (status == STATUS_NOT_FOUND)
        error_set(error, STATUS_NOT_FOUND, "there is no todo with the id \"%s\"", id);
    sqlite_give_back(connection);
    return status;
}

/* A query without a position begins behind one that is before all rows. */
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
    page->has_skipped = skipped_count > 0;
    if (skipped_count > 0)
        log_warn_often(NULL, "todo_unreadable", "skipped=%zu error=\"%s\"", skipped_count, unreadable.text);
    return step;
}

static enum status sqlite_list(struct store *store, const struct store_query *query, struct arena *arena,
                               struct store_page *page, struct error *error)
{
    struct sqlite_connection *connection;
    enum status status = sqlite_take(sqlite_file_of(store), LANE_READ, &connection, error);
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
    struct arena *arena;               /* these two of an insert only */
    const struct store_answer *answer; /* NULL: the request has no key */
};

static enum status load_body(struct sqlite_connection *connection, void *ctx, struct error *error)
{
    struct load_work *work = ctx;
    enum sqlite_sql sql = work->mode == STORE_LOAD_UPSERT ? SQL_UPSERT : SQL_INSERT;
    for (size_t i = 0; i < work->count; i++) {
        struct todo todo = work->todos[i];
        if (work->mode == STORE_LOAD_UPSERT)
            todo.v = 1; /* of a new row, whatever the caller's says: MongoDB's upsert can't do otherwise */
        enum status status = sqlite_todo_write(connection, sql, &todo, error);
        if (status != STATUS_OK)
            return status;
        work->results[i] = sqlite_change_count(connection) > 0 ? STATUS_OK : STATUS_EXISTS;
    }
    return STATUS_OK;
}

/* Whether the stored todo with this id is of the same life. One that can't be read is not ours. */
static enum status load_is_own(struct sqlite_connection *connection, const struct todo *todo, struct arena *arena,
                               bool *is_own, struct error *error)
{
    struct todo stored;
    arena_reset(arena);
    enum status status = sqlite_todo_find(connection, todo->id, arena, &stored, error);
    *is_own = status == STATUS_OK && stored.life == todo->life;
    return status == STATUS_INVALID ? STATUS_OK : status;
}

static enum status load_and_settle_body(struct sqlite_connection *connection, void *ctx, struct error *error)
{
    struct load_work *work = ctx;
    enum status status = load_body(connection, work, error);
    for (size_t i = 0; i < work->count && status == STATUS_OK; i++) {
        bool is_own = false;
        if (work->results[i] == STATUS_EXISTS)
            status = load_is_own(connection, &work->todos[i], work->arena, &is_own, error);
        if (is_own)
            work->results[i] = STATUS_OK;
    }
    return status;
}

static enum status sqlite_load(struct store *store, const struct todo *todos, size_t count, enum store_load_mode mode,
                               enum status *results, struct error *error)
{
    struct arena arena;
    arena_init(&arena);
    struct load_work work = {.todos = todos, .count = count, .mode = mode, .results = results, .arena = &arena};
    enum status status = sqlite_transact(sqlite_file_of(store), load_and_settle_body, &work, error);
    arena_fini(&arena);
    return status;
}

/* The record of the request says that its todo is made, from this transaction on. */
static enum status made_note(struct sqlite_connection *connection, const struct store_answer *answer,
                             struct error *error)
{
    sqlite_use(connection, SQL_ANSWER_MADE);
    sqlite_bind_text(connection, 1, slice_of(answer->key));
    sqlite_bind_int(connection, 2, answer->life);
    return sqlite_run(connection) ? STATUS_OK : sqlite_failed(connection, "note that a todo was made", error);
}

static enum status insert_body(struct sqlite_connection *connection, void *ctx, struct error *error)
{
    struct load_work *work = ctx;
    struct todo stored;
    enum status status = load_body(connection, work, error);
    if (status != STATUS_OK)
        return status;
    if (*work->results == STATUS_OK)
        return work->answer ? made_note(connection, work->answer, error) : STATUS_OK;
    status = sqlite_todo_find(connection, work->todos->id, work->arena, &stored, error);
    if (status == STATUS_OK && stored.life == work->todos->life)
        *work->results = store_insert_own(&stored, work->todos, error);
    return status == STATUS_INVALID ? STATUS_OK : status; /* an unreadable row is not ours */
}

static enum status sqlite_insert(struct store *store, const struct todo *todo, const struct store_answer *answer,
                                 struct error *error)
{
    struct arena arena;
    enum status result = STATUS_EXISTS;
    arena_init(&arena);
    struct load_work work = {
        .todos = todo, .count = 1, .mode = STORE_LOAD_INSERT, .results = &result, .arena = &arena, .answer = answer};
    enum status status = sqlite_transact(sqlite_file_of(store), insert_body, &work, error);
    arena_fini(&arena);
    if (status == STATUS_OK && result == STATUS_EXISTS)
        return error_set(error, STATUS_EXISTS, "there is a todo with the id \"%s\" already", todo->id);
    return status == STATUS_OK ? result : status;
}

static const char *sqlite_place(const struct store *store)
{
    return container_of(store, const struct sqlite_store, store)->path;
}

static const struct store_ops SQLITE_OPS = {
    .kind = "sqlite",
    .close = sqlite_close,
    .prepare = sqlite_prepare,
    .get = sqlite_get,
    .list = sqlite_list,
    .insert = sqlite_insert,
    .change = sqlite_change,
    .answer_begin = sqlite_answer_begin,
    .answer_end = sqlite_answer_end,
    .answer_forget = sqlite_answer_forget,
    .load = sqlite_load,
    .outbox_put = sqlite_outbox_put,
    .outbox_list = sqlite_outbox_list,
    .outbox_remove = sqlite_outbox_remove,
    .purge_put = sqlite_purge_put,
    .purge_list = sqlite_purge_list,
    .purge_remove = sqlite_purge_remove,
    .feed_last = sqlite_feed_last,
    .feed_read = sqlite_feed_read,
    .apply_claim = sqlite_apply_claim,
    .apply = sqlite_apply,
    .barrier = sqlite_barrier,
    .group_begin = sqlite_group_begin,
    .group_end = sqlite_group_end,
    .heartbeat = sqlite_heartbeat,
    .meta_get = sqlite_meta_get,
    .meta_swap = sqlite_meta_swap,
    .slots_get = sqlite_slots_get,
    .slots_swap = sqlite_slots_swap,
    .backup = sqlite_backup,
    .restore = sqlite_restore,
    .place = sqlite_place,
    .place_kind = "file",
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
    opened->path = mem_strdup(path);
    opened->file = sqlite_file_new(path, &SQLITE_TODOS, options->concurrency, options->timeout_ms);
    *store = &opened->store;
    return STATUS_OK;
}
