/* SPDX-License-Identifier: MIT */
/*
 * What a person names as the input: a file, standard input, or a folder that mongodump wrote.
 * context  pool thread, may block
 */
#ifndef LOAD_INPUT_H
#define LOAD_INPUT_H

#include "load/format.h"

/*
 * Makes the reader for path; "-" is standard input. Of a folder the collection is read that choice.h picks.
 * errors  those of source_open() and format_open(); STATUS_INVALID: the folder has no collection to take, or several
 */
enum status input_open(struct reader **reader, const char *path, const struct format_options *options,
                       struct error *error) STATUS_MUST_CHECK;

#endif
