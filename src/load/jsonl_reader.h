/* SPDX-License-Identifier: MIT */
/*
 * Rows from JSON lines: one object per line; blank lines are skipped.
 */
#ifndef LOAD_JSONL_READER_H
#define LOAD_JSONL_READER_H

#include "load/reader.h"

enum status jsonl_reader_new(struct reader **reader) STATUS_MUST_CHECK;

/* Makes a row of object's text. STATUS_INVALID: it is no JSON object, or no todo. */
enum status jsonl_read_object(struct reader *reader, struct slice object, struct arena *arena, struct row *row,
                              struct error *error) STATUS_MUST_CHECK;

#endif
