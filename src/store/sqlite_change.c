/* SPDX-License-Identifier: MIT */
/*
 * Replaces, merges and deletes one todo under a condition, in the embedded store.
 *
 * All of it is one transaction, which has the file's write lock from its first step (BEGIN IMMEDIATE): read the row,
 * ask store_change_check(), write, commit. No other thread or process can write in between, so the condition is
 * decided on the row that is changed. Of two changes under one If-Match the second reads the first one's v.
 *
 * The new row is computed here, from the stored row and the change, and written whole. A MERGE keeps the fields that it
 * does not name, and writes nothing if it changes none. A v that can't grow is refused: a version that came a second
 * time would let an old entity tag match.
 *
 * A row that can't be read is not changed either (STATUS_INVALID), because it has no version to hold a condition
 * against. Its writer has to mend or remove it.
 *
 * A create need not look at the id again, as it must on MongoDB: the row was seen to be absent under the lock.
 */
#include "store/sqlite_store.h"
#include "store/sqlite_todo.h"

struct change_work {
    const struct store_change *change;
    struct arena *arena;
    struct store_changed *changed;
};

static enum status create(struct sqlite_connection *connection, struct change_work *work, struct error *error)
{
    todo_copy(&work->changed->todo, work->change->todo, work->arena);
    work->changed->todo.v = 1;
    work->changed->created = true;
    return sqlite_todo_write(connection, SQL_INSERT, &work->changed->todo, error);
}

static enum status update(struct sqlite_connection *connection, struct change_work *work, const struct todo *current,
                          struct error *error)
{
    const struct store_change *change = work->change;
    struct todo next = *current;
    if (store_change_is_empty(change, current)) {
        work->changed->todo = *current; /* its texts are in the arena already */
        return STATUS_OK;
    }
    if (current->v == INT64_MAX) {
        return error_set(error, STATUS_INVALID, "the todo \"%s\" has had all versions that can be counted",
                         current->id);
    }
    next.v = current->v + 1;
    next.updated_at_ms = change->todo->updated_at_ms;
    todo_set_fields(&next, change->todo, store_change_fields(change));
    todo_copy(&work->changed->todo, &next, work->arena);
    return sqlite_todo_write(connection, SQL_UPDATE, &work->changed->todo, error);
}

static enum status remove_row(struct sqlite_connection *connection, struct change_work *work,
                              const struct todo *current, struct error *error)
{
    work->changed->todo = *current; /* its texts are in the arena already */
    return sqlite_todo_remove(connection, current->id, error);
}

static enum status change_body(struct sqlite_connection *connection, void *ctx, struct error *error)
{
    struct change_work *work = ctx;
    const struct store_change *change = work->change;
    struct todo current;
    enum status status = sqlite_todo_find(connection, change->todo->id, work->arena, &current, error);
    bool exists = status == STATUS_OK;
    if (!exists && status != STATUS_NOT_FOUND)
        return status;
    status = store_change_check(change, exists ? &current : NULL, error);
    if (status != STATUS_OK)
        return status;
    if (exists) {
        return change->kind == STORE_DELETE ? remove_row(connection, work, &current, error)
                                            : update(connection, work, &current, error);
    }
    if (change->kind == STORE_REPLACE)
        return create(connection, work, error);
    return error_set(error, STATUS_NOT_FOUND, "there is no todo with the id \"%s\"", change->todo->id);
}

enum status sqlite_change(struct store *store, const struct store_change *change, struct arena *arena,
                          struct store_changed *changed, struct error *error)
{
    struct change_work work = {.change = change, .arena = arena, .changed = changed};
    return sqlite_transact(sqlite_file_of(store), change_body, &work, error);
}
