/* SPDX-License-Identifier: MIT */
/*
 * The purges of store/store.h in memory, linked beside fake_store.h. There is one table for all stores.
 */
#ifndef TESTS_UNIT_FAKE_PURGES_H
#define TESTS_UNIT_FAKE_PURGES_H

#include "store/store.h"

size_t fake_purge_count(void);

/* The keys of the n-th record, oldest first. */
const char *fake_purge_keys(size_t at);

/* Puts a record in, as another worker would have left it. */
void fake_purge_add(const char *url, const char *keys, int64_t due_at_ms);

/* The next calls of each kind end so; STATUS_OK: no longer. */
void fake_purge_fail(enum status put, enum status list, enum status removal);

void fake_purge_reset(void);

#endif
