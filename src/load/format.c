/* SPDX-License-Identifier: MIT */
/*
 * Tells formats apart by their first bytes, and makes the reader.
 *
 *   6d e2 99 81                                a mongodump archive
 *   a length of 5 bytes to 48 MB, an element   BSON, as mongodump writes a collection
 *   {                                          JSON lines
 *   [                                          a JSON array of objects
 *   anything else                              CSV, if its first record names a field of a todo
 *
 * Text can't be mistaken for BSON: four bytes of text, read as a length, are far above 48 MB. source.c has removed gzip
 * from any of them before. A UTF-8 byte order mark and white space in front of text are skipped. File names are not
 * used, because a pipe has none.
 *
 * Does not: accept other encodings than UTF-8, other separators than the comma, or single objects over many lines.
 */
#include "load/format.h"

#include "base/mem.h"
#include "load/archive_reader.h"
#include "load/array_reader.h"
#include "load/bson_reader.h"
#include "load/csv_reader.h"
#include "load/jsonl_reader.h"

enum {
    RECOGNISED_BYTES = 5,   /* enough to tell binary formats and byte order marks */
    BLANK_MAX_BYTES = 4096, /* white space that is skipped at most */
};

/*
 * The first character that is not white space, 0 if there is none. It asks for no byte more than it needs, because a
 * pipe may deliver the next ones much later.
 */
static enum status format_first_character(struct source *source, char *character, struct error *error)
{
    for (size_t len = 1; len <= BLANK_MAX_BYTES; len++) {
        struct slice window;
        enum status status = source_peek(source, len, &window, error);
        *character = '\0';
        if (status != STATUS_OK || window.len < len)
            return status;
        *character = window.data[len - 1];
        if (!memchr(" \t\r\n", *character, 4))
            return STATUS_OK;
    }
    *character = '\0';
    return STATUS_OK;
}

static bool format_is_utf16(struct slice window)
{
    return window.len >= 2 && (memcmp(window.data, "\xff\xfe", 2) == 0 || memcmp(window.data, "\xfe\xff", 2) == 0);
}

/* Text: a byte order mark is removed; white space is only skipped to find the first character. */
static enum status format_new_text(struct reader **reader, struct source *source, struct slice window,
                                   struct error *error)
{
    if (window.len >= 3 && memcmp(window.data, "\xef\xbb\xbf", 3) == 0)
        source_skip(source, 3);
    char first;
    enum status status = format_first_character(source, &first, error);
    if (status != STATUS_OK)
        return status;
    if (first == '[')
        return array_reader_new(reader, source, error);
    return first == '{' || first == '\0' ? jsonl_reader_new(reader) : csv_reader_new(reader, source, error);
}

static enum status format_new(struct reader **reader, struct source *source, const char *collection,
                              struct error *error)
{
    struct slice window;
    enum status status = source_peek(source, RECOGNISED_BYTES, &window, error);
    if (status != STATUS_OK)
        return status;
    if (archive_recognise(window))
        return archive_reader_new(reader, source, collection, error);
    if (collection)
        return error_set(error, STATUS_INVALID,
                         "--collection is for archives and folders of mongodump; this is neither");
    if (document_recognise(window))
        return document_reader_new(reader);
    if (format_is_utf16(window))
        return error_set(error, STATUS_INVALID, "this is UTF-16 text; UTF-8 is needed: iconv -f UTF-16 -t UTF-8 FILE");
    return format_new_text(reader, source, window, error);
}

enum status format_open(struct reader **result, struct source *source, const struct format_options *options,
                        struct error *error)
{
    struct reader *reader = NULL;
    enum status status = format_new(&reader, source, options->collection, error);
    if (status != STATUS_OK) {
        source_close(source);
        return status;
    }
    reader->source = source;
    row_maker_init(&reader->maker, options->now_ms);
    *result = reader;
    return STATUS_OK;
}
