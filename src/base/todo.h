/* SPDX-License-Identifier: MIT */
/*
 * A todo: its fields, and the rules that each stored todo keeps.
 *
 * TODO_FIELDS lists the fields once. All that treats fields alike takes them from its rows: comparing, copying and
 * merging here, JSON in todo_json.c, the cache entry in cache/entry.c, BSON in store/mongo_todo.c, SQL in
 * store/sqlite_sql.c and store/sqlite_todo.c, the loader's members in load/row.c.
 *
 * The rules hold for what clients send and for what the loader reads. Both stores keep only todos that pass them.
 * context  any (pure)
 */
#ifndef BASE_TODO_H
#define BASE_TODO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"

enum {
    TODO_ID_MAX = 64,            /* bytes */
    TODO_NAME_MAX = 200,         /* characters */
    TODO_DESCRIPTION_MAX = 4000, /* characters */
};

/* A point in time that RFC 3339 can print: years 1970 to 9999. */
#define TODO_TIME_MAX_MS INT64_C(253402300799999)

/* What a field holds, and the C type of its member. A switch over types has no default: a new type must be handled. */
enum todo_type {
    TODO_TYPE_ID,      /* char[]: 1 to 64 of A-Z a-z 0-9 . _ ~ -, but not "." or ".."; NUL-terminated */
    TODO_TYPE_TEXT,    /* struct slice: UTF-8; of NUL and the other C0 controls only TAB, LF and CR */
    TODO_TYPE_FLAG,    /* bool */
    TODO_TYPE_INTEGER, /* int64_t */
    TODO_TYPE_TIME,    /* int64_t: Unix time in ms, UTC */
};

/* What a client may do with a field. */
enum todo_access {
    TODO_ACCESS_CREATE, /* read it, and set it when the todo is made */
    TODO_ACCESS_WRITE,  /* read it, and set it at any time */
    TODO_ACCESS_READ,   /* read it; the service sets it */
    TODO_ACCESS_HIDDEN, /* nothing; the JSON leaves it out */
};

/*
 * The fields, in the order in which they are printed:
 *
 *   enum, name     what C calls it; what JSON, Redis and the stores call it
 *   type, member   TODO_TYPE_type; the member of struct todo
 *   access         TODO_ACCESS_access
 *   may_lack       whether a stored document may be without it, and then has the default
 *   default        what a todo has that was given no value; {0}: clients must give one
 *   least, most    of a text its characters, else its value
 */
#define TODO_FIELDS(X)                                                                                                 \
    X(ID, "id", ID, id, CREATE, false, {0}, 1, TODO_ID_MAX)                                                            \
    X(NAME, "name", TEXT, name, WRITE, false, {0}, 1, TODO_NAME_MAX)                                                   \
    X(DESCRIPTION, "description", TEXT, description, WRITE, true, SLICE(""), 0, TODO_DESCRIPTION_MAX)                  \
    X(DONE, "done", FLAG, done, WRITE, true, false, 0, 1)                                                              \
    X(V, "v", INTEGER, v, HIDDEN, false, 1, 1, INT64_MAX)                                                              \
    X(LIFE, "life", INTEGER, life, HIDDEN, true, 0, 0, INT64_MAX)                                                      \
    X(CREATED_AT, "created_at", TIME, created_at_ms, READ, false, 0, 0, TODO_TIME_MAX_MS)                              \
    X(UPDATED_AT, "updated_at", TIME, updated_at_ms, READ, false, 0, 0, TODO_TIME_MAX_MS)

#define TODO_FIELD_ENUM(upper, ...) TODO_##upper,
enum todo_field { TODO_FIELDS(TODO_FIELD_ENUM) TODO_FIELD_COUNT };
#undef TODO_FIELD_ENUM

struct todo {
    char id[TODO_ID_MAX + 1];
    struct slice name;        /* borrowed from the code that filled the struct in */
    struct slice description; /* borrowed; never absent in a complete todo */
    bool done;
    int64_t v;    /* 1 at birth, +1 at each change */
    int64_t life; /* which of the lives of this id: it is deleted, and made again */
    int64_t created_at_ms;
    int64_t updated_at_ms;
};

