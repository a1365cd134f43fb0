/* SPDX-License-Identifier: MIT */
/*
 * Marks past their deadline: is their write over, or may the store still show it?
 * context  loop only
 */
#ifndef CACHE_DOUBT_H
#define CACHE_DOUBT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "cache/home.h"
#include "cache/options.h"

struct doubt;

struct doubt *doubt_new(const struct cache_options *options);

/* When no job of the pool runs; NULL is fine. */
void doubt_free(struct doubt *doubt);

/* Whether an answer of acquire.lua or list_acquire.lua is "DOUBT T"; then at_ms is T, Redis' time. */
bool doubt_parse(struct slice answer, int64_t *at_ms);

/* Redis said so of this id, or of the list, at its home: the marks go as soon as the store shows where it stands. */
void doubt_note(struct doubt *doubt, const struct home *home, const char *id, int64_t at_ms);
void doubt_note_list(struct doubt *doubt, const struct home *home, int64_t at_ms);

#endif
