/* SPDX-License-Identifier: MIT */
/*
 * A todo in the terms of SQLite: the parameters of a statement, the columns of a row. Both concern the statement in
 * use.
 * context  pool thread; the only user of the connection
 */
#ifndef STORE_SQLITE_TODO_H
#define STORE_SQLITE_TODO_H

#include "base/arena.h"
#include "base/error.h"
#include "base/todo.h"
#include "store/sqlite.h"

/*
 * Runs a statement whose parameters are the fields: SQL_INSERT, SQL_UPSERT or SQL_UPDATE.
 * errors  STATUS_INVALID: the todo breaks a rule; the error's text says which, and of which todo
 */
enum status sqlite_todo_write(struct sqlite_connection *connection, enum sqlite_sql sql, const struct todo *todo,
                              struct error *error) STATUS_MUST_CHECK;

/* Runs SQL_DELETE. */
enum status sqlite_todo_remove(struct sqlite_connection *connection, const char *id,
                               struct error *error) STATUS_MUST_CHECK;

/* Copies the current row out. STATUS_INVALID: the row breaks a rule of todos; the error's text says which. */
enum status sqlite_todo_read(struct sqlite_connection *connection, struct arena *arena, struct todo *todo,
                             struct error *error) STATUS_MUST_CHECK;

/* As store_get(), but STATUS_NOT_FOUND sets no text in error. */
enum status sqlite_todo_find(struct sqlite_connection *connection, const char *id, struct arena *arena,
                             struct todo *todo, struct error *error) STATUS_MUST_CHECK;

#endif
