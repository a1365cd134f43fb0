/* SPDX-License-Identifier: MIT */
/*
 * The errors that Redis answers, told apart by their first word.
 * context  any (pure)
 */
#ifndef REDIS_REDIS_ERROR_H
#define REDIS_REDIS_ERROR_H

#include <stdbool.h>

#include "base/slice.h"
#include "base/stats.h"

struct redis_error {
    const char *word;
    enum stat_counter stat; /* where it is counted */
    bool is_away;           /* a server that answers it can't serve any command now: connect anew */
};

/* Never NULL: an error without a row of its own gets the last row, "other". */
const struct redis_error *redis_error_of(struct slice text);

#endif
