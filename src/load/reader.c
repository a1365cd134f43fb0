/* SPDX-License-Identifier: MIT */
/*
 * The part that all kinds of readers share. Each kind's own struct contains a struct reader, and its two functions are
 * in reader_ops.
 *
 * A reader counts its rows itself, because a row depends on the format: a line, a record of many lines, a document. The
 * fraction that is read comes from the row numbers if their total is known before, else from the source's bytes. For
 * gzip those are the packed bytes, so the fraction is right there as well.
 *
 * Does not: know the kinds (format.c), or what makes a row valid (row.c).
 */
#include "load/reader.h"

void reader_close(struct reader *reader)
{
    if (!reader)
        return;
    source_close(reader->source);
    reader->ops->free(reader);
}

enum status reader_next(struct reader *reader, struct arena *arena, struct row *row, struct error *error)
{
    row->raw = (struct slice){0};
    enum status status = reader->ops->next(reader, arena, row, error);
    row->number = reader->row_number;
    return status;
}

double reader_fraction(const struct reader *reader)
{
    if (reader->row_total > 0)
        return (double)reader->row_number / (double)reader->row_total;
    int64_t size_bytes = reader->source ? source_size_bytes(reader->source) : 0;
    return size_bytes > 0 ? (double)source_position_bytes(reader->source) / (double)size_bytes : -1;
}

void reader_cancel(struct reader *reader)
{
    if (reader->source)
        source_cancel(reader->source);
}

enum status reader_too_long(struct error *error)
{
    return error_set(error, STATUS_INVALID, "it is longer than %d bytes (and is not kept by --reject)",
                     SOURCE_RECORD_MAX_BYTES);
}
