/* SPDX-License-Identifier: MIT */
/*
 * JSON: read with jansson, strictly; strings are written by hand. What a todo looks like in JSON is in todo_json.c.
 *
 * Reading. A request body can hold anything, so the reader accepts one JSON object and nothing else. jansson refuses
 * bad UTF-8, NUL, lone surrogates, trailing bytes and numbers out of range. With JSON_REJECT_DUPLICATES it also refuses
 * a name that is given twice, because another parser might take the other value. jansson itself nests to 2048 levels;
 * the check for fewer levels is made here, on the parsed tree. Its messages quote the input and may cut it inside a
 * character. Only the part before the quote is passed on, with the position.
 *
 * Writing. A string is a few appends of runs of bytes that need no escape, found eight at a time. Only the characters
 * that RFC 8259 section 7 demands are escaped: quote, backslash, C0 controls.
 *
 * Guarantees: json_write_string() turns valid UTF-8 into a valid JSON string, and json_object_read() reads it back to
 * the same bytes.
 *
 * Does not: stream, accept an array at the top, or keep a JSON tree beyond the call.
 */
#include "base/json.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/hex.h"
#include "base/word.h"

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
    uint64_t word = word_of(bytes);
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
    char code[] = "\\u0000";
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
        hex_put(code + 4, byte, 2);
        buf_append(buf, code, 6);
    }
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
