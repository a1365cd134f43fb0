/* SPDX-License-Identifier: MIT */
/*
 * One JSON array: mongoexport --jsonArray, or what people write by hand. Its objects are those of JSON lines
 * (jsonl_reader.c), but one may be on many lines, and many on one.
 *
 * The reader cuts the array into elements, and json.c then parses each element by itself. So the memory is that of one
 * element, and a bad element costs itself alone. An element ends at a comma or at the array's ']', outside of all
 * brackets and strings:
 *
 *   depth       + 1 at { and [, - 1 at } and ]; the brackets' kinds are json.c's business
 *   in_string   between two quotes; brackets and commas don't count there
 *   is_escaped  behind a backslash in a string: the next quote doesn't end it
 *
 * A quote that is missing hides the element's end, as in CSV. But here no line can be taken for the next element, so
 * such an array is read to its end in vain, and the load says that it is cut off.
 *
 * Elements are numbered from 1. Rejected ones are kept as JSON lines: line breaks in them become blanks.
 */
#include "load/array_reader.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/container.h"
#include "base/mem.h"
#include "load/jsonl_reader.h"

struct array_reader {
    struct reader reader;
    bool has_ended;  /* ']' came */
    struct buf line; /* the last element in one line */
};

/* Where an element is being read. */
struct array_scan {
    unsigned depth;
    bool in_string, is_escaped;
    char end; /* ',' or ']' once it has come */
};

static const char blanks[] = " \t\r\n";

static void array_step_string(struct array_scan *scan, char c)
{
    if (scan->is_escaped)
        scan->is_escaped = false;
    else if (c == '\\')
        scan->is_escaped = true;
    else
        scan->in_string = c != '"';
}

static void array_step(struct array_scan *scan, char c)
{
    if (scan->in_string)
        array_step_string(scan, c);
    else if (scan->depth == 0 && (c == ',' || c == ']'))
        scan->end = c;
    else if (c == '"')
        scan->in_string = true;
    else if (c == '{' || c == '[')
        scan->depth++;
    else if ((c == '}' || c == ']') && scan->depth > 0)
        scan->depth--;
}

/*
 * Shows the next element without the comma or bracket behind it, which is scan's end; they are skipped together. An
 * element that is too long is skipped here, and absent.
 */
static enum status array_peek_element(struct source *source, struct array_scan *scan, struct slice *element,
                                      struct error *error)
{
    size_t scanned = 0;
    bool is_long = false;
    for (;;) {
        enum status status = source_peek(source, scanned + 1, element, error);
        if (status != STATUS_OK)
            return status;
        if (element->len == scanned)
            return error_set(error, STATUS_UNAVAILABLE, "the input ends inside the JSON array");
        while (scanned < element->len && !scan->end)
            array_step(scan, element->data[scanned++]);
        is_long = is_long || scanned > SOURCE_RECORD_MAX_BYTES;
        if (is_long) {
            source_skip(source, scanned);
            scanned = 0;
        }
        if (scan->end)
            break;
    }
    *element = is_long ? (struct slice){0} : (struct slice){element->data, scanned - 1};
    return STATUS_OK;
}

/* Only white space may come behind the array. */
static enum status array_end(struct source *source, struct error *error)
{
    for (;;) {
        struct slice window;
        enum status status = source_peek(source, 1, &window, error);
        if (status != STATUS_OK)
            return status;
        if (window.len == 0)
            return STATUS_NOT_FOUND;
        if (slice_trim(window, blanks).len > 0)
            return error_set(error, STATUS_UNAVAILABLE, "there is text behind the JSON array's end");
        source_skip(source, window.len);
    }
}

/* In one line, with the newline that JSON lines need. */
static struct slice array_flatten(struct array_reader *array, struct slice element)
{
    buf_reset(&array->line);
    for (size_t i = 0; i < element.len; i++)
        buf_append_char(&array->line, element.data[i] == '\n' || element.data[i] == '\r' ? ' ' : element.data[i]);
    buf_append_char(&array->line, '\n');
    return buf_slice(&array->line);
}

static enum status array_next(struct reader *reader, struct arena *arena, struct row *row, struct error *error)
{
    struct array_reader *array = container_of(reader, struct array_reader, reader);
    struct array_scan scan = {0};
    struct slice element;
    enum status status = array->has_ended ? array_end(reader->source, error)
                                          : array_peek_element(reader->source, &scan, &element, error);
    if (status != STATUS_OK)
        return status;
    array->has_ended = scan.end == ']';
    if (!element.data) {
        reader->row_number++;
        return reader_too_long(error);
    }
    source_skip(reader->source, element.len + 1);
    element = slice_trim(element, blanks);
    if (element.len == 0 && array->has_ended && reader->row_number == 0)
        return array_end(reader->source, error); /* [] */
    reader->row_number++;
    row->raw = array_flatten(array, element);
    return jsonl_read_object(reader, element, arena, row, error);
}

static void array_free(struct reader *reader)
{
    struct array_reader *array = container_of(reader, struct array_reader, reader);
    buf_fini(&array->line);
    free(array);
}

static const struct reader_ops ARRAY_OPS = {"JSON array", "\n", array_next, array_free};

enum status array_reader_new(struct reader **reader, struct source *source, struct error *error)
{
    struct slice window;
    enum status status = source_peek(source, 1, &window, error);
    if (status != STATUS_OK)
        return status;
    const char *bracket = memchr(window.data, '[', window.len);
    bug_unless(bracket, "an array's reader without an array");
    source_skip(source, (size_t)(bracket - window.data) + 1);
    struct array_reader *array = mem_zalloc(sizeof(*array));
    array->reader.ops = &ARRAY_OPS;
    buf_init(&array->line);
    *reader = &array->reader;
    return STATUS_OK;
}
