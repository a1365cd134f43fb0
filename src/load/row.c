/* SPDX-License-Identifier: MIT */
/*
 * Which member of a record fills which field of a todo. A field takes the member of its own name, or else a synonym:
 *
 *   id           else _id, else a new UUIDv7 as POST makes one. A string, a whole number, or an ObjectId as hex; in CSV
 *                also ObjectId(...), as mongoexport writes it.
 *   name         else title. It must be there.
 *   description  empty if there is none.
 *   done         else completed; false if there is none. A boolean; in CSV true, false, 1, 0, yes or no.
 *   created_at   a date, RFC 3339 text, also without its zone (UTC) or its time of day, or a number: Unix time in
 *                seconds, from 1e11 on in milliseconds. The time of the load if there is none.
 *   updated_at   likewise; created_at if there is none.
 *   v, life      ignored without a note: an imported todo begins its life here, with v 1. batch.c names the life.
 *
 * Any other field of TODO_FIELDS (base/todo.h) is taken by its own name, and has its default if there is no such
 * member.
 *
 * The own name wins over a synonym, whatever their order, and a losing member is not looked at: an odd _id does no harm
 * beside a good id. Values are therefore kept as they come, and converted in row_finish(). That ends with todo_check(),
 * so each todo that comes out keeps the rules.
 *
 * Members that belong to no field are noted, and times that had to be interpreted: each note once, at most
 * ROW_NOTE_MAX of them.
 *
 * It does not repair texts (trim, fold). A row is right or it is rejected.
 */
#include "load/row.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/date.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"

enum { ROW_EXACT_DOUBLE_BITS = 53 }; /* integers up to 2^53 are exact in a double */

enum { ROW_DATE_LEN = 10, ROW_TIME_TEXT_MAX = 40 }; /* "2024-01-31"; longer than any time */

#define ROW_SECONDS_LIMIT INT64_C(100000000000) /* seconds: the year 5138; milliseconds: 1973 */

enum { ROW_RANK_SYNONYM = 1, ROW_RANK_OWN_NAME = 2 };

