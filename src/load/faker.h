/* SPDX-License-Identifier: MIT */
/*
 * Made-up todos: any row can be made on its own, and the same (seed, number) is the same row for ever.
 * context  any (pure)
 */
#ifndef LOAD_FAKER_H
#define LOAD_FAKER_H

#include <stdint.h>

#include "base/arena.h"
#include "base/todo.h"
#include "load/reader.h"

/* Row numbers end here, so that each has a created_at that RFC 3339 can print. */
#define FAKER_NUMBER_MAX INT64_C(100000000000)

/* Makes row number (1 to FAKER_NUMBER_MAX) of seed: a complete todo whose id is the number; texts lie in arena. */
void faker_make(uint64_t seed, int64_t number, struct arena *arena, struct todo *todo);

/* A reader of count rows from number start on. */
struct reader *faker_reader_new(uint64_t seed, int64_t start, int64_t count);

#endif
