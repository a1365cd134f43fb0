/* SPDX-License-Identifier: MIT */
/*
 * The rules that each todo keeps, in one place: the API asks here before it stores, the loader before it imports, and
 * both stores may rely on it.
 *
 * Texts are checked in one pass that validates UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing beyond
 * U+10FFFF), refuses NUL and the other C0 controls except TAB, LF and CR, and counts code points, for the limits are
 * in characters. Most text is plain ASCII, so eight bytes at a time are tried first; the decoder sees only what is
 * left. DEL and the C1 controls are characters like others: they do no harm in JSON, Redis or the stores.
 *
 * Guarantees: a text that passed can be written into JSON by escaping quotes, backslashes and controls alone; each
 * error names the member, the rule, and the byte (counted from 0) at which it is broken.
 *
 * Does not: normalise, trim or compare text; "é" in two spellings is two names.
 */
#include "base/todo.h"

#include <string.h>

#include "base/mem.h"

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

enum character_fault { FAULT_NONE, FAULT_UTF8, FAULT_CONTROL };

/* Whether eight bytes are all printable ASCII or DEL: none has its high bit set, none is below a space. */
static bool is_plain_run(const char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof(word));
    uint64_t below_space = (word - EACH_BYTE(0x20)) & ~word;
    return ((word | below_space) & EACH_BYTE(0x80)) == 0;
}

/* Length of the sequence that a lead byte starts, and the least code point that may be written with it. */
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

/* Length of the valid multi-byte sequence at the start of text; 0 if there is none. */
static size_t decode_sequence(struct slice text)
{
    uint32_t least;
    size_t len = sequence_len((unsigned char)text.data[0], &least);
    if (len == 0 || len > text.len)
        return 0;
    uint32_t point = (unsigned char)text.data[0] & (0x7Fu >> len);
    for (size_t i = 1; i < len; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if ((byte & 0xC0) != 0x80)
            return 0;
        point = point << 6 | (byte & 0x3Fu);
    }
    bool surrogate = point >= 0xD800 && point <= 0xDFFF;
    return point < least || point > 0x10FFFF || surrogate ? 0 : len;
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
    size_t len = decode_sequence(text);
    *fault = len ? FAULT_NONE : FAULT_UTF8;
    return len;
}

/* Counts the characters of text; on a fault *at is the byte where it is. */
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

static const char *field_pointer(enum todo_field field)
{
#define FIELD_POINTER(upper, name) "/" name,
    static const char *const pointers[] = {TODO_FIELDS(FIELD_POINTER)};
#undef FIELD_POINTER
    return pointers[field];
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

static enum status check_limits(enum todo_field field, struct slice text, struct error *error)
{
    const char *name = todo_field_name(field);
    size_t least = field == TODO_NAME ? 1 : 0;
    size_t most = field == TODO_NAME ? TODO_NAME_MAX : TODO_DESCRIPTION_MAX;
    if (!text.data)
        return error_set(error, STATUS_INVALID, "%s: is missing", name);
    size_t count;
    enum status status = check_characters(field, text, &count, error);
    if (status != STATUS_OK)
        return status;
    if (count < least)
        return error_set(error, STATUS_INVALID, "%s: is empty; it needs at least %zu character", name, least);
    if (count > most)
        return error_set(error, STATUS_INVALID, "%s: has %zu characters; at most %zu are allowed", name, count, most);
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

static enum status check_time(enum todo_field field, int64_t at_ms, struct error *error)
{
    if (at_ms >= 0 && at_ms <= TODO_TIME_MAX_MS)
        return STATUS_OK;
    error_set(error, STATUS_INVALID, "%s: must lie in the years 1970 to 9999", todo_field_name(field));
    return error_at(error, field_pointer(field));
}

static enum status check_version(int64_t v, struct error *error)
{
    if (v >= 1)
        return STATUS_OK;
    error_set(error, STATUS_INVALID, "v: must be at least 1, is %lld", (long long)v);
    return error_at(error, field_pointer(TODO_V));
}

static bool is_id_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           byte == '.' || byte == '_' || byte == '~' || byte == '-';
}

const char *todo_field_name(enum todo_field field)
{
#define FIELD_NAME(upper, name) name,
    static const char *const names[] = {TODO_FIELDS(FIELD_NAME)};
#undef FIELD_NAME
    bug_unless((unsigned)field < TODO_FIELD_COUNT, "a field that is not in the table");
    return names[field];
}

bool todo_id_valid(struct slice id)
{
    if (id.len < 1 || id.len > TODO_ID_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++)
        if (!is_id_byte(id.data[i]))
            return false;
    /* Unreserved characters (RFC 3986 2.3), but these two are path segments with a meaning. */
    return !slice_equal(id, SLICE(".")) && !slice_equal(id, SLICE(".."));
}

void todo_set_id(struct todo *todo, struct slice id)
{
    bug_unless(todo_id_valid(id), "an id that was not checked");
    memcpy(todo->id, id.data, id.len);
    todo->id[id.len] = '\0';
}

enum status todo_text_check(enum todo_field field, struct slice text, struct error *error)
{
    bug_unless(field == TODO_ID || field == TODO_NAME || field == TODO_DESCRIPTION, "a field that is no text");
    enum status status = field == TODO_ID ? check_id(text, error) : check_limits(field, text, error);
    return status == STATUS_OK ? STATUS_OK : error_at(error, field_pointer(field));
}

enum status todo_check(const struct todo *todo, struct error *error)
{
    enum status status = todo_text_check(TODO_ID, slice_of(todo->id), error);
    if (status == STATUS_OK)
        status = todo_text_check(TODO_NAME, todo->name, error);
    if (status == STATUS_OK)
        status = todo_text_check(TODO_DESCRIPTION, todo->description, error);
    if (status == STATUS_OK)
        status = check_version(todo->v, error);
    if (status == STATUS_OK)
        status = check_time(TODO_CREATED_AT, todo->created_at_ms, error);
    if (status == STATUS_OK)
        status = check_time(TODO_UPDATED_AT, todo->updated_at_ms, error);
    return status;
}

void todo_copy(struct todo *copy, const struct todo *source, struct arena *arena)
{
    *copy = *source;
    copy->name = arena_copy(arena, source->name);
    copy->description = arena_copy(arena, source->description);
}
