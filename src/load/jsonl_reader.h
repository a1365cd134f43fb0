/* SPDX-License-Identifier: MIT */
/*
 * Rows from JSON lines: one object per line; blank lines are skipped.
 */
#ifndef LOAD_JSONL_READER_H
#define LOAD_JSONL_READER_H

#include "load/reader.h"

enum status jsonl_reader_new(struct reader **reader) STATUS_MUST_CHECK;

#endif
