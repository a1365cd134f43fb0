/* SPDX-License-Identifier: MIT */
/*
 * Replaces, merges and deletes one todo under a condition, in the embedded store.
 *
 * All of it is one transaction that has the file's write lock from its first step (BEGIN IMMEDIATE): read the row, ask
 * store_condition_holds(), write, commit. Nobody can write in between, no thread and no process, so what the condition
 * was asked of is what is changed: of two changes under one If-Match the second one reads the first one's v.
 *
 * What is written is computed here, from the row and the change, and written whole; MERGE keeps what it doesn't name.
 * A v that can't grow is refused, for a version that comes again would let an old entity tag match.
 *
 * A row that can't be read is not changed either (STATUS_INVALID): there is no version that a condition could be held
 * against. Whoever wrote it has to mend or remove it.
 *
 * A create needs no second look at the id, as on MongoDB: the row was seen not to be there under the lock.
 */
#include "store/sqlite_change.h"

#include "store/sqlite_todo.h"

struct change_work {
    const struct store_change *change;
    struct arena *arena;
    struct store_changed *changed;
};

/* STATUS_NOT_FOUND, with no text in error, where there is no row: a create wants that. */
static enum status current_read(struct sqlite_connection *connection, const char *id, struct arena *arena,
                                struct todo *current, struct error *error)
{
    sqlite_use(connection, SQL_GET);
    sqlite_bind_text(connection, 1, slice_of(id));
    switch (sqlite_step(connection)) {
    case STEP_ROW:
        return sqlite_todo_read(connection, arena, current, error);
    case STEP_DONE:
        return STATUS_NOT_FOUND;
    case STEP_FAILED:
        break;
    }
    return sqlite_failed(connection, "read a todo", error);
}

static enum status todo_write(struct sqlite_connection *connection, enum sqlite_sql sql, const struct todo *todo,
                              struct error *error)
{
    sqlite_use(connection, sql);
    sqlite_todo_bind(connection, todo);
    return sqlite_run(connection) ? STATUS_OK : sqlite_failed(connection, "change a todo", error);
}

static enum status create(struct sqlite_connection *connection, struct change_work *work, struct error *error)
{
    todo_copy(&work->changed->todo, work->change->todo, work->arena);
    work->changed->todo.v = 1;
    work->changed->created = true;
    return todo_write(connection, SQL_INSERT, &work->changed->todo, error);
}

static enum status update(struct sqlite_connection *connection, struct change_work *work, const struct todo *current,
                          struct error *error)
{
    const struct store_change *change = work->change;
    bool all = change->kind == STORE_REPLACE;
    struct todo next = *current;
    if (current->v == INT64_MAX) {
        return error_set(error, STATUS_INVALID, "the todo \"%s\" has had all versions that can be counted",
                         current->id);
    }
    next.v = current->v + 1;
    next.updated_at_ms = change->todo->updated_at_ms;
    if (all || change->fields & 1u << TODO_NAME)
        next.name = change->todo->name;
    if (all || change->fields & 1u << TODO_DESCRIPTION)
        next.description = change->todo->description;
    if (all || change->fields & 1u << TODO_DONE)
        next.done = change->todo->done;
    todo_copy(&work->changed->todo, &next, work->arena);
    return todo_write(connection, SQL_UPDATE, &work->changed->todo, error);
}

static enum status remove_row(struct sqlite_connection *connection, struct change_work *work,
                              const struct todo *current, struct error *error)
{
    work->changed->todo = *current; /* its texts are in the arena already */
    sqlite_use(connection, SQL_DELETE);
    sqlite_bind_text(connection, 1, slice_of(current->id));
    return sqlite_run(connection) ? STATUS_OK : sqlite_failed(connection, "delete a todo", error);
}

static enum status change_body(struct sqlite_connection *connection, void *ctx, struct error *error)
{
    struct change_work *work = ctx;
    const struct store_change *change = work->change;
    struct todo current;
    enum status status = current_read(connection, change->todo->id, work->arena, &current, error);
    bool exists = status == STATUS_OK;
    if (!exists && status != STATUS_NOT_FOUND)
        return status;
    if (!store_condition_holds(&change->condition, exists ? &current : NULL))
        return error_set(error, STATUS_MISMATCH, "the todo \"%s\" is not as the condition wants it", change->todo->id);
    if (exists) {
        return change->kind == STORE_DELETE ? remove_row(connection, work, &current, error)
                                            : update(connection, work, &current, error);
    }
    if (change->kind == STORE_REPLACE)
        return create(connection, work, error);
    return error_set(error, STATUS_NOT_FOUND, "there is no todo with the id \"%s\"", change->todo->id);
}

enum status sqlite_change(struct sqlite_file *file, const struct store_change *change, struct arena *arena,
                          struct store_changed *changed, struct error *error)
{
    struct change_work work = {.change = change, .arena = arena, .changed = changed};
    return sqlite_transact(file, change_body, &work, error);
}
