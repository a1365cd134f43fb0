/* SPDX-License-Identifier: MIT */
/*
 * Todos in JSON, by the rows of TODO_FIELDS: the reader takes the members that a client may set, the writer prints
 * those that a client may read.
 *
 * Reading. A draft is one JSON object (json.c) whose members are fields. The reader checks each member alone: its name,
 * its type, and the rules of its text or number. A fault names the member by its JSON pointer, so that a form can show
 * the text beside the right input. Whether a required field is missing is decided by the caller: a POST needs a name, a
 * patch does not.
 *
 * A patch is read as a draft in which null takes a member back to its default (RFC 7396: null removes a member). A
 * whole todo, as a PUT has it, may also have the members that a client can only read, so that it can send back what a
 * GET answered. They are read here and compared by the store.
 *
 * Writing. Every hit prints a todo, so the writer appends literals, digits and runs of bytes, and formats nothing. Each
 * member is written with a comma before it; the first comma is then overwritten with the brace.
 *
 * Guarantees: a todo that passed todo_check() gives valid JSON, and the same todo always gives the same bytes, which
 * ETags rely on. todo_json_read() reads the members that it takes back to the same values.
 *
 * Does not: check a draft as a whole, or make up an id.
 */
#include "base/todo_json.h"

#include <stdio.h>

#include "base/date.h"
#include "base/json.h"
#include "base/mem.h"

enum { NAME_SHOWN_MAX = 40 };

/* What the callbacks of json_object_read() work on. */
struct draft_reader {
    struct todo_draft *draft;
    struct arena *arena;
    enum draft_kind kind;
};

/* ---- Reading ---- */

/* Points at a member by its name; RFC 6901 section 3 escapes "~" and "/". */
static enum status error_at_name(struct error *error, struct slice name)
{
    char pointer[sizeof(error->pointer) * 2];
    size_t len = 0;
    pointer[len++] = '/';
    for (size_t i = 0; i < name.len && len < sizeof(pointer) - 2; i++) {
        char c = name.data[i];
        if (c == '~' || c == '/') {
            pointer[len++] = '~';
            c = c == '~' ? '0' : '1';
        }
        pointer[len++] = c;
    }
    pointer[len] = '\0';
    return error_at(error, pointer);
}

static bool may_set(enum todo_field field)
{
    enum todo_access access = TODO_ROWS[field].access;
    return access == TODO_ACCESS_CREATE || access == TODO_ACCESS_WRITE;
}

static bool may_say(enum draft_kind kind, enum todo_field field)
{
    return may_set(field) || (kind == DRAFT_WHOLE && TODO_ROWS[field].access == TODO_ACCESS_READ);
}

/* "id, name, description and done" */
static void known_names(char *text, size_t size_bytes)
{
    size_t count = 0, at = 0, len = 0;
    for (enum todo_field field = 0; field < TODO_FIELD_COUNT; field++)
        count += may_set(field);
    for (enum todo_field field = 0; field < TODO_FIELD_COUNT && len < size_bytes; field++) {
        if (!may_set(field))
            continue;
        const char *before = at == 0 ? "" : at + 1 == count ? " and " : ", ";
        at++;
        len += (size_t)snprintf(text + len, size_bytes - len, "%s%s", before, todo_field_name(field));
    }
}

static enum status refuse_member(const struct json_member *member, struct error *error)
{
    char known[128];
    known_names(known, sizeof(known));
    error_set(error, STATUS_INVALID, "unknown member \"%.*s\"; known are %s",
              (int)slice_cut(member->name, NAME_SHOWN_MAX), member->name.data, known);
    return error_at_name(error, member->name);
}

static enum status refuse_kind(const struct json_member *member, const char *wanted, struct error *error)
{
    error_set(error, STATUS_INVALID, "%s: must be %s", member->name.data, wanted);
    return error_at_name(error, member->name);
}

static enum status read_text(struct draft_reader *reader, enum todo_field field, const struct json_member *member,
                             struct error *error)
{
    if (member->kind != JSON_KIND_STRING)
        return refuse_kind(member, "a string", error);
    enum status status = todo_text_check(field, member->text, error);
    if (status != STATUS_OK)
        return status;
    if (TODO_ROWS[field].least > 0 && todo_text_is_blank(member->text)) {
        error_set(error, STATUS_INVALID, "%s: is blank; it needs a character that can be seen", member->name.data);
        return error_at(error, TODO_ROWS[field].pointer);
    }
    struct todo *todo = &reader->draft->todo;
    if (TODO_ROWS[field].type == TODO_TYPE_ID)
        todo_set_id(todo, member->text);
    else
        *(struct slice *)todo_member(todo, field) = arena_copy(reader->arena, member->text);
    return STATUS_OK;
}

