/* SPDX-License-Identifier: MIT */
/*
 * From the members of a record, in whatever format they came, to a todo that keeps all rules.
 *
 * A reader calls row_begin(), row_put() for each member, and row_finish(). Only row.c knows which member fills which
 * field, and what replaces a missing one.
 * context  pool thread (pure but for the random ids); one user at a time
 */
#ifndef LOAD_ROW_H
#define LOAD_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"
#include "base/todo.h"

enum row_type {
    ROW_NULL, /* as if the member were not there */
    ROW_BOOL,
    ROW_INTEGER,
    ROW_REAL,
    ROW_TEXT,
    ROW_CELL,      /* text of a format without types (CSV): may also be a boolean; empty is ROW_NULL */
    ROW_OBJECT_ID, /* text: 24 hex digits */
    ROW_TIME,      /* integer: Unix time in ms */
    ROW_OTHER,     /* a type that no field of a todo can hold */
};

struct row_value {
    enum row_type type;
    struct slice text;
    bool boolean;
    int64_t integer;
    double real;
};

enum { ROW_NOTE_MAX = 64, ROW_NOTE_BYTES = 120 };

struct row_maker {
    int64_t now_ms;                               /* created_at of rows that have none */
    struct arena *arena;                          /* for texts; another one for each batch */
    struct row_value values[TODO_FIELD_COUNT];    /* the winning member of each field */
    int ranks[TODO_FIELD_COUNT];                  /* its rank; 0: none yet */
    char notes[ROW_NOTE_MAX][ROW_NOTE_BYTES + 1]; /* what a person should know, each once, fit for a terminal */
    size_t note_count;
    bool keeps_others; /* members of no field are not lost: the todo takes the place of its record */
};

void row_maker_init(struct row_maker *maker, int64_t now_ms);

/* Begins a row; its texts go into arena. */
void row_begin(struct row_maker *maker, struct arena *arena);

/* Takes one member; name and value are borrowed for the call. row_finish() reports a value that can't be used. */
void row_put(struct row_maker *maker, struct slice name, const struct row_value *value);

/* Completes todo, v 1; its texts are in the arena. STATUS_INVALID: error says which member breaks which rule. */
enum status row_finish(struct row_maker *maker, struct todo *todo, struct error *error) STATUS_MUST_CHECK;

#endif
