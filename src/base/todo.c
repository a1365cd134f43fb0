/* SPDX-License-Identifier: MIT */
/*
 * The rules that each todo keeps, by the rows of TODO_FIELDS. The API asks here before it stores, the loader before it
 * imports, and both stores rely on it.
 *
 * A text is checked in one pass. It must be valid UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing beyond
 * U+10FFFF), without NUL and without the other C0 controls except TAB, LF and CR. The pass also counts code points,
 * because limits are in characters. Most text is plain ASCII, so eight bytes at a time are tried first; the decoder
 * sees only the rest. DEL and the C1 controls are allowed: they do no harm in JSON, Redis or the stores.
 *
 * Why a table and a switch over types: a new field is a row and a member, and is compared, copied and checked without
 * another line. A row whose member has the wrong C type does not compile.
 *
 * Guarantees: a text that passed can be written into JSON by escaping only quotes, backslashes and controls. Each error
 * names the member, the rule, and the byte (counted from 0) at which the text breaks it.
 *
 * Does not: normalise, trim or compare text by meaning; "é" in two spellings is two names.
 */
#include "base/todo.h"

#include <string.h>

#include "base/mem.h"
#include "base/word.h"

/* The C type that each type of field stands for. An array is a pointer to _Generic. */
#define MEMBER_ID      char *
#define MEMBER_TEXT    struct slice
#define MEMBER_FLAG    bool
#define MEMBER_INTEGER int64_t
#define MEMBER_TIME    int64_t
#define CHECK_MEMBER(upper, name, type, member, ...)                                                                   \
    _Static_assert(_Generic(((struct todo *)0)->member, MEMBER_##type : 1, default : 0), name " has another C type");
TODO_FIELDS(CHECK_MEMBER)

#define ROW(upper, text, kind, member, client, lack, value, low, high)                                                 \
    {.name = SLICE(text),                                                                                              \
     .pointer = "/" text,                                                                                              \
     .type = TODO_TYPE_##kind,                                                                                         \
     .access = TODO_ACCESS_##client,                                                                                   \
     .may_lack = lack,                                                                                                 \
     .offset = offsetof(struct todo, member),                                                                          \
     .size = sizeof(((struct todo *)0)->member),                                                                       \
     .least = low,                                                                                                     \
     .most = high},
const struct todo_row TODO_ROWS[TODO_FIELD_COUNT] = {TODO_FIELDS(ROW)};

#define DEFAULT(upper, name, type, member, access, may_lack, value, ...) .member = value,
const struct todo TODO_DEFAULT = {TODO_FIELDS(DEFAULT)};

enum character_fault { FAULT_NONE, FAULT_UTF8, FAULT_CONTROL };

/* Whether eight bytes are all printable ASCII or DEL: none has its high bit set, none is below a space. */
static bool is_plain_run(const char *bytes)
{
    uint64_t word = word_of(bytes);
    uint64_t below_space = (word - EACH_BYTE(0x20)) & ~word;
    return ((word | below_space) & EACH_BYTE(0x80)) == 0;
}

/* Length of the sequence that a lead byte starts, and the least code point that needs this length. */
static size_t sequence_len(unsigned char lead, uint32_t *least)
{
    if (lead >= 0xC2 && lead <= 0xDF) {
        *least = 0x80;
        return 2;
    }
    if ((lead & 0xF0) == 0xE0) {
        *least = 0x800;
        return 3;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        *least = 0x10000;
        return 4;
    }
    return 0; /* a continuation byte, or one that is in no UTF-8 text */
}

/* Length of the valid multi-byte sequence at the start of text, and its code point; 0 if there is none. */
static size_t decode_sequence(struct slice text, uint32_t *point)
{
    uint32_t least;
    size_t len = sequence_len((unsigned char)text.data[0], &least);
    if (len == 0 || len > text.len)
        return 0;
    *point = (unsigned char)text.data[0] & (0x7Fu >> len);
    for (size_t i = 1; i < len; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if ((byte & 0xC0) != 0x80)
            return 0;
        *point = *point << 6 | (byte & 0x3Fu);
    }
    bool surrogate = *point >= 0xD800 && *point <= 0xDFFF;
    return *point < least || *point > 0x10FFFF || surrogate ? 0 : len;
}

/* Length of the character at the start of text, which is not empty; 0 with a fault if it is not allowed. */
static size_t character_len(struct slice text, enum character_fault *fault)
{
    unsigned char byte = (unsigned char)text.data[0];
    if (byte < 0x20) {
        bool allowed = byte == '\t' || byte == '\n' || byte == '\r';
        *fault = allowed ? FAULT_NONE : FAULT_CONTROL;
        return allowed;
    }
    if (byte < 0x80)
        return 1;
    uint32_t point;
    size_t len = decode_sequence(text, &point);
    *fault = len ? FAULT_NONE : FAULT_UTF8;
    return len;
}

/* Counts the characters of text; *at is the byte of a fault. */
static enum character_fault count_characters(struct slice text, size_t *count, size_t *at)
{
    enum character_fault fault = FAULT_NONE;
    *count = 0;
    for (size_t i = 0; i < text.len;) {
        size_t step = sizeof(uint64_t);
        size_t characters = step;
        if (text.len - i < step || !is_plain_run(text.data + i)) {
            step = character_len((struct slice){text.data + i, text.len - i}, &fault);
            characters = 1;
        }
        if (step == 0) {
            *at = i;
            return fault;
        }
        i += step;
        *count += characters;
    }
    return FAULT_NONE;
}

static enum status check_characters(enum todo_field field, struct slice text, size_t *count, struct error *error)
{
    const char *name = todo_field_name(field);
    size_t at = 0;
    switch (count_characters(text, count, &at)) {
    case FAULT_NONE:
        return STATUS_OK;
    case FAULT_UTF8:
        return error_set(error, STATUS_INVALID, "%s: not valid UTF-8 at byte %zu", name, at);
    case FAULT_CONTROL:
        break;
    }
    return error_set(error, STATUS_INVALID,
                     "%s: control character U+%04X at byte %zu; of these only tab, line feed and carriage return are "
                     "allowed",
                     name, (unsigned)(unsigned char)text.data[at], at);
}

static enum status check_text(enum todo_field field, struct slice text, struct error *error)
{
    const struct todo_row *row = &TODO_ROWS[field];
    if (!text.data)
        return error_set(error, STATUS_INVALID, "%s: is missing", row->name.data);
    size_t count;
    enum status status = check_characters(field, text, &count, error);
    if (status != STATUS_OK)
        return status;
    if (count < (size_t)row->least) {
        return error_set(error, STATUS_INVALID, "%s: is empty; it needs at least %lld character", row->name.data,
                         (long long)row->least);
    }
    if (count > (size_t)row->most) {
        return error_set(error, STATUS_INVALID, "%s: has %zu characters; at most %lld are allowed", row->name.data,
                         count, (long long)row->most);
    }
    return STATUS_OK;
}

static enum status check_id(struct slice id, struct error *error)
{
    if (todo_id_valid(id))
        return STATUS_OK;
    return error_set(error, STATUS_INVALID,
                     "id: must be 1 to %d characters of A-Z a-z 0-9 . _ ~ - and neither \".\" nor \"..\"",
                     (int)TODO_ID_MAX);
}

static enum status check_number(enum todo_field field, int64_t value, struct error *error)
{
    const struct todo_row *row = &TODO_ROWS[field];
    if (todo_number_valid(field, value))
        return STATUS_OK;
    if (row->type == TODO_TYPE_TIME)
        return error_set(error, STATUS_INVALID, "%s: must lie in the years 1970 to 9999", row->name.data);
    if (row->most == INT64_MAX) {
        return error_set(error, STATUS_INVALID, "%s: must be at least %lld, is %lld", row->name.data,
                         (long long)row->least, (long long)value);
    }
    return error_set(error, STATUS_INVALID, "%s: must be from %lld to %lld, is %lld", row->name.data,
                     (long long)row->least, (long long)row->most, (long long)value);
}

static enum status check_field(const struct todo *todo, enum todo_field field, struct error *error)
{
    const void *member = todo_member_const(todo, field);
    switch (TODO_ROWS[field].type) {
    case TODO_TYPE_ID:
        return check_id(slice_of(member), error);
    case TODO_TYPE_TEXT:
        return check_text(field, *(const struct slice *)member, error);
    case TODO_TYPE_FLAG:
        return STATUS_OK;
    case TODO_TYPE_INTEGER:
    case TODO_TYPE_TIME:
        return check_number(field, *(const int64_t *)member, error);
    }
    bug_unless(false, "a field of no type");
}

static bool member_equal(enum todo_type type, const void *a, const void *b)
{
    switch (type) {
    case TODO_TYPE_ID:
        return strcmp(a, b) == 0;
    case TODO_TYPE_TEXT:
        return slice_equal(*(const struct slice *)a, *(const struct slice *)b);
    case TODO_TYPE_FLAG:
        return *(const bool *)a == *(const bool *)b;
    case TODO_TYPE_INTEGER:
    case TODO_TYPE_TIME:
        return *(const int64_t *)a == *(const int64_t *)b;
    }
    bug_unless(false, "a field of no type");
}

static bool is_id_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           byte == '.' || byte == '_' || byte == '~' || byte == '-';
}

const char *todo_field_name(enum todo_field field)
{
    bug_unless((unsigned)field < TODO_FIELD_COUNT, "a field that is not in the table");
    return TODO_ROWS[field].name.data;
}

bool todo_field_required(enum todo_field field)
{
    const struct slice *text = todo_member_const(&TODO_DEFAULT, field);
    return TODO_ROWS[field].type == TODO_TYPE_TEXT && !text->data;
}

bool todo_id_valid(struct slice id)
{
    if (id.len < 1 || id.len > TODO_ID_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++)
        if (!is_id_byte(id.data[i]))
            return false;
    /* Unreserved characters (RFC 3986 2.3); these two path segments have a meaning of their own. */
    return !slice_equal(id, SLICE(".")) && !slice_equal(id, SLICE(".."));
}

void todo_set_id(struct todo *todo, struct slice id)
{
    bug_unless(todo_id_valid(id), "an id that was not checked");
    memcpy(todo->id, id.data, id.len);
    todo->id[id.len] = '\0';
}

bool todo_number_valid(enum todo_field field, int64_t value)
{
    return value >= TODO_ROWS[field].least && value <= TODO_ROWS[field].most;
}

enum status todo_text_check(enum todo_field field, struct slice text, struct error *error)
{
    const struct todo_row *row = &TODO_ROWS[field];
    bug_unless(row->type == TODO_TYPE_ID || row->type == TODO_TYPE_TEXT, "a field that is no text");
    enum status status = row->type == TODO_TYPE_ID ? check_id(text, error) : check_text(field, text, error);
    return status == STATUS_OK ? STATUS_OK : error_at(error, row->pointer);
}

/* Unicode's White_Space, and what has no width at all. */
static bool is_blank(uint32_t point)
{
    return (point >= 0x09 && point <= 0x0D) || point == 0x20 || point == 0x85 || point == 0xA0 || point == 0x1680 ||
           (point >= 0x2000 && point <= 0x200D) || point == 0x2028 || point == 0x2029 || point == 0x202F ||
           point == 0x205F || point == 0x2060 || point == 0x3000 || point == 0xFEFF;
}

bool todo_text_is_blank(struct slice text)
{
    while (text.len > 0) {
        uint32_t point = (unsigned char)text.data[0];
        size_t len = point < 0x80 ? 1 : decode_sequence(text, &point);
        if (len == 0 || !is_blank(point))
            return false;
        text = (struct slice){text.data + len, text.len - len};
    }
    return true;
}

enum status todo_check(const struct todo *todo, struct error *error)
{
    for (enum todo_field field = 0; field < TODO_FIELD_COUNT; field++)
        if (check_field(todo, field, error) != STATUS_OK)
            return error_at(error, TODO_ROWS[field].pointer);
    return STATUS_OK;
}

bool todo_equal(const struct todo *a, const struct todo *b)
{
    return todo_fields_equal(a, b, ~0u);
}

bool todo_fields_equal(const struct todo *a, const struct todo *b, unsigned fields)
{
    for (enum todo_field field = 0; field < TODO_FIELD_COUNT; field++)
        if (fields & 1u << field &&
            !member_equal(TODO_ROWS[field].type, todo_member_const(a, field), todo_member_const(b, field)))
            return false;
    return true;
}

void todo_copy(struct todo *copy, const struct todo *source, struct arena *arena)
{
    *copy = *source;
    for (enum todo_field field = 0; field < TODO_FIELD_COUNT; field++) {
        struct slice *text = todo_member(copy, field);
        if (TODO_ROWS[field].type == TODO_TYPE_TEXT)
            *text = arena_copy(arena, *text);
    }
}

void todo_set_fields(struct todo *todo, const struct todo *values, unsigned fields)
{
    for (enum todo_field field = 0; field < TODO_FIELD_COUNT; field++)
        if (fields & 1u << field)
            memcpy(todo_member(todo, field), todo_member_const(values, field), TODO_ROWS[field].size);
}
