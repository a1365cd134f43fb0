/* SPDX-License-Identifier: MIT */
/*
 * BSON as mongodump writes it into a collection's .bson file: documents, one after another, nothing between them.
 *
 * A document begins with its length, and nothing else marks its end. Damage inside a document costs that document
 * alone. After an impossible length the next document can't be found, so reading ends there with an error. A member's
 * type decides what it may become (row.h): strings, booleans, numbers, dates and ObjectIds are accepted, any other type
 * is ROW_OTHER. todo_check() checks later that texts are UTF-8.
 *
 * libbson reads documents in place, without a copy, and its iterator stays within their bounds. A position that is not
 * zero when the iteration ends means that the document is damaged.
 *
 * Does not: arrays, embedded documents, UUIDs as ids, decimals; none of them is part of a todo.
 *
 * Source: bsonspec.org, version 1.1.
 */
#include "load/bson_reader.h"

#include <bson/bson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"

enum {
    DOCUMENT_LEN_MIN = 5,
    DOCUMENT_LEN_MAX = 48 * 1024 * 1024, /* far above MongoDB's 16 MB, far below four bytes of text */
    DOCUMENT_TYPE_LAST = 0x13,           /* element types are 1 to 0x13, and two odd ones */
};

static uint32_t document_len(struct slice window)
{
    const unsigned char *byte = (const unsigned char *)window.data;
    return (uint32_t)byte[0] | (uint32_t)byte[1] << 8 | (uint32_t)byte[2] << 16 | (uint32_t)byte[3] << 24;
}

static bool document_len_valid(uint32_t len)
{
    return len >= DOCUMENT_LEN_MIN && len <= DOCUMENT_LEN_MAX;
}

/* The value that row.h understands; its text may be in oid. */
static struct row_value document_value(const bson_iter_t *member, char oid[25])
{
    struct row_value value = {.type = ROW_OTHER};
    uint32_t len;
    switch (bson_iter_type(member)) {
    case BSON_TYPE_UTF8:
        value.text.data = bson_iter_utf8(member, &len);
        value.text.len = len;
        value.type = ROW_TEXT;
        break;
    case BSON_TYPE_BOOL:
        value = (struct row_value){.type = ROW_BOOL, .boolean = bson_iter_bool(member)};
        break;
    case BSON_TYPE_INT32:
    case BSON_TYPE_INT64:
        value = (struct row_value){.type = ROW_INTEGER, .integer = bson_iter_as_int64(member)};
        break;
    case BSON_TYPE_DOUBLE:
        value = (struct row_value){.type = ROW_REAL, .real = bson_iter_double(member)};
        break;
    case BSON_TYPE_DATE_TIME:
        value = (struct row_value){.type = ROW_TIME, .integer = bson_iter_date_time(member)};
        break;
    case BSON_TYPE_OID:
        bson_oid_to_string(bson_iter_oid(member), oid);
        value = (struct row_value){.type = ROW_OBJECT_ID, .text = slice_of(oid)};
        break;
    case BSON_TYPE_NULL:
    case BSON_TYPE_UNDEFINED:
        value.type = ROW_NULL;
        break;
    default:
        break;
    }
    return value;
}

static enum status document_put_members(struct row_maker *maker, struct slice document, struct error *error)
{
    bson_t bson;
    bson_iter_t member;
    if (!bson_init_static(&bson, (const uint8_t *)document.data, document.len) || !bson_iter_init(&member, &bson))
        return error_set(error, STATUS_INVALID, "the BSON document is damaged");
    while (bson_iter_next(&member)) {
        char oid[25];
        struct row_value value = document_value(&member, oid);
        row_put(maker, slice_of(bson_iter_key(&member)), &value);
    }
    if (member.err_off != 0)
        return error_set(error, STATUS_INVALID, "the BSON document is damaged at its byte %u", member.err_off);
    return STATUS_OK;
}

static bool document_find(struct slice document, const char *name, bson_t *bson, bson_iter_t *member)
{
    return bson_init_static(bson, (const uint8_t *)document.data, document.len) &&
           bson_iter_init_find(member, bson, name);
}

static enum status document_next(struct reader *reader, struct arena *arena, struct row *row, struct error *error)
{
    struct slice document;
    size_t len;
    enum status status = document_peek(reader->source, &document, &len, error);
    if (status != STATUS_OK)
        return status;
    reader->row_number++;
    status = document_skip(reader->source, len, NULL, NULL, error);
    return status == STATUS_OK ? document_read_row(reader, document, arena, row, error) : status;
}

