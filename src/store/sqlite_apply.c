/* SPDX-License-Identifier: MIT */
/*
 * Batches of queued writes in the embedded store: the table bookmarks, a row for each shard of the queue.
 *
 * A batch is one transaction under the file's write lock: the bookmark is looked at, the todos are read, fold.c says
 * what becomes of them, each that changes is written once, and the bookmark moves on. A claim is one as well. So no
 * batch of another applier comes between the look at the owner and the commit, and a batch is applied with its bookmark
 * or not at all. The triggers of the feed see one change of each todo.
 *
 * A row that can't be read is left as it is; the writes of it are told so (fold.c).
 *
 * A restored backup brings back todos and kept answers, not bookmarks: what the queue had applied since is gone with
 * all other writes since, and is not applied again.
 */
#include "base/clock.h"
#include "store/bookmark.h"
#include "store/fold.h"
#include "store/sqlite_store.h"
#include "store/sqlite_todo.h"

/* ---- The bookmark ---- */

/* STATUS_NOT_FOUND, with no text in error: nobody has claimed the shard. The columns are those of SQL_BOOKMARK_GET. */
static enum status bookmark_find(struct sqlite_connection *connection, unsigned shard, struct error *error)
{
    sqlite_use(connection, SQL_BOOKMARK_GET);
    sqlite_bind_int(connection, 1, shard);
    enum sqlite_step step = sqlite_step(connection);
    if (step == STEP_FAILED)
        return sqlite_failed(connection, "read a bookmark", error);
    return step == STEP_ROW ? STATUS_OK : STATUS_NOT_FOUND;
}

static enum status bookmark_look(struct sqlite_connection *connection, const struct store_batch *batch,
                                 struct error *error)
{
    enum status status = bookmark_find(connection, batch->shard, error);
    if (status == STATUS_NOT_FOUND)
        return bookmark_check(batch, SLICE(""), 0, error);
    if (status != STATUS_OK)
        return status;
    return bookmark_check(batch, sqlite_column_text(connection, 0), sqlite_column_int(connection, 1), error);
}

static enum status bookmark_put(struct sqlite_connection *connection, const struct store_batch *batch,
                                const struct store_applied *results, struct error *error)
{
    struct buf text;
    buf_init(&text);
    bookmark_print(&text, results, batch->count);
    sqlite_use(connection, SQL_BOOKMARK_PUT);
    sqlite_bind_int(connection, 1, batch->shard);
    sqlite_bind_int(connection, 2, results[batch->count - 1].number);
    sqlite_bind_text(connection, 3, buf_slice(&text));
    bool is_put = sqlite_run(connection);
    buf_fini(&text);
    return is_put ? STATUS_OK : sqlite_failed(connection, "move a bookmark on", error);
}

/* ---- Claims ---- */

struct claim_work {
    unsigned shard;
    const struct token *owner;
    struct store_bookmark *bookmark;
};

static enum status claim_body(struct sqlite_connection *connection, void *ctx, struct error *error)
{
    struct claim_work *work = ctx;
    sqlite_use(connection, SQL_BOOKMARK_CLAIM);
    sqlite_bind_int(connection, 1, work->shard);
    sqlite_bind_text(connection, 2, slice_of(work->owner->text));
    if (!sqlite_run(connection))
        return sqlite_failed(connection, "claim a shard", error);
    enum status status = bookmark_find(connection, work->shard, error);
    bug_unless(status != STATUS_NOT_FOUND, "a claimed shard has no bookmark");
    if (status != STATUS_OK)
        return status;
    slice_copy(work->bookmark->name.text, sizeof(work->bookmark->name.text), sqlite_column_text(connection, 3));
    return bookmark_parse(sqlite_column_text(connection, 2), work->bookmark, error);
}

enum status sqlite_apply_claim(struct store *store, unsigned shard, const struct token *owner,
                               struct store_bookmark *bookmark, struct error *error)
{
    struct claim_work work = {.shard = shard, .owner = owner, .bookmark = bookmark};
    return sqlite_transact(sqlite_file_of(store), claim_body, &work, error);
}

/* ---- Batches ---- */

struct apply_work {
    const struct store_batch *batch;
    struct store_applied *results;
    struct arena *arena;
};

static enum status fold_read(struct sqlite_connection *connection, struct fold *fold, struct arena *arena,
                             struct error *error)
{
    for (size_t i = 0; i < fold->todo_count; i++) {
        struct fold_todo *todo = &fold->todos[i];
        todo->found = sqlite_todo_find(connection, todo->id, arena, &todo->stored, error);
        if (todo->found == STATUS_UNAVAILABLE)
            return todo->found;
    }
    for (size_t i = 0; i < fold->key_count; i++) {
        struct fold_key *key = &fold->keys[i];
        key->found = sqlite_answer_find(connection, key->key, arena, &key->stored, error);
        if (key->found == STATUS_UNAVAILABLE)
            return key->found;
    }
    return STATUS_OK;
}

static enum status todo_put(struct sqlite_connection *connection, const struct fold_todo *todo, struct error *error)
{
    switch (fold_change(todo)) {
    case FOLD_NONE:
        break;
    case FOLD_INSERT:
        return sqlite_todo_write(connection, SQL_INSERT, &todo->next, error);
    case FOLD_UPDATE:
        return sqlite_todo_write(connection, SQL_UPDATE, &todo->next, error);
    case FOLD_DELETE:
        return sqlite_todo_remove(connection, todo->id, error);
    }
    return STATUS_OK;
}

static enum status fold_write(struct sqlite_connection *connection, const struct fold *fold, int64_t now_ms,
                              struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < fold->todo_count && status == STATUS_OK; i++)
        status = todo_put(connection, &fold->todos[i], error);
    for (size_t i = 0; i < fold->key_count && status == STATUS_OK; i++)
        if (fold->keys[i].is_kept)
            status = sqlite_answer_keep(connection, &fold->keys[i].stored, now_ms, error);
    return status;
}

static enum status apply_body(struct sqlite_connection *connection, void *ctx, struct error *error)
{
    struct apply_work *work = ctx;
    struct fold fold;
    int64_t now_ms = clock_wall_ms();
    enum status status = bookmark_look(connection, work->batch, error);
    if (status != STATUS_OK)
        return status;
    fold_begin(&fold, work->batch, work->arena);
    status = fold_read(connection, &fold, work->arena, error);
    if (status == STATUS_OK)
        status = fold_run(&fold, now_ms, work->results, error);
    if (status == STATUS_OK)
        status = fold_write(connection, &fold, now_ms, error);
    return status == STATUS_OK ? bookmark_put(connection, work->batch, work->results, error) : status;
}

enum status sqlite_apply(struct store *store, const struct store_batch *batch, struct store_applied *results,
                         struct error *error)
{
    struct arena arena;
    arena_init(&arena);
    struct apply_work work = {.batch = batch, .results = results, .arena = &arena};
    enum status status = sqlite_transact(sqlite_file_of(store), apply_body, &work, error);
    arena_fini(&arena);
    return status;
}