static const struct {
    struct slice name;
    enum todo_field field;
} ROW_SYNONYMS[] = {
    {SLICE("_id"), TODO_ID},
    {SLICE("title"), TODO_NAME},
    {SLICE("completed"), TODO_DONE},
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

/* TODO_FIELD_COUNT: the member belongs to no field. */
static enum todo_field row_field_find(struct slice name, int *rank)
{
    *rank = ROW_RANK_OWN_NAME;
    for (enum todo_field field = 0; field < TODO_FIELD_COUNT; field++)
        if (slice_equal(name, TODO_ROWS[field].name))
            return field;
    *rank = ROW_RANK_SYNONYM;
    for (size_t i = 0; i < sizeof(ROW_SYNONYMS) / sizeof(ROW_SYNONYMS[0]); i++)
        if (slice_equal(name, ROW_SYNONYMS[i].name))
            return ROW_SYNONYMS[i].field;
    return TODO_FIELD_COUNT;
}

__attribute__((format(printf, 2, 3))) static void row_note(struct row_maker *maker, const char *format, ...)
{
    if (maker->note_count == ROW_NOTE_MAX)
        return;
    char *note = maker->notes[maker->note_count];
    va_list args;
    va_start(args, format);
    vsnprintf(note, ROW_NOTE_BYTES + 1, format, args);
    va_end(args);
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

/* A whole number that a double holds exactly is the same number in every program. */
static bool row_real_to_integer(double real, int64_t *integer)
{
    const double limit = (double)(INT64_C(1) << ROW_EXACT_DOUBLE_BITS);
    if (!(real >= -limit && real <= limit))
        return false;
    *integer = (int64_t)real;
    return (double)*integer == real;
}

/* What is in the parentheses of mongoexport's ObjectId(...), else text itself. */
static struct slice row_object_id(struct slice text)
{
    static const struct slice before = SLICE("ObjectId(");
    if (text.len <= before.len || memcmp(text.data, before.data, before.len) != 0 || text.data[text.len - 1] != ')')
        return text;
    return (struct slice){.data = text.data + before.len, .len = text.len - before.len - 1};
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
    case ROW_CELL:
        id = row_object_id(id);
        break;
    case ROW_TEXT:
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

static enum status row_missing(enum todo_field field, struct error *error)
{
    for (size_t i = 0; i < sizeof(ROW_SYNONYMS) / sizeof(ROW_SYNONYMS[0]); i++) {
        if (ROW_SYNONYMS[i].field == field) {
            return error_set(error, STATUS_INVALID, "there is no %s, and no %s to stand in for it",
                             todo_field_name(field), ROW_SYNONYMS[i].name.data);
        }
    }
    return error_set(error, STATUS_INVALID, "there is no %s", todo_field_name(field));
}

static enum status row_finish_text(const struct row_value *value, enum todo_field field, struct slice *text,
                                   struct error *error)
{
    if (value->type != ROW_TEXT && value->type != ROW_CELL)
        return row_type_refuse(field, value->type, "a string", error);
    *text = value->text;
    return STATUS_OK;
}

static enum status row_finish_flag(const struct row_value *value, enum todo_field field, bool *flag,
                                   struct error *error)
{
    if (value->type != ROW_BOOL && value->type != ROW_CELL)
        return row_type_refuse(field, value->type, "a boolean", error);
    *flag = value->boolean;
    if (value->type == ROW_BOOL)
        return STATUS_OK;
    for (size_t i = 0; i < sizeof(ROW_BOOLEANS) / sizeof(ROW_BOOLEANS[0]); i++) {
        /* the copies in the arena end in NUL */
        if (strcasecmp(value->text.data, ROW_BOOLEANS[i].word) == 0) {
            *flag = ROW_BOOLEANS[i].value;
            return STATUS_OK;
        }
    }
    return error_set(error, STATUS_INVALID, "%s is none of true, false, 1, 0, yes, no", todo_field_name(field));
}

static bool row_number(const struct row_value *value, double *number)
{
    int64_t integer = value->integer;
    bool is_digits = value->type == ROW_CELL && slice_to_int64(value->text, &integer);
    *number = value->type == ROW_REAL ? value->real : (double)integer;
    return is_digits || value->type == ROW_INTEGER || value->type == ROW_REAL;
}

/* Only its size tells seconds from milliseconds. */
static bool row_time_of_number(double number, int64_t *at_ms)
{
    double scaled = number < (double)ROW_SECONDS_LIMIT ? number * 1000 : number;
    if (!(scaled >= 0 && scaled <= (double)TODO_TIME_MAX_MS))
        return false;
    *at_ms = (int64_t)scaled;
    return true;
}

/* RFC 3339 text that lacks its zone, or is a date alone. */
static bool row_time_complete(struct slice text, int64_t *at_ms)
{
    char whole[ROW_TIME_TEXT_MAX + 16];
    if (text.len > ROW_TIME_TEXT_MAX)
        return false;
    const char *rest = text.len == ROW_DATE_LEN ? "T00:00:00Z" : "Z";
    memcpy(whole, text.data, text.len);
    strcpy(whole + text.len, rest);
    return date_rfc3339_parse((struct slice){.data = whole, .len = text.len + strlen(rest)}, at_ms);
}

static enum status row_finish_time(struct row_maker *maker, enum todo_field field, int64_t *at_ms, struct error *error)
{
    static const char zoneless[] = "times without a zone: they are taken as UTC";
    static const char numbers[] = "numbers: they are taken as Unix time, in seconds, from 1e11 on in milliseconds";
    const struct row_value *value = &maker->values[field];
    bool is_text = value->type == ROW_TEXT || value->type == ROW_CELL;
    double number;
    bool is_number = row_number(value, &number);
    if (value->type == ROW_TIME) {
        *at_ms = value->integer;
        return STATUS_OK;
    }
    if (!is_text && !is_number)
        return row_type_refuse(field, value->type, "a date, RFC 3339 text or a number", error);
    if (is_text && date_rfc3339_parse(value->text, at_ms))
        return STATUS_OK;
    bool completed = is_text && row_time_complete(value->text, at_ms);
    if (completed || (is_number && row_time_of_number(number, at_ms))) {
        row_note(maker, "%s has %s", todo_field_name(field), completed ? zoneless : numbers);
        return STATUS_OK;
    }
    if (is_number)
        return error_set(error, STATUS_INVALID, "%s is %.17g, which is no Unix time", todo_field_name(field), number);
    char shown[DATE_RFC3339_LEN * 2];
    return error_set(error, STATUS_INVALID, "%s \"%s\" is no RFC 3339 time such as 2024-01-31T23:59:59Z",
                     todo_field_name(field), log_value(shown, sizeof(shown), value->text));
}

/* What a field has without a member, if that is not its default. */
static void row_default(const struct row_maker *maker, enum todo_field field, struct todo *todo)
{
    if (field == TODO_CREATED_AT)
        todo->created_at_ms = maker->now_ms;
    else if (field == TODO_UPDATED_AT)
        todo->updated_at_ms = todo->created_at_ms;
}

static enum status row_finish_field(struct row_maker *maker, enum todo_field field, struct todo *todo,
                                    struct error *error)
{
    const struct row_value *value = &maker->values[field];
    void *member = todo_member(todo, field);
    enum todo_type type = TODO_ROWS[field].type;
    if (value->type == ROW_NULL && type != TODO_TYPE_ID) {
        row_default(maker, field, todo);
        return todo_field_required(field) ? row_missing(field, error) : STATUS_OK;
    }
    switch (type) {
    case TODO_TYPE_ID:
        return row_finish_id(maker, todo, error);
    case TODO_TYPE_TEXT:
        return row_finish_text(value, field, member, error);
    case TODO_TYPE_FLAG:
        return row_finish_flag(value, field, member, error);
    case TODO_TYPE_INTEGER:
        break; /* v and life are the only ones, and are hidden */
    case TODO_TYPE_TIME:
        return row_finish_time(maker, field, member, error);
    }
    bug_unless(false, "a field of a type that no record can give");
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
    int rank;
    enum todo_field field = row_field_find(name, &rank);
    if (field == TODO_FIELD_COUNT) {
        char shown[TODO_ID_MAX + 1];
        row_note(maker, "member \"%s\" is no field of a todo: it is %s", log_value(shown, sizeof(shown), name),
                 maker->keeps_others ? "kept, and not shown" : "ignored");
        return;
    }
    if (value->type == ROW_NULL || (value->type == ROW_CELL && value->text.len == 0))
        return;
    if (TODO_ROWS[field].access == TODO_ACCESS_HIDDEN || rank <= maker->ranks[field])
        return;
    maker->ranks[field] = rank;
    maker->values[field] = *value;
    maker->values[field].text = arena_copy(maker->arena, value->text);
}

enum status row_finish(struct row_maker *maker, struct todo *todo, struct error *error)
{
    *todo = TODO_DEFAULT;
    for (enum todo_field field = 0; field < TODO_FIELD_COUNT; field++) {
        enum status status = row_finish_field(maker, field, todo, error);
        if (status != STATUS_OK)
            return status;
    }
    return todo_check(todo, error);
}