static void document_free(struct reader *reader)
{
    free(reader);
}

static const struct reader_ops DOCUMENT_OPS = {"BSON", "", document_next, document_free};

bool document_recognise(struct slice window)
{
    if (window.len < DOCUMENT_LEN_MIN || !document_len_valid(document_len(window)))
        return false;
    unsigned char type = (unsigned char)window.data[4];
    return type <= DOCUMENT_TYPE_LAST || type == 0x7f || type == 0xff;
}

enum status document_reader_new(struct reader **reader)
{
    *reader = mem_zalloc(sizeof(**reader));
    (*reader)->ops = &DOCUMENT_OPS;
    return STATUS_OK;
}

enum status document_peek(struct source *source, struct slice *document, size_t *len, struct error *error)
{
    struct slice window;
    enum status status = source_peek(source, DOCUMENT_LEN_MIN, &window, error);
    if (status != STATUS_OK)
        return status;
    if (window.len == 0)
        return STATUS_NOT_FOUND;
    if (window.len < DOCUMENT_LEN_MIN || !document_len_valid(document_len(window)))
        return error_set(error, STATUS_UNAVAILABLE, "expected a BSON document, but its length is impossible");
    *len = document_len(window);
    *document = (struct slice){0};
    if (*len > SOURCE_RECORD_MAX_BYTES)
        return STATUS_OK;
    status = source_peek(source, *len, &window, error);
    if (status != STATUS_OK)
        return status;
    if (window.len < *len)
        return error_set(error, STATUS_UNAVAILABLE, "the input ends inside a BSON document");
    *document = (struct slice){.data = window.data, .len = *len};
    return STATUS_OK;
}

enum status document_skip(struct source *source, size_t len, document_piece_cb on_piece, void *ctx, struct error *error)
{
    while (len > 0) {
        struct slice window = {.data = NULL};
        size_t wanted = len <= SOURCE_RECORD_MAX_BYTES ? len : SOURCE_RECORD_MAX_BYTES;
        enum status status = source_peek(source, wanted, &window, error);
        if (status != STATUS_OK)
            return status;
        if (window.len < wanted)
            return error_set(error, STATUS_UNAVAILABLE, "the input ends inside a BSON document");
        if (on_piece)
            on_piece(ctx, (struct slice){.data = window.data, .len = wanted});
        source_skip(source, wanted);
        len -= wanted;
    }
    return STATUS_OK;
}

enum status document_read_row(struct reader *reader, struct slice document, struct arena *arena, struct row *row,
                              struct error *error)
{
    if (!document.data)
        return reader_too_long(error);
    row->raw = document;
    row_begin(&reader->maker, arena);
    enum status status = document_put_members(&reader->maker, document, error);
    return status == STATUS_OK ? row_finish(&reader->maker, &row->todo, error) : status;
}

const char *document_id(struct slice document, char *text, size_t size_bytes)
{
    bson_t bson;
    bson_iter_t member;
    char oid[25];
    bool found = document_find(document, "_id", &bson, &member);
    struct row_value value = found ? document_value(&member, oid) : (struct row_value){.type = ROW_OTHER};
    if (value.type == ROW_INTEGER || value.type == ROW_REAL)
        snprintf(text, size_bytes, "%.17g", value.type == ROW_REAL ? value.real : (double)value.integer);
    else
        log_value(text, size_bytes, value.text.data ? value.text : SLICE("?"));
    return text;
}

struct slice document_text(struct slice document, const char *name)
{
    bson_t bson;
    bson_iter_t member;
    if (!document_find(document, name, &bson, &member) || !BSON_ITER_HOLDS_UTF8(&member))
        return (struct slice){0};
    uint32_t len;
    const char *text = bson_iter_utf8(&member, &len);
    return (struct slice){.data = text, .len = len};
}

bool document_flag(struct slice document, const char *name)
{
    bson_t bson;
    bson_iter_t member;
    return document_find(document, name, &bson, &member) && BSON_ITER_HOLDS_BOOL(&member) && bson_iter_bool(&member);
}

int64_t document_integer(struct slice document, const char *name)
{
    bson_t bson;
    bson_iter_t member;
    bool found = document_find(document, name, &bson, &member) && BSON_ITER_HOLDS_NUMBER(&member);
    return found ? bson_iter_as_int64(&member) : 0;
}
