/* SPDX-License-Identifier: MIT */
/*
 * JSON: read with jansson, strictly; written by hand.
 *
 * Reading. Bodies are the widest door into the program, so the reader takes one JSON object and nothing else. jansson
 * refuses bad UTF-8, NUL, lone surrogates, trailing bytes, numbers out of range and, with JSON_REJECT_DUPLICATES, a
 * name given twice (of which another parser might see the other value). It nests to 2048 levels; how deep text may
 * really be is checked here, on the parsed tree. Its messages quote the input, perhaps cut inside a character; of
 * these only the part before the quote is passed on, with the position.
 *
 * Writing. A todo's body is written on each hit, so it is a few appends of literals, digits and runs of bytes that
 * need no escape, found eight at a time. Only what RFC 8259 section 7 demands is escaped: quote, backslash, C0
 * controls.
 *
 * Guarantees: what json_write_todo() gives for a todo that passed todo_check() is valid JSON, always the same bytes for
 * the same todo (ETags rest on this), and json_object_read() reads it back to the same values.
 *
 * Does not: stream, take a top-level array, keep JSON trees beyond the call, or check a draft as a whole: whether a
 * name is missing is for who uses the draft.
 */
#include "base/json.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/date.h"

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

enum { NAME_SHOWN_MAX = 40 };

/* What on_draft_member() works on. */
struct draft_reader {
    struct todo_draft *draft;
    struct arena *arena;
};

/* ---- Reading ---- */

/* Whether a value nests deeper than levels; recursion ends there too. */
static bool is_deeper(json_t *value, int levels)
{
    if (!json_is_object(value) && !json_is_array(value))
        return false;
    if (levels == 0)
        return true;
    const char *name;
    size_t i;
    json_t *inner;
    json_object_foreach(value, name, inner)
    {
        if (is_deeper(inner, levels - 1))
            return true;
    }
    json_array_foreach(value, i, inner)
    {
        if (is_deeper(inner, levels - 1))
            return true;
    }
    return false;
}

static enum status refuse_text(const json_error_t *fault, struct error *error)
{
    const char *quote = strstr(fault->text, " near ");
    const char *flag = strstr(fault->text, " without JSON_"); /* jansson's own name for what it was not told to allow */
    const char *end = flag ? flag : quote;
    int len = end ? (int)(end - fault->text) : (int)strlen(fault->text);
    return error_set(error, STATUS_INVALID, "not valid JSON: %.*s (line %d, column %d, byte %d)", len, fault->text,
                     fault->line, fault->column, fault->position);
}

/* Parses text; NULL, with the error set, if it is not one object of bounded depth. */
static json_t *parse_object(struct slice text, struct error *error)
{
    if (text.len == 0) {
        error_set(error, STATUS_INVALID, "not valid JSON: it is empty; a JSON object is expected");
        return NULL;
    }
    json_error_t fault;
    json_t *root = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &fault);
    if (!root) {
        refuse_text(&fault, error);
        return NULL;
    }
    bool object = json_is_object(root);
    if (object && !is_deeper(root, JSON_DEPTH_MAX))
        return root;
    json_decref(root);
    if (object)
        error_set(error, STATUS_INVALID, "JSON nests deeper than %d levels", (int)JSON_DEPTH_MAX);
    else
        error_set(error, STATUS_INVALID, "a JSON object is expected, not an array");
    return NULL;
}

static struct slice string_slice(const json_t *value)
{
    return (struct slice){json_string_value(value), json_string_length(value)};
}

