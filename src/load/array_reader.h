/* SPDX-License-Identifier: MIT */
/*
 * Rows from one JSON array of objects, as mongoexport --jsonArray writes it.
 */
#ifndef LOAD_ARRAY_READER_H
#define LOAD_ARRAY_READER_H

#include "load/reader.h"

/* The source's next byte that is not white space is the array's '['; it is skipped. */
enum status array_reader_new(struct reader **reader, struct source *source, struct error *error) STATUS_MUST_CHECK;

#endif
