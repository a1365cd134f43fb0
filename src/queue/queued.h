/* SPDX-License-Identifier: MIT */
/*
 * A queued write as text in the journal: JSON, so that an operator can read it.
 * context  any (pure)
 */
#ifndef QUEUE_QUEUED_H
#define QUEUE_QUEUED_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "store/apply.h"

/* number is not part of the text. */
void queued_write(struct buf *out, const struct store_queued *queued);

/*
 * Its texts are in arena, and so are the todo and the answer that it points to.
 * errors  STATUS_INVALID: it is no queued write; the text says why
 */
enum status queued_read(struct slice text, struct arena *arena, struct store_queued *queued,
                        struct error *error) STATUS_MUST_CHECK;

#endif