static void fill_member(struct json_member *member, struct slice name, const json_t *value)
{
    static const enum json_kind kinds[] = {
        [JSON_OBJECT] = JSON_KIND_OBJECT,   [JSON_ARRAY] = JSON_KIND_ARRAY, [JSON_STRING] = JSON_KIND_STRING,
        [JSON_INTEGER] = JSON_KIND_INTEGER, [JSON_REAL] = JSON_KIND_REAL,   [JSON_TRUE] = JSON_KIND_BOOL,
        [JSON_FALSE] = JSON_KIND_BOOL,      [JSON_NULL] = JSON_KIND_NULL,
    };
    *member = (struct json_member){
        .name = name,
        .kind = kinds[json_typeof(value)],
        .boolean = json_is_true(value),
        .integer = json_integer_value(value),
        .real = json_real_value(value),
        .node = json_is_object(value) ? value : NULL,
    };
    if (json_is_string(value))
        member->text = string_slice(value);
}

enum status json_object_read(struct slice text, json_member_cb on_member, void *ctx, struct error *error)
{
    json_t *root = parse_object(text, error);
    if (!root)
        return STATUS_INVALID;
    enum status status = STATUS_OK;
    for (void *at = json_object_iter(root); at && status == STATUS_OK; at = json_object_iter_next(root, at)) {
        struct json_member member;
        fill_member(&member, slice_of(json_object_iter_key(at)), json_object_iter_value(at));
        status = on_member(ctx, &member, error);
    }
    json_decref(root);
    return status;
}

struct slice json_node_string(const void *node, const char *name)
{
    static _Thread_local char digits[24];
    const json_t *value = json_object_get(node, name);
    if (json_is_string(value))
        return string_slice(value);
    if (json_is_integer(value)) {
        int len = snprintf(digits, sizeof(digits), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return (struct slice){digits, (size_t)len};
    }
    return (struct slice){0};
}

const void *json_node_object(const void *node, const char *name)
{
    const json_t *value = json_object_get(node, name);
    return json_is_object(value) ? value : NULL;
}

/* ---- Drafts ---- */

/* Points at a member by its name, with "~" and "/" in it escaped as RFC 6901 section 3 wants. */
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

static enum status refuse_member(const struct json_member *member, struct error *error)
{
    error_set(error, STATUS_INVALID, "unknown member \"%.*s\"; known are id, name, description and done",
              (int)slice_cut(member->name, NAME_SHOWN_MAX), member->name.data);
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
    struct todo *todo = &reader->draft->todo;
    if (field == TODO_ID)
        todo_set_id(todo, member->text);
    else if (field == TODO_NAME)
        todo->name = arena_copy(reader->arena, member->text);
    else
        todo->description = arena_copy(reader->arena, member->text);
    reader->draft->present |= 1u << field;
    return STATUS_OK;
}

static enum status read_done(struct draft_reader *reader, const struct json_member *member, struct error *error)
{
    if (member->kind != JSON_KIND_BOOL)
        return refuse_kind(member, "true or false", error);
    reader->draft->todo.done = member->boolean;
    reader->draft->present |= 1u << TODO_DONE;
    return STATUS_OK;
}

static enum status on_draft_member(void *ctx, const struct json_member *member, struct error *error)
{
    struct draft_reader *reader = ctx;
    enum todo_field field = TODO_ID;
    while (field < TODO_FIELD_COUNT && !slice_equal(member->name, slice_of(todo_field_name(field))))
        field++;
    switch (field) {
    case TODO_DESCRIPTION:
        if (member->kind == JSON_KIND_NULL)
            return STATUS_OK;
        return read_text(reader, field, member, error);
    case TODO_ID:
    case TODO_NAME:
        return read_text(reader, field, member, error);
    case TODO_DONE:
        return read_done(reader, member, error);
    default: /* v and the times are ours to set, like a name that is no field */
        return refuse_member(member, error);
    }
}

/* RFC 7396: null removes the member; what a todo is without it stands in. */
static enum status on_patch_member(void *ctx, const struct json_member *member, struct error *error)
{
    struct draft_reader *reader = ctx;
    struct json_member removed = *member;
    if (member->kind == JSON_KIND_NULL && slice_equal(member->name, SLICE("description"))) {
        removed.kind = JSON_KIND_STRING;
        removed.text = SLICE("");
    } else if (member->kind == JSON_KIND_NULL && slice_equal(member->name, SLICE("done"))) {
        removed.kind = JSON_KIND_BOOL;
        removed.boolean = false;
    }
    return on_draft_member(reader, &removed, error);
}

enum status json_patch_read(struct slice body, struct arena *arena, struct todo_draft *draft, struct error *error)
{
    *draft = (struct todo_draft){0};
    struct draft_reader reader = {.draft = draft, .arena = arena};
    return json_object_read(body, on_patch_member, &reader, error);
}

enum status json_draft_read(struct slice body, struct arena *arena, struct todo_draft *draft, struct error *error)
{
    *draft = (struct todo_draft){.todo.description = SLICE("")};
    struct draft_reader reader = {.draft = draft, .arena = arena};
    return json_object_read(body, on_draft_member, &reader, error);
}

/* ---- Writing ---- */

static bool needs_escape(unsigned char byte)
{
    return byte < 0x20 || byte == '"' || byte == '\\';
}

/* A word with the high bit set in each byte that is zero (and perhaps in some above the first such one). */
static uint64_t zero_bytes(uint64_t word)
{
    return (word - EACH_BYTE(0x01)) & ~word & EACH_BYTE(0x80);
}

/* Whether one of eight bytes needs an escape; bytes of UTF-8 sequences have their high bit set and don't. */
static bool run_needs_escape(const char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof(word));
    uint64_t control = (word - EACH_BYTE(0x20)) & ~word & EACH_BYTE(0x80);
    return (control | zero_bytes(word ^ EACH_BYTE('"')) | zero_bytes(word ^ EACH_BYTE('\\'))) != 0;
}