/* One row of TODO_FIELDS. */
struct todo_row {
    struct slice name;
    const char *pointer; /* the JSON pointer of the member: "/name" */
    enum todo_type type;
    enum todo_access access;
    bool may_lack;
    size_t offset, size; /* of the member, in bytes */
    int64_t least, most;
};

extern const struct todo_row TODO_ROWS[TODO_FIELD_COUNT];

/* A todo of defaults. */
extern const struct todo TODO_DEFAULT;

/* Sets of fields have a bit for each: 1u << TODO_NAME. Those that a client may change, and those that it may read. */
#define TODO_WRITE_BIT(upper, name, type, member, access, ...)                                                         \
    | (unsigned)(TODO_ACCESS_##access == TODO_ACCESS_WRITE) << TODO_##upper
#define TODO_READ_BIT(upper, name, type, member, access, ...)                                                          \
    | (unsigned)(TODO_ACCESS_##access == TODO_ACCESS_READ) << TODO_##upper
enum { TODO_WRITE_FIELDS = 0 TODO_FIELDS(TODO_WRITE_BIT), TODO_READ_FIELDS = 0 TODO_FIELDS(TODO_READ_BIT) };
#undef TODO_WRITE_BIT
#undef TODO_READ_BIT

/* The field's name in JSON, Redis and the stores. */
const char *todo_field_name(enum todo_field field);

/* Whether a client or a file must give the field when it makes a todo. */
bool todo_field_required(enum todo_field field);

/* The field's member, to be read or written as its row's type says. */
static inline void *todo_member(struct todo *todo, enum todo_field field)
{
    return (char *)todo + TODO_ROWS[field].offset;
}

static inline const void *todo_member_const(const struct todo *todo, enum todo_field field)
{
    return (const char *)todo + TODO_ROWS[field].offset;
}

/* Whether id could name a todo at all. */
bool todo_id_valid(struct slice id);

/* Sets todo->id; the id must be valid. */
void todo_set_id(struct todo *todo, struct slice id);

/* Whether an integer or a time is within its row's limits. */
bool todo_number_valid(enum todo_field field, int64_t value);

/* Checks every rule; on STATUS_INVALID error tells the first that is broken, with the member's JSON pointer. */
enum status todo_check(const struct todo *todo, struct error *error) STATUS_MUST_CHECK;

/* Checks one text against the rules for characters and for length; field names it in the error. */
enum status todo_text_check(enum todo_field field, struct slice text, struct error *error) STATUS_MUST_CHECK;

/*
 * Whether nothing of a text can be seen. A client may not give a todo such a name; one that is stored with it, or
 * imported, is read all the same, so todo_check() does not ask.
 */
bool todo_text_is_blank(struct slice text);

/* Whether all fields are the same, or these: a set. */
bool todo_equal(const struct todo *a, const struct todo *b);
bool todo_fields_equal(const struct todo *a, const struct todo *b, unsigned fields);

/* Copies source with its texts into arena. */
void todo_copy(struct todo *copy, const struct todo *source, struct arena *arena);

/* Gives todo the values of these fields, a set; texts are borrowed from values. */
void todo_set_fields(struct todo *todo, const struct todo *values, unsigned fields);

/*
 * A life is named by chance when the todo is made (life_new() in random.h), from LIFE_LEAST on. What other programs and
 * older versions of this one stored has no life, 0; then its time of birth stands for it, which is always smaller.
 * A double holds all of them exactly, so no shell or script changes one by reading it.
 */
#define LIFE_LEAST (INT64_C(1) << 52)
_Static_assert(LIFE_LEAST > TODO_TIME_MAX_MS, "a time could be taken for a life named by chance");

static inline int64_t todo_life_of(int64_t life, int64_t created_at_ms)
{
    return life == 0 ? created_at_ms : life;
}

#endif
