/* SPDX-License-Identifier: MIT */
/*
 * For tests that go through the fields of a todo, whichever there are: a field that some code forgets fails them.
 */
#ifndef TESTS_UNIT_FIELDS_H
#define TESTS_UNIT_FIELDS_H

#include "base/mem.h"
#include "base/todo.h"

/* Gives the field another valid value than it has. */
static inline void field_alter(struct todo *todo, enum todo_field field)
{
    void *member = todo_member(todo, field);
    int64_t *number = member;
    struct slice *text = member;
    switch (TODO_ROWS[field].type) {
    case TODO_TYPE_ID:
        todo_set_id(todo, slice_equal(slice_of(todo->id), SLICE("a")) ? SLICE("b") : SLICE("a"));
        return;
    case TODO_TYPE_TEXT:
        *text = slice_equal(*text, SLICE("a text")) ? SLICE("another") : SLICE("a text");
        return;
    case TODO_TYPE_FLAG:
        *(bool *)member = !*(bool *)member;
        return;
    case TODO_TYPE_INTEGER:
    case TODO_TYPE_TIME:
        *number += *number == TODO_ROWS[field].most ? -1 : 1;
        return;
    }
    bug_unless(false, "a field of no type");
}

/* A complete todo in which no field has its default. */
static inline struct todo field_sample(void)
{
    struct todo todo = TODO_DEFAULT;
    for (enum todo_field field = 0; field < TODO_FIELD_COUNT; field++)
        field_alter(&todo, field);
    return todo;
}

/* Alters the fields of the set in which todo is like the other one. */
static inline void field_differ(struct todo *todo, const struct todo *other, unsigned fields)
{
    for (enum todo_field field = 0; field < TODO_FIELD_COUNT; field++) {
        struct todo mixed = *other;
        todo_set_fields(&mixed, todo, 1u << field);
        if (fields & 1u << field && todo_equal(&mixed, other))
            field_alter(todo, field);
    }
}

#endif