/* How many bytes at the start of text can be copied as they are. */
static size_t clean_len(const char *text, size_t len)
{
    size_t i = 0;
    while (len - i >= sizeof(uint64_t) && !run_needs_escape(text + i))
        i += sizeof(uint64_t);
    while (i < len && !needs_escape((unsigned char)text[i]))
        i++;
    return i;
}

static void write_escape(struct buf *buf, unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";
    switch (byte) {
    case '\n':
        buf_append(buf, "\\n", 2);
        return;
    case '\r':
        buf_append(buf, "\\r", 2);
        return;
    case '\t':
        buf_append(buf, "\\t", 2);
        return;
    case '"':
    case '\\':
        buf_append(buf, (char[]){'\\', (char)byte}, 2);
        return;
    default:
        buf_append(buf, (char[]){'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]}, 6);
    }
}

static void write_time(struct buf *buf, int64_t at_ms)
{
    date_rfc3339(buf_reserve(buf, DATE_RFC3339_LEN), at_ms);
    buf_advance(buf, DATE_RFC3339_LEN);
}

void json_write_string(struct buf *buf, struct slice text)
{
    buf_append_char(buf, '"');
    for (size_t i = 0; i < text.len; i++) {
        size_t run = clean_len(text.data + i, text.len - i);
        buf_append(buf, text.data + i, run);
        i += run;
        if (i < text.len)
            write_escape(buf, (unsigned char)text.data[i]);
    }
    buf_append_char(buf, '"');
}

void json_write_todo(struct buf *buf, const struct todo *todo)
{
    buf_append_slice(buf, SLICE("{\"id\":\""));
    buf_append_text(buf, todo->id); /* of an alphabet that has nothing to escape */
    buf_append_slice(buf, SLICE("\",\"name\":"));
    json_write_string(buf, todo->name);
    buf_append_slice(buf, SLICE(",\"description\":"));
    json_write_string(buf, todo->description);
    buf_append_slice(buf, todo->done ? SLICE(",\"done\":true") : SLICE(",\"done\":false"));
    buf_append_slice(buf, SLICE(",\"created_at\":\""));
    write_time(buf, todo->created_at_ms);
    buf_append_slice(buf, SLICE("\",\"updated_at\":\""));
    write_time(buf, todo->updated_at_ms);
    buf_append_slice(buf, SLICE("\"}"));
}
