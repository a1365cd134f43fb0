/* SPDX-License-Identifier: MIT */
/*
 * A todo in SQLite's terms: the parameters of a statement, the columns of a row. Both are about the statement in use.
 * context  pool thread; the connection's one user
 */
#ifndef STORE_SQLITE_TODO_H
#define STORE_SQLITE_TODO_H

#include "base/arena.h"
#include "base/error.h"
#include "base/todo.h"
#include "store/sqlite.h"

/* Parameters 1 to 7; texts are borrowed until the step. */
void sqlite_todo_bind(struct sqlite_connection *connection, const struct todo *todo);

/* Copies the present row out; STATUS_INVALID: it can't be shown, and the text says why. */
enum status sqlite_todo_read(struct sqlite_connection *connection, struct arena *arena, struct todo *todo,
                             struct error *error) STATUS_MUST_CHECK;

#endif
