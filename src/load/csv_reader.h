/* SPDX-License-Identifier: MIT */
/*
 * Rows from CSV with a header (RFC 4180), UTF-8, separated by commas.
 */
#ifndef LOAD_CSV_READER_H
#define LOAD_CSV_READER_H

#include "load/reader.h"

/*
 * Reads the header from source.
 * errors  STATUS_INVALID: it has no column name or title, or one column twice; STATUS_UNAVAILABLE
 */
enum status csv_reader_new(struct reader **reader, struct source *source, struct error *error) STATUS_MUST_CHECK;

#endif
