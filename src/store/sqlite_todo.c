/* SPDX-License-Identifier: MIT */
/*
 * Todos into and out of SQLite's rows, for all files of the embedded store.
 *
 * Parameters and columns stand in one order in every statement (sqlite_sql.h), so that there is one function each
 * way. A statement that doesn't need one of the parameters leaves its number out; binding it does no harm.
 *
 * The tables' CHECKs keep most rules of a todo. What SQL can't check (UTF-8), or what a shell with its checks switched
 * off left behind, is found here, when a row is read: nothing that todo_check() refuses goes up to those who print it.
 */
#include "store/sqlite_todo.h"

void sqlite_todo_bind(struct sqlite_connection *connection, const struct todo *todo)
{
    sqlite_bind_text(connection, 1, slice_of(todo->id));
    sqlite_bind_text(connection, 2, todo->name);
    sqlite_bind_text(connection, 3, todo->description);
    sqlite_bind_int(connection, 4, todo->done);
    sqlite_bind_int(connection, 5, todo->v);
    sqlite_bind_int(connection, 6, todo->created_at_ms);
    sqlite_bind_int(connection, 7, todo->updated_at_ms);
}

enum status sqlite_todo_read(struct sqlite_connection *connection, struct arena *arena, struct todo *todo,
                             struct error *error)
{
    struct slice id = sqlite_column_text(connection, 0);
    if (!todo_id_valid(id))
        return error_set(error, STATUS_INVALID, "a stored todo has the id \"%.80s\", which is none", id.data);
    todo_set_id(todo, id);
    todo->name = arena_copy(arena, sqlite_column_text(connection, 1));
    todo->description = arena_copy(arena, sqlite_column_text(connection, 2));
    todo->done = sqlite_column_int(connection, 3) != 0;
    todo->v = sqlite_column_int(connection, 4);
    todo->created_at_ms = sqlite_column_int(connection, 5);
    todo->updated_at_ms = sqlite_column_int(connection, 6);
    struct error broken = {0};
    if (todo_check(todo, &broken) == STATUS_OK)
        return STATUS_OK;
    return error_set(error, STATUS_INVALID, "the stored todo \"%s\" can't be read: %.130s", todo->id, broken.text);
}
