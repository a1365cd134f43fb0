/* SPDX-License-Identifier: MIT */
/*
 * Rows from BSON documents one after another, as mongodump writes a collection, and single documents for the archive
 * reader. Only bson_reader.c sees libbson. Its names begin with bson_, so ours begin with document_.
 */
#ifndef LOAD_BSON_READER_H
#define LOAD_BSON_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load/reader.h"

/* Whether window begins with a BSON document. */
bool document_recognise(struct slice window);

enum status document_reader_new(struct reader **reader) STATUS_MUST_CHECK;

/*
 * Shows the next document and its length. One that is longer than SOURCE_RECORD_MAX_BYTES is absent.
 * errors  STATUS_NOT_FOUND: the input ends here; STATUS_UNAVAILABLE: the next bytes are no document, or it is cut off
 */
enum status document_peek(struct source *source, struct slice *document, size_t *len,
                          struct error *error) STATUS_MUST_CHECK;

typedef void (*document_piece_cb)(void *ctx, struct slice piece);

/* Skips a document that document_peek() gave; on_piece, if not NULL, gets its bytes. */
enum status document_skip(struct source *source, size_t len, document_piece_cb on_piece, void *ctx,
                          struct error *error) STATUS_MUST_CHECK;

/* Makes a row of document, which may be absent (too long). STATUS_INVALID: the document is damaged, or no todo. */
enum status document_read_row(struct reader *reader, struct slice document, struct arena *arena, struct row *row,
                              struct error *error) STATUS_MUST_CHECK;

/* The document's _id for a person, fit for a terminal; "?" if it is of an odd type. */
const char *document_id(struct slice document, char *text, size_t size_bytes);

/* Single members of a document: absent, false or 0 if there is none of that type. */
struct slice document_text(struct slice document, const char *name);
bool document_flag(struct slice document, const char *name);
int64_t document_integer(struct slice document, const char *name);

#endif
