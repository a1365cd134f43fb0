/* SPDX-License-Identifier: MIT */
/*
 * A sample of hits, compared with the store 1, 10 and 60 s later: the cache's promise, measured where it is in use.
 * context  loop only
 */
#ifndef AUDIT_AUDITOR_H
#define AUDIT_AUDITOR_H

#include <stdbool.h>

#include "cache/cache.h"

struct auditor;

/* Watches the cache's hits: one in audit_rate is taken, none if that is 0. */
struct auditor *auditor_new(struct cache *cache);

/* After the cache, whose last callbacks are the auditor's; NULL is fine. */
void auditor_free(struct auditor *auditor);

/* Once a second: begins the comparisons that are due, a few at a time. */
void auditor_tend(struct auditor *auditor);

#endif
