/* SPDX-License-Identifier: MIT */
/*
 * The write queue as a person or a program reads it: todoctl queue.
 * context  any (pure)
 */
#ifndef CONTROL_QUEUE_TEXT_H
#define CONTROL_QUEUE_TEXT_H

#include "base/buf.h"
#include "queue/journal.h"

/* A table of at most 80 columns: a row for each shard, and their sum. */
void queue_text_table(const struct journal_figures *figures, int64_t now_ms, struct buf *out);

/* Some lines, or one line of JSON. */
void queue_text_dead(const struct journal_dead *dead, bool as_json, struct buf *out);

#endif
