/* SPDX-License-Identifier: MIT */
/*
 * A todo: its fields, and the rules that each stored todo keeps.
 *
 * The rules (limits in characters are Unicode code points, text is UTF-8 without NUL or other C0 controls than
 * TAB, LF, CR) hold for what clients send and for what the loader reads. Both stores keep such rows only.
 */
#ifndef BASE_TODO_H
#define BASE_TODO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"

enum {
    TODO_ID_MAX = 64,            /* bytes; of A-Z a-z 0-9 . _ ~ -, never "." or ".." */
    TODO_NAME_MAX = 200,         /* characters, at least 1 */
    TODO_DESCRIPTION_MAX = 4000, /* characters, may be 0 */
};

/* A point in time that RFC 3339 can print: years 1970 to 9999. */
#define TODO_TIME_MAX_MS INT64_C(253402300799999)

/* The fields, once: a name for JSON, Redis and the stores alike, and a bit for sets of fields. */
#define TODO_FIELDS(X)                                                                                                 \
    X(ID, "id")                                                                                                        \
    X(NAME, "name")                                                                                                    \
    X(DESCRIPTION, "description")                                                                                      \
    X(DONE, "done")                                                                                                    \
    X(V, "v")                                                                                                          \
    X(CREATED_AT, "created_at")                                                                                        \
    X(UPDATED_AT, "updated_at")

#define TODO_FIELD_ENUM(upper, name) TODO_##upper,
enum todo_field { TODO_FIELDS(TODO_FIELD_ENUM) TODO_FIELD_COUNT };
#undef TODO_FIELD_ENUM

struct todo {
    char id[TODO_ID_MAX + 1]; /* NUL-terminated */
    struct slice name;        /* borrowed from whoever filled the struct */
    struct slice description; /* borrowed; empty where there is none, never absent in a complete todo */
    bool done;
    int64_t v;             /* 1 at birth, +1 at each change */
    int64_t created_at_ms; /* Unix time, UTC */
    int64_t updated_at_ms;
};

/* The field's name in JSON, Redis and the stores. */
const char *todo_field_name(enum todo_field field);

/* Whether id could name a todo at all. */
bool todo_id_valid(struct slice id);

/* Sets todo->id; the id must be valid. */
void todo_set_id(struct todo *todo, struct slice id);

/* Checks every rule; on STATUS_INVALID error tells the first that is broken, with the member's JSON pointer. */
enum status todo_check(const struct todo *todo, struct error *error) STATUS_MUST_CHECK;

/* Checks one text against the rules for characters and for length; field names it in the error. */
enum status todo_text_check(enum todo_field field, struct slice text, struct error *error) STATUS_MUST_CHECK;

/* Copies source with its texts into arena. */
void todo_copy(struct todo *copy, const struct todo *source, struct arena *arena);

#endif
