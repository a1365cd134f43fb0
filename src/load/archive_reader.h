/* SPDX-License-Identifier: MIT */
/*
 * Rows from one collection of a mongodump archive (mongodump --archive).
 */
#ifndef LOAD_ARCHIVE_READER_H
#define LOAD_ARCHIVE_READER_H

#include <stdbool.h>

#include "load/reader.h"

/* Whether window begins an archive. */
bool archive_recognise(struct slice window);

/*
 * Reads the archive's prelude from source and picks the collection, as choice.h has it.
 * errors  STATUS_INVALID: there is none to pick, or more than one, and the text lists them; STATUS_UNAVAILABLE
 */
enum status archive_reader_new(struct reader **reader, struct source *source, const char *collection,
                               struct error *error) STATUS_MUST_CHECK;

#endif
