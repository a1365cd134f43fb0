/* SPDX-License-Identifier: MIT */
/*
 * CSV as RFC 4180 defines it: the first record names the columns. A field in quotes may hold commas, newlines and
 * doubled quotes. Records end in CRLF or LF. An empty field counts as missing.
 *
 * Two passes over a record. The first finds its end, and needs only the four states below. When the window had to grow,
 * it continues where it stopped. The second cuts the record into fields, with the same states.
 *
 *        ',' or newline: the field ends
 *   START --'"'--> QUOTED --'"'--> QUOTE --'"'--> QUOTED     (a doubled quote is one quote)
 *     '-- other --> PLAIN             '-- other: bad record
 *
 * A quote inside a plain field is an ordinary character. A bad record costs that record alone. A quote that is never
 * closed would swallow the rest of the file: its record gets too long, or reaches the end of the input. Then only its
 * first line is rejected, and reading continues with the second.
 *
 * Each line of such a file may open a quote. So the reader keeps how far it looked in vain. A later record that is
 * inside quotes at a newline before that place goes the same way from there on, and continues at that place. No byte is
 * thus looked at more than a few times.
 *
 * Does not: other separators, comments, types (row.h makes booleans and times of text).
 */
#include "load/csv_reader.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/container.h"
#include "base/mem.h"

enum { CSV_COLUMN_MAX = 256 };

enum csv_state { CSV_START, CSV_PLAIN, CSV_QUOTED, CSV_QUOTE };

struct csv_field {
    struct slice text; /* without its outer quotes */
    bool doubled;      /* it holds doubled quotes */
};

struct csv_reader {
    struct reader reader;
    struct arena header; /* owns the column names and reader.head */
    struct slice columns[CSV_COLUMN_MAX];
    size_t column_count;
    struct csv_field fields[CSV_COLUMN_MAX]; /* of the present record */
    size_t field_count;
    size_t vain_bytes; /* behind the window's begin; an earlier record was inside quotes at each newline before it */
    enum csv_state vain_state; /* and there in this state */
    struct buf unquoted;       /* a field with its doubled quotes made single, until it is copied */
};

static enum csv_state csv_step(enum csv_state state, char c)
{
    if (state == CSV_QUOTED)
        return c == '"' ? CSV_QUOTE : CSV_QUOTED;
    if (c == '"' && state != CSV_PLAIN)
        return CSV_QUOTED;
    return c == ',' ? CSV_START : CSV_PLAIN;
}

/* Moves scanned and state to the newline that ends the record, or to the end of text. */
static bool csv_scan(const struct csv_reader *csv, struct slice text, size_t *scanned, enum csv_state *state)
{
    while (*scanned < text.len) {
        char c = text.data[*scanned];
        if (c == '\n' && *state != CSV_QUOTED)
            return true;
        if (c == '\n' && *scanned < csv->vain_bytes) {
            *scanned = csv->vain_bytes;
            *state = csv->vain_state;
            continue;
        }
        *state = csv_step(*state, c);
        (*scanned)++;
    }
    return false;
}

/* Shows the next record with its line end; closed: it has one, or it is complete at the input's end. */
static enum status csv_peek_record(struct csv_reader *csv, struct source *source, struct slice *record, bool *closed,
                                   struct error *error)
{
    enum csv_state state = CSV_START;
    size_t scanned = 0;
    bool ended = false;
    *closed = false;
    while (!ended && scanned <= SOURCE_RECORD_MAX_BYTES) {
        enum status status = source_peek(source, scanned + 1, record, error);
        if (status != STATUS_OK)
            return status;
        if (record->len == scanned) {
            *closed = state != CSV_QUOTED;
            break;
        }
        ended = csv_scan(csv, *record, &scanned, &state);
    }
    csv->vain_bytes = scanned;
    csv->vain_state = state;
    if (ended) {
        record->len = scanned + 1;
        *closed = record->len <= SOURCE_RECORD_MAX_BYTES;
    }
    return STATUS_OK;
}

