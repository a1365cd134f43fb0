/* SPDX-License-Identifier: MIT */
/* The loader's readers under fuzzing: an input is a file. */
#ifndef TESTS_FUZZ_ROWS_H
#define TESTS_FUZZ_ROWS_H

#include "load/reader.h"

/* Makes the reader for source; source belongs to the caller if that fails, else to the reader, once it is set there. */
typedef enum status (*rows_open_fn)(struct reader **reader, struct source *source, struct error *error);

/* An input as a source. */
struct source *rows_source(struct slice bytes);

/* Reads all rows and checks them, then closes reader. */
void rows_read(struct reader *reader);

/* Both, with a reader of one format. */
void rows_fuzz(struct slice bytes, rows_open_fn open);

enum { ROWS_NOW_MS = 1000 };

#endif