static enum status read_flag(struct draft_reader *reader, enum todo_field field, const struct json_member *member,
                             struct error *error)
{
    if (member->kind != JSON_KIND_BOOL)
        return refuse_kind(member, "true or false", error);
    *(bool *)todo_member(&reader->draft->todo, field) = member->boolean;
    return STATUS_OK;
}

static enum status read_time(struct draft_reader *reader, enum todo_field field, const struct json_member *member,
                             struct error *error)
{
    int64_t *at_ms = todo_member(&reader->draft->todo, field);
    if (member->kind == JSON_KIND_STRING && date_rfc3339_parse(member->text, at_ms))
        return STATUS_OK;
    return refuse_kind(member, "the time that GET answers, or left out", error);
}

static enum status read_value(struct draft_reader *reader, enum todo_field field, const struct json_member *member,
                              struct error *error)
{
    switch (TODO_ROWS[field].type) {
    case TODO_TYPE_ID:
    case TODO_TYPE_TEXT:
        return read_text(reader, field, member, error);
    case TODO_TYPE_FLAG:
        return read_flag(reader, field, member, error);
    case TODO_TYPE_TIME:
        return read_time(reader, field, member, error);
    case TODO_TYPE_INTEGER:
        break; /* no client may set one */
    }
    bug_unless(false, "a field of a type that no client may set");
}

static bool has_default(enum todo_field field)
{
    return TODO_ROWS[field].access == TODO_ACCESS_WRITE && !todo_field_required(field);
}

static enum status on_member(void *ctx, const struct json_member *member, struct error *error)
{
    struct draft_reader *reader = ctx;
    enum todo_field field = 0;
    while (field < TODO_FIELD_COUNT && !slice_equal(member->name, TODO_ROWS[field].name))
        field++;
    if (field == TODO_FIELD_COUNT || !may_say(reader->kind, field))
        return refuse_member(member, error);
    bool is_default = member->kind == JSON_KIND_NULL && has_default(field), is_patch = reader->kind == DRAFT_PATCH;
    enum status status = STATUS_OK;
    if (is_default && !is_patch && TODO_ROWS[field].type == TODO_TYPE_TEXT)
        return STATUS_OK; /* as if it were absent */
    if (!is_default || !is_patch)
        status = read_value(reader, field, member, error);
    if (status == STATUS_OK)
        reader->draft->present |= 1u << field;
    return status;
}

enum status todo_json_read(struct slice body, enum draft_kind kind, struct arena *arena, struct todo_draft *draft,
                           struct error *error)
{
    *draft = (struct todo_draft){.todo = TODO_DEFAULT};
    struct draft_reader reader = {.draft = draft, .arena = arena, .kind = kind};
    return json_object_read(body, on_member, &reader, error);
}

/* ---- Writing ---- */

/* The alphabet of ids has nothing to escape. */
static void write_id(struct buf *buf, const char *id)
{
    size_t len = strlen(id);
    char *text = buf_reserve(buf, len + 2);
    text[0] = '"';
    memcpy(text + 1, id, len);
    text[len + 1] = '"';
    buf_advance(buf, len + 2);
}

static void write_time(struct buf *buf, int64_t at_ms)
{
    char *text = buf_reserve(buf, DATE_RFC3339_LEN + 2);
    text[0] = '"';
    date_rfc3339(text + 1, at_ms);
    text[DATE_RFC3339_LEN + 1] = '"';
    buf_advance(buf, DATE_RFC3339_LEN + 2);
}

/* The value of each type of field. */
#define WRITE_ID(value)      write_id(buf, value)
#define WRITE_TEXT(value)    json_write_string(buf, value)
#define WRITE_FLAG(value)    buf_append_slice(buf, (value) ? SLICE("true") : SLICE("false"))
#define WRITE_INTEGER(value) buf_append_int(buf, value)
#define WRITE_TIME(value)    write_time(buf, value)
#define WRITE_FIELD(upper, name, type, member, access, ...)                                                            \
    if (TODO_ACCESS_##access != TODO_ACCESS_HIDDEN) {                                                                  \
        buf_append_slice(buf, SLICE(",\"" name "\":"));                                                                \
        WRITE_##type(todo->member);                                                                                    \
    }

void todo_json_write(struct buf *buf, const struct todo *todo)
{
    size_t start = buf->len;
    TODO_FIELDS(WRITE_FIELD)
    buf->data[start] = '{';
    buf_append_char(buf, '}');
}
