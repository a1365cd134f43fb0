/* SPDX-License-Identifier: MIT */
/*
 * The mapping from members to fields.
 *
 *   id           id, else _id, else a new UUIDv7 as POST makes one. A string, an integral number, or an ObjectId as hex.
 *   name         name, else title.
 *   description  description; empty if there is none.
 *   done         done, else completed; false if there is none. A boolean; in CSV true, false, 1, 0, yes or no.
 *   created_at   RFC 3339 text or a date; the time of the load if there is none.
 *   updated_at   likewise; created_at if there is none.
 *   v            left out without a word: a row that comes in begins its life here, with v 1.
 *
 * Each member has a rank within its field and the highest wins, whatever their order; a loser is not even looked at, so
 * that an odd _id does no harm beside a good id. Values are therefore kept as they come and converted in row_finish(),
 * which ends with todo_check(): what comes out keeps every rule of base/todo.h.
 *
 * Members that belong to no field are noted, each name once, at most ROW_NOTE_MAX names.
 *
 * What it does not do: convert texts (trim, fold, repair). A row is right or it is rejected.
 */
#include "load/row.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/date.h"
#include "base/log.h"
#include "base/random.h"

enum { ROW_EXACT_DOUBLE_BITS = 53 }; /* integers up to 2^53 are exact in a double */

struct row_member {
    const char *name;
    enum todo_field field;
    int rank; /* higher wins; 0: left out silently */
};

static const struct row_member ROW_MEMBERS[] = {
    {"id", TODO_ID, 2},
    {"_id", TODO_ID, 1},
    {"name", TODO_NAME, 2},
    {"title", TODO_NAME, 1},
    {"description", TODO_DESCRIPTION, 1},
    {"done", TODO_DONE, 2},
    {"completed", TODO_DONE, 1},
    {"created_at", TODO_CREATED_AT, 1},
    {"updated_at", TODO_UPDATED_AT, 1},
    {"v", TODO_V, 0},
};

static const struct {
    const char *word;
    bool value;
} ROW_BOOLEANS[] = {{"true", true}, {"false", false}, {"1", true}, {"0", false}, {"yes", true}, {"no", false}};

static const char *const ROW_TYPE_NAMES[] = {
    [ROW_NULL] = "null",
    [ROW_BOOL] = "a boolean",
    [ROW_INTEGER] = "a number",
    [ROW_REAL] = "a number",
    [ROW_TEXT] = "a string",
    [ROW_CELL] = "a string",
    [ROW_OBJECT_ID] = "an ObjectId",
    [ROW_TIME] = "a date",
    [ROW_OTHER] = "of a type that no field takes",
};

static const struct row_member *row_member_find(struct slice name)
{
    for (size_t i = 0; i < sizeof(ROW_MEMBERS) / sizeof(*ROW_MEMBERS); i++)
        if (slice_equal(name, slice_of(ROW_MEMBERS[i].name)))
            return &ROW_MEMBERS[i];
    return NULL;
}

static void row_note(struct row_maker *maker, struct slice name)
{
    if (maker->note_count == ROW_NOTE_MAX)
        return;
    char *note = maker->notes[maker->note_count];
    log_value(note, ROW_NOTE_BYTES + 1, name);
    for (size_t i = 0; i < maker->note_count; i++)
        if (strcmp(maker->notes[i], note) == 0)
            return;
    maker->note_count++;
}

static enum status row_type_refuse(enum todo_field field, enum row_type type, const char *wanted, struct error *error)
{
    return error_set(error, STATUS_INVALID, "%s is %s; it must be %s", todo_field_name(field), ROW_TYPE_NAMES[type],
                     wanted);
}

/* Only a whole number that a double holds exactly is the same number in every program that wrote or reads it. */
static bool row_real_to_integer(double real, int64_t *integer)
{
    const double limit = (double)(INT64_C(1) << ROW_EXACT_DOUBLE_BITS);
    if (!(real >= -limit && real <= limit))
        return false;
    *integer = (int64_t)real;
    return (double)*integer == real;
}

static enum status row_finish_id(struct row_maker *maker, struct todo *todo, struct error *error)
{
    const struct row_value *value = &maker->values[TODO_ID];
    int64_t integer = value->integer;
    char text[UUID_LEN + 1];
    struct slice id = value->text;
    switch (value->type) {
    case ROW_NULL:
        uuid7_new(text, maker->now_ms);
        id = slice_of(text);
        break;
    case ROW_REAL:
        if (!row_real_to_integer(value->real, &integer))
            return error_set(error, STATUS_INVALID, "id is the number %g, which is not a whole one", value->real);
        /* fall through */
    case ROW_INTEGER:
        snprintf(text, sizeof(text), "%" PRId64, integer);
        id = slice_of(text);
        break;
    case ROW_TEXT:
    case ROW_CELL:
    case ROW_OBJECT_ID:
        break;
    default:
        return row_type_refuse(TODO_ID, value->type, "a string, a whole number or an ObjectId", error);
    }
    if (!todo_id_valid(id)) {
        char shown[TODO_ID_MAX + 1];
        return error_set(error, STATUS_INVALID, "id \"%s\" is not 1 to %d of A-Z a-z 0-9 . _ ~ -",
                         log_value(shown, sizeof(shown), id), TODO_ID_MAX);
    }
    todo_set_id(todo, id);
    return STATUS_OK;
}

