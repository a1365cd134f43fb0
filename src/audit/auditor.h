/* SPDX-License-Identifier: MIT */
/*
 * A sample of hits, compared with the store 1, 10 and 60 s later: the cache's promise, measured where it is in use.
 * context  loop only
 */
#ifndef CACHE_AUDITOR_H
#define CACHE_AUDITOR_H

#include <stdbool.h>

#include "cache/cache.h"

struct auditor;

/* One hit in audit_rate is taken, none if that is 0. */
struct auditor *auditor_new(struct cache *cache);

/* After Redis' callbacks are over; NULL is fine. */
void auditor_free(struct auditor *auditor);

/* A hit was answered. Costs a subtraction but for those that are taken. */
void auditor_note_hit(struct auditor *auditor, const char *id, bool negative);

/* Once a second: begins the comparisons that are due, a few at a time. */
void auditor_tend(struct auditor *auditor);

#endif
