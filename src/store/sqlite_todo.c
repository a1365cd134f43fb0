/* SPDX-License-Identifier: MIT */
/*
 * Todos into and out of the rows of SQLite, for all files of the embedded store.
 *
 * Each statement has its parameters and columns in the order of TODO_FIELDS (sqlite_sql.c builds them from it). One
 * loop over the fields therefore binds any statement, and one loop reads any row.
 *
 * What is written has passed todo_check(). The CHECKs of the table keep most of these rules against other programs; on
 * the connection that writes here they are off, because they would be a third of an insert's work.
 *
 * Three kinds of bad rows are found when a row is read: text that is not valid UTF-8, which SQL can't check; a bad
 * value in a column that was added later, which has no CHECK; and rows that a shell wrote with its checks switched off.
 * A todo that todo_check() refuses is never returned.
 *
 * A row without a life has its created_at for one (base/todo.h).
 */
#include "store/sqlite_todo.h"

#include <stdio.h>

static void field_bind(struct sqlite_connection *connection, enum todo_field field, const void *member)
{
    int at = (int)field + 1;
    switch (TODO_ROWS[field].type) {
    case TODO_TYPE_ID:
        sqlite_bind_text(connection, at, slice_of(member));
        break;
    case TODO_TYPE_TEXT:
        sqlite_bind_text(connection, at, *(const struct slice *)member);
        break;
    case TODO_TYPE_FLAG:
        sqlite_bind_int(connection, at, *(const bool *)member);
        break;
    case TODO_TYPE_INTEGER:
    case TODO_TYPE_TIME:
        sqlite_bind_int(connection, at, *(const int64_t *)member);
        break;
    }
}

enum status sqlite_todo_write(struct sqlite_connection *connection, enum sqlite_sql sql, const struct todo *todo,
                              struct error *error)
{
    char action[TODO_ID_MAX + 32];
    struct error broken;
    if (todo_check(todo, &broken) != STATUS_OK)
        return error_set(error, STATUS_INVALID, "can't write the todo \"%s\": %.120s", todo->id, broken.text);
    sqlite_use(connection, sql);
    for (enum todo_field field = 0; field < TODO_FIELD_COUNT; field++)
        field_bind(connection, field, todo_member_const(todo, field));
    if (sqlite_run(connection))
        return STATUS_OK;
    snprintf(action, sizeof(action), "write the todo \"%s\"", todo->id);
    return sqlite_failed(connection, action, error);
}

enum status sqlite_todo_remove(struct sqlite_connection *connection, const char *id, struct error *error)
{
    sqlite_use(connection, SQL_DELETE);
    sqlite_bind_text(connection, 1, slice_of(id));
    return sqlite_run(connection) ? STATUS_OK : sqlite_failed(connection, "delete a todo", error);
}

/* Texts are borrowed from the row. */
static enum status field_read(struct sqlite_connection *connection, enum todo_field field, struct todo *todo,
                              struct error *error)
{
    void *member = todo_member(todo, field);
    struct slice text;
    switch (TODO_ROWS[field].type) {
    case TODO_TYPE_ID:
        text = sqlite_column_text(connection, (int)field);
        if (!todo_id_valid(text))
            return error_set(error, STATUS_INVALID, "a stored todo has the id \"%.80s\", which is none", text.data);
        todo_set_id(todo, text);
        break;
    case TODO_TYPE_TEXT:
        *(struct slice *)member = sqlite_column_text(connection, (int)field);
        break;
    case TODO_TYPE_FLAG:
        *(bool *)member = sqlite_column_int(connection, (int)field) != 0;
        break;
    case TODO_TYPE_INTEGER:
    case TODO_TYPE_TIME:
        *(int64_t *)member = sqlite_column_int(connection, (int)field);
        break;
    }
    return STATUS_OK;
}

enum status sqlite_todo_read(struct sqlite_connection *connection, struct arena *arena, struct todo *todo,
                             struct error *error)
{
    struct todo row;
    for (enum todo_field field = 0; field < TODO_FIELD_COUNT; field++) {
        enum status status = field_read(connection, field, &row, error);
        if (status != STATUS_OK)
            return status;
    }
    struct error broken = {0};
    if (todo_check(&row, &broken) != STATUS_OK) {
        error_set(error, STATUS_INVALID, "the stored todo \"%s\" can't be read: %.130s", row.id, broken.text);
        return error_because(error, CAUSE_UNREADABLE, STATUS_INVALID);
    }
    row.life = todo_life_of(row.life, row.created_at_ms);
    todo_copy(todo, &row, arena);
    return STATUS_OK;
}

enum status sqlite_todo_find(struct sqlite_connection *connection, const char *id, struct arena *arena,
                             struct todo *todo, struct error *error)
{
    sqlite_use(connection, SQL_GET);
    sqlite_bind_text(connection, 1, slice_of(id));
    switch (sqlite_step(connection)) {
    case STEP_ROW:
        return sqlite_todo_read(connection, arena, todo, error);
    case STEP_DONE:
        return STATUS_NOT_FOUND;
    case STEP_FAILED:
        break;
    }
    return sqlite_failed(connection, "read a todo", error);
}