static void csv_skip(struct csv_reader *csv, struct source *source, size_t len)
{
    source_skip(source, len);
    csv->vain_bytes -= len < csv->vain_bytes ? len : csv->vain_bytes;
}

static struct slice csv_strip_line_end(struct slice record)
{
    if (record.len > 0 && record.data[record.len - 1] == '\n')
        record.len--;
    if (record.len > 0 && record.data[record.len - 1] == '\r')
        record.len--;
    return record;
}

/* Takes a field in quotes off the front of rest, closing quote included. */
static bool csv_take_quoted(struct slice *rest, struct csv_field *field)
{
    const char *begin = rest->data + 1, *end = rest->data + rest->len, *at = begin;
    field->doubled = false;
    for (;;) {
        at = at < end ? memchr(at, '"', (size_t)(end - at)) : NULL;
        if (!at)
            return false;
        if (at + 1 == end || at[1] != '"')
            break;
        field->doubled = true;
        at += 2;
    }
    field->text = (struct slice){.data = begin, .len = (size_t)(at - begin)};
    *rest = (struct slice){.data = at + 1, .len = (size_t)(end - at - 1)};
    return true;
}

static void csv_take_plain(struct slice *rest, struct csv_field *field)
{
    const char *comma = memchr(rest->data, ',', rest->len);
    size_t len = comma ? (size_t)(comma - rest->data) : rest->len;
    *field = (struct csv_field){.text = {.data = rest->data, .len = len}};
    *rest = (struct slice){.data = rest->data + len, .len = rest->len - len};
}

/* Cuts a record, without its line end, into fields. */
static enum status csv_split(struct csv_reader *csv, struct slice rest, struct error *error)
{
    csv->field_count = 0;
    for (;;) {
        if (csv->field_count == CSV_COLUMN_MAX)
            return error_set(error, STATUS_INVALID, "it has more than %d fields", CSV_COLUMN_MAX);
        struct csv_field *field = &csv->fields[csv->field_count++];
        if (rest.len == 0 || rest.data[0] != '"')
            csv_take_plain(&rest, field);
        else if (!csv_take_quoted(&rest, field))
            return error_set(error, STATUS_INVALID, "field %zu opens a quote and doesn't close it", csv->field_count);
        if (rest.len == 0)
            return STATUS_OK;
        if (rest.data[0] != ',')
            return error_set(error, STATUS_INVALID, "field %zu has text behind its closing quote", csv->field_count);
        rest.data++;
        rest.len--;
    }
}

/* The field's text; borrowed until the next call. */
static struct slice csv_field_text(struct csv_reader *csv, const struct csv_field *field)
{
    if (!field->doubled)
        return field->text;
    buf_reset(&csv->unquoted);
    for (size_t i = 0; i < field->text.len; i++) {
        buf_append_char(&csv->unquoted, field->text.data[i]);
        if (field->text.data[i] == '"')
            i++;
    }
    return buf_slice(&csv->unquoted);
}

/* Rejects one line, because no record begins there, and continues behind it. */
static enum status csv_reject_line(struct csv_reader *csv, struct row *row, struct error *error)
{
    enum status status = source_peek_line(csv->reader.source, &row->raw, error);
    if (status != STATUS_OK)
        return status;
    if (row->raw.len > SOURCE_RECORD_MAX_BYTES) {
        row->raw = (struct slice){0};
        csv->vain_bytes = 0;
        status = source_skip_line(csv->reader.source, error);
        return status == STATUS_OK ? reader_too_long(error) : status;
    }
    csv_skip(csv, csv->reader.source, row->raw.len);
    return error_set(error, STATUS_INVALID, "a quote opens in this line and doesn't close within %d bytes",
                     SOURCE_RECORD_MAX_BYTES);
}

