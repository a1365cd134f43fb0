/* SPDX-License-Identifier: MIT */
/*
 * From a record's members, in whatever format they came, to a todo that keeps all rules.
 *
 * A reader calls row_begin(), row_put() for each member, row_finish(). Which member fills which field, and what stands in
 * for one that is missing, is known here alone.
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
    ROW_CELL,      /* text of a format without types (CSV): may stand for a boolean too; empty is ROW_NULL */
    ROW_OBJECT_ID, /* text: 24 hex digits */
    ROW_TIME,      /* integer: Unix time in ms */
    ROW_OTHER,     /* what no field of a todo can hold */
};

struct row_value {
    enum row_type type;
    struct slice text;
    bool boolean;
    int64_t integer;
    double real;
};

enum { ROW_NOTE_MAX = 64, ROW_NOTE_BYTES = 64 };

struct row_maker {
    int64_t now_ms;                               /* created_at of rows that have none */
    struct arena *arena;                          /* where texts go; changes from batch to batch */
    struct row_value values[TODO_FIELD_COUNT];    /* the winning member of each field */
    int ranks[TODO_FIELD_COUNT];                  /* its rank; 0: none yet */
    char notes[ROW_NOTE_MAX][ROW_NOTE_BYTES + 1]; /* members that no field takes, each once, fit for a terminal */
    size_t note_count;
};

void row_maker_init(struct row_maker *maker, int64_t now_ms);

/* Starts a row whose texts go to arena. */
void row_begin(struct row_maker *maker, struct arena *arena);

/* Takes one member; name and value are borrowed for the call. A member that can't be used shows in row_finish(). */
void row_put(struct row_maker *maker, struct slice name, const struct row_value *value);

/* Completes todo, v 1; its texts lie in the arena. STATUS_INVALID: error says which member breaks which rule. */
enum status row_finish(struct row_maker *maker, struct todo *todo, struct error *error) STATUS_MUST_CHECK;

#endif
