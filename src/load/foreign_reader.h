/* SPDX-License-Identifier: MIT */
/*
 * Rows from the documents in the store that other programs wrote and that are no todos.
 */
#ifndef LOAD_FOREIGN_READER_H
#define LOAD_FOREIGN_READER_H

#include "load/reader.h"
#include "store/foreign.h"

/* store is borrowed until reader_close(). */
struct reader *foreign_reader_new(struct store *store, int64_t now_ms);

#endif
