/* SPDX-License-Identifier: MIT */
/*
 * A todo as a document of MongoDB. Private to store/mongo*.c.
 * context  any (pure)
 */
#ifndef STORE_MONGO_TODO_H
#define STORE_MONGO_TODO_H

#include "base/arena.h"
#include "base/error.h"
#include "base/todo.h"

struct _bson_t;

/* What a document calls the field. */
const char *mongo_todo_key(enum todo_field field);

/* Appends the todo's fields of the set, in their order; ~0u: all, as a new document has them. */
void mongo_todo_write(struct _bson_t *document, const struct todo *todo, unsigned fields);

/* Appends the fields of a projection to what a todo is made of. */
void mongo_todo_project(struct _bson_t *projection);

/* Copies the todo out of a document. STATUS_INVALID: the document breaks a rule of todos; the text says which. */
enum status mongo_todo_read(const struct _bson_t *document, struct arena *arena, struct todo *todo,
                            struct error *error) STATUS_MUST_CHECK;

#endif
