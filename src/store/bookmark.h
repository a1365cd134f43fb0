/* SPDX-License-Identifier: MIT */
/*
 * A shard's bookmark as a store keeps it: the owner, the last number, and what the latest batch did, as text. Private
 * to store/ and to the fake stores of tests.
 * context  any (pure)
 */
#ifndef STORE_BOOKMARK_H
#define STORE_BOOKMARK_H

#include "base/buf.h"
#include "store/apply.h"

/*
 * Whether the batch may be applied by a shard that has this owner and this last number (0: it has had no batch).
 * errors  STATUS_MISMATCH, STATUS_EXISTS: as of store_apply()
 */
enum status bookmark_check(const struct store_batch *batch, struct slice owner, int64_t last,
                           struct error *error) STATUS_MUST_CHECK;

void bookmark_print(struct buf *text, const struct store_applied *results, size_t count);

/* errors  STATUS_UNAVAILABLE: that is no such text; somebody has changed it */
enum status bookmark_parse(struct slice text, struct store_bookmark *bookmark, struct error *error) STATUS_MUST_CHECK;

#endif