static enum status csv_read_fields(struct csv_reader *csv, struct slice record, struct arena *arena, struct row *row,
                                   struct error *error)
{
    enum status status = csv_split(csv, record, error);
    if (status != STATUS_OK)
        return status;
    if (csv->field_count != csv->column_count)
        return error_set(error, STATUS_INVALID, "it has %zu fields, the header names %zu", csv->field_count,
                         csv->column_count);
    row_begin(&csv->reader.maker, arena);
    for (size_t i = 0; i < csv->field_count; i++) {
        struct row_value value = {.type = ROW_CELL, .text = csv_field_text(csv, &csv->fields[i])};
        row_put(&csv->reader.maker, csv->columns[i], &value);
    }
    return row_finish(&csv->reader.maker, &row->todo, error);
}

static enum status csv_next(struct reader *reader, struct arena *arena, struct row *row, struct error *error)
{
    struct csv_reader *csv = container_of(reader, struct csv_reader, reader);
    for (;;) {
        struct slice record;
        bool closed;
        enum status status = csv_peek_record(csv, reader->source, &record, &closed, error);
        if (status != STATUS_OK)
            return status;
        if (record.len == 0)
            return STATUS_NOT_FOUND;
        struct slice fields = csv_strip_line_end(record);
        if (closed)
            csv_skip(csv, reader->source, record.len);
        if (closed && fields.len == 0)
            continue; /* an empty line */
        reader->row_number++;
        if (!closed)
            return csv_reject_line(csv, row, error);
        row->raw = record;
        return csv_read_fields(csv, fields, arena, row, error);
    }
}

static void csv_free(struct reader *reader)
{
    struct csv_reader *csv = container_of(reader, struct csv_reader, reader);
    arena_fini(&csv->header);
    buf_fini(&csv->unquoted);
    free(csv);
}

static const struct reader_ops CSV_OPS = {"CSV", "\n", csv_next, csv_free};

static bool csv_has_column(const struct csv_reader *csv, const char *name)
{
    for (size_t i = 0; i < csv->column_count; i++)
        if (slice_equal(csv->columns[i], slice_of(name)))
            return true;
    return false;
}

static enum status csv_name_columns(struct csv_reader *csv, struct error *error)
{
    for (size_t i = 0; i < csv->field_count; i++) {
        struct slice name = arena_copy(&csv->header, csv_field_text(csv, &csv->fields[i]));
        if (csv_has_column(csv, name.data))
            return error_set(error, STATUS_INVALID, "column %zu of the CSV header has another column's name", i + 1);
        csv->columns[csv->column_count++] = name;
    }
    return STATUS_OK;
}

static enum status csv_read_header(struct csv_reader *csv, struct source *source, struct error *error)
{
    struct slice record;
    bool closed;
    enum status status = csv_peek_record(csv, source, &record, &closed, error);
    if (status != STATUS_OK)
        return status;
    bool is_record = closed && csv_split(csv, csv_strip_line_end(record), error) == STATUS_OK;
    status = is_record ? csv_name_columns(csv, error) : STATUS_OK;
    if (status != STATUS_OK)
        return status;
    if (!csv_has_column(csv, "name") && !csv_has_column(csv, "title"))
        return error_set(error, STATUS_INVALID,
                         "the format is not recognised: JSON lines, a JSON array, CSV with a header that names name or "
                         "title, BSON, or a mongodump archive is needed, plain or gzip");
    csv->reader.head = arena_copy(&csv->header, record);
    csv_skip(csv, source, record.len);
    return STATUS_OK;
}

enum status csv_reader_new(struct reader **reader, struct source *source, struct error *error)
{
    struct csv_reader *csv = mem_zalloc(sizeof(*csv));
    csv->reader.ops = &CSV_OPS;
    arena_init(&csv->header);
    buf_init(&csv->unquoted);
    enum status status = csv_read_header(csv, source, error);
    if (status != STATUS_OK) {
        csv_free(&csv->reader);
        return status;
    }
    *reader = &csv->reader;
    return STATUS_OK;
}
