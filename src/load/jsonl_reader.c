/* SPDX-License-Identifier: MIT */
/*
 * JSON lines, also as mongoexport writes them: there some values are objects with one member whose name begins with '$'
 * (MongoDB Extended JSON v2, relaxed or canonical).
 *
 *   {"$oid":"65f0..."}                                     an ObjectId
 *   {"$date":"2024-01-31T23:59:59Z"}                       a date
 *   {"$date":{"$numberLong":"1706745599000"}}              a date, canonical
 *   {"$numberLong":"42"}, {"$numberInt":"42"}              a whole number
 *
 * base/json.h parses lines as strictly as requests, so a client could send every line that can be imported. Lines are
 * numbered from 1, blank ones included, as an editor numbers them. A bad line costs that line alone.
 *
 * Does not: objects that span lines, arrays (array_reader.c), concatenated objects without a newline, comments.
 */
#include "load/jsonl_reader.h"

#include <stdlib.h>

#include "base/date.h"
#include "base/json.h"
#include "base/mem.h"

static const char blanks[] = " \t\r\n";

/* Turns an Extended JSON object into the value that it stands for; any other object is ROW_OTHER. */
static void jsonl_read_extended(const void *node, struct row_value *value)
{
    struct slice text = json_node_string(node, "$oid");
    if (text.data) {
        *value = (struct row_value){.type = ROW_OBJECT_ID, .text = text};
        return;
    }
    const void *date = json_node_object(node, "$date");
    text = json_node_string(date ? date : node, date ? "$numberLong" : "$date");
    if (text.data) {
        bool is_time = date_rfc3339_parse(text, &value->integer) || slice_to_int64(text, &value->integer);
        *value = (struct row_value){.type = is_time ? ROW_TIME : ROW_TEXT, .text = text, .integer = value->integer};
        return;
    }
    text = json_node_string(node, "$numberLong");
    if (!text.data)
        text = json_node_string(node, "$numberInt");
    bool is_integer = text.data && slice_to_int64(text, &value->integer);
    value->type = is_integer ? ROW_INTEGER : ROW_OTHER;
}

static enum status jsonl_on_member(void *ctx, const struct json_member *member, struct error *error)
{
    (void)error;
    struct row_value value = {.type = ROW_OTHER};
    switch (member->kind) {
    case JSON_KIND_NULL:
        value.type = ROW_NULL;
        break;
    case JSON_KIND_BOOL:
        value = (struct row_value){.type = ROW_BOOL, .boolean = member->boolean};
        break;
    case JSON_KIND_INTEGER:
        value = (struct row_value){.type = ROW_INTEGER, .integer = member->integer};
        break;
    case JSON_KIND_REAL:
        value = (struct row_value){.type = ROW_REAL, .real = member->real};
        break;
    case JSON_KIND_STRING:
        value = (struct row_value){.type = ROW_TEXT, .text = member->text};
        break;
    case JSON_KIND_OBJECT:
        jsonl_read_extended(member->node, &value);
        break;
    case JSON_KIND_ARRAY:
        break;
    }
    row_put(ctx, member->name, &value);
    return STATUS_OK;
}

/* The next line that is not blank; STATUS_INVALID: it is too long, and skipped. */
static enum status jsonl_next_line(struct reader *reader, struct slice *line, struct error *error)
{
    for (;;) {
        enum status status = source_peek_line(reader->source, line, error);
        if (status != STATUS_OK)
            return status;
        if (line->len == 0)
            return STATUS_NOT_FOUND;
        reader->row_number++;
        if (line->len > SOURCE_RECORD_MAX_BYTES) {
            status = source_skip_line(reader->source, error);
            return status == STATUS_OK ? reader_too_long(error) : status;
        }
        source_skip(reader->source, line->len);
        if (slice_trim_end(*line, blanks).len > 0)
            return STATUS_OK;
    }
}

static enum status jsonl_next(struct reader *reader, struct arena *arena, struct row *row, struct error *error)
{
    struct slice line;
    enum status status = jsonl_next_line(reader, &line, error);
    if (status != STATUS_OK)
        return status;
    row->raw = line;
    return jsonl_read_object(reader, slice_trim_end(line, blanks), arena, row, error);
}

static void jsonl_free(struct reader *reader)
{
    free(reader);
}

static const struct reader_ops JSONL_OPS = {"JSON lines", "\n", jsonl_next, jsonl_free};

enum status jsonl_reader_new(struct reader **reader)
{
    *reader = mem_zalloc(sizeof(**reader));
    (*reader)->ops = &JSONL_OPS;
    return STATUS_OK;
}

enum status jsonl_read_object(struct reader *reader, struct slice object, struct arena *arena, struct row *row,
                              struct error *error)
{
    row_begin(&reader->maker, arena);
    enum status status = json_object_read(object, jsonl_on_member, &reader->maker, error);
    return status == STATUS_OK ? row_finish(&reader->maker, &row->todo, error) : status;
}