static enum status row_finish_text(const struct row_maker *maker, enum todo_field field, struct slice *text,
                                   struct error *error)
{
    const struct row_value *value = &maker->values[field];
    *text = SLICE("");
    if (value->type == ROW_NULL)
        return STATUS_OK;
    if (value->type != ROW_TEXT && value->type != ROW_CELL)
        return row_type_refuse(field, value->type, "a string", error);
    *text = value->text;
    return STATUS_OK;
}

static enum status row_finish_name(const struct row_maker *maker, struct todo *todo, struct error *error)
{
    if (maker->values[TODO_NAME].type == ROW_NULL)
        return error_set(error, STATUS_INVALID, "there is no name, and no title to stand in for it");
    return row_finish_text(maker, TODO_NAME, &todo->name, error);
}

static enum status row_finish_done(const struct row_maker *maker, struct todo *todo, struct error *error)
{
    const struct row_value *value = &maker->values[TODO_DONE];
    todo->done = value->type == ROW_BOOL && value->boolean;
    if (value->type == ROW_NULL || value->type == ROW_BOOL)
        return STATUS_OK;
    for (size_t i = 0; value->type == ROW_CELL && i < sizeof(ROW_BOOLEANS) / sizeof(*ROW_BOOLEANS); i++) {
        /* the arena's copies end in NUL */
        if (strcasecmp(value->text.data, ROW_BOOLEANS[i].word) == 0) {
            todo->done = ROW_BOOLEANS[i].value;
            return STATUS_OK;
        }
    }
    if (value->type == ROW_CELL)
        return error_set(error, STATUS_INVALID, "done is none of true, false, 1, 0, yes, no");
    return row_type_refuse(TODO_DONE, value->type, "a boolean", error);
}

static enum status row_finish_time(const struct row_maker *maker, enum todo_field field, int64_t default_ms,
                                   int64_t *at_ms, struct error *error)
{
    const struct row_value *value = &maker->values[field];
    *at_ms = default_ms;
    if (value->type == ROW_NULL)
        return STATUS_OK;
    if (value->type == ROW_TIME) {
        *at_ms = value->integer;
        return STATUS_OK;
    }
    if (value->type != ROW_TEXT && value->type != ROW_CELL)
        return row_type_refuse(field, value->type, "a date or RFC 3339 text", error);
    if (date_rfc3339_parse(value->text, at_ms))
        return STATUS_OK;
    char shown[DATE_RFC3339_LEN * 2];
    return error_set(error, STATUS_INVALID, "%s \"%s\" is no RFC 3339 time such as 2024-01-31T23:59:59Z",
                     todo_field_name(field), log_value(shown, sizeof(shown), value->text));
}

void row_maker_init(struct row_maker *maker, int64_t now_ms)
{
    memset(maker, 0, sizeof(*maker));
    maker->now_ms = now_ms;
}

void row_begin(struct row_maker *maker, struct arena *arena)
{
    maker->arena = arena;
    memset(maker->values, 0, sizeof(maker->values));
    memset(maker->ranks, 0, sizeof(maker->ranks));
}

void row_put(struct row_maker *maker, struct slice name, const struct row_value *value)
{
    const struct row_member *member = row_member_find(name);
    if (!member) {
        row_note(maker, name);
        return;
    }
    if (value->type == ROW_NULL || (value->type == ROW_CELL && value->text.len == 0))
        return;
    if (member->rank <= maker->ranks[member->field])
        return;
    maker->ranks[member->field] = member->rank;
    maker->values[member->field] = *value;
    maker->values[member->field].text = arena_copy(maker->arena, value->text);
}

enum status row_finish(struct row_maker *maker, struct todo *todo, struct error *error)
{
    memset(todo, 0, sizeof(*todo));
    todo->v = 1;
    enum status status = row_finish_id(maker, todo, error);
    if (status == STATUS_OK)
        status = row_finish_name(maker, todo, error);
    if (status == STATUS_OK)
        status = row_finish_text(maker, TODO_DESCRIPTION, &todo->description, error);
    if (status == STATUS_OK)
        status = row_finish_done(maker, todo, error);
    if (status == STATUS_OK)
        status = row_finish_time(maker, TODO_CREATED_AT, maker->now_ms, &todo->created_at_ms, error);
    if (status == STATUS_OK)
        status = row_finish_time(maker, TODO_UPDATED_AT, todo->created_at_ms, &todo->updated_at_ms, error);
    return status == STATUS_OK ? todo_check(todo, error) : status;
}
