/* SPDX-License-Identifier: MIT */
/* Values out of what Redis answers to INFO. context any (pure) */
#ifndef REDIS_REDIS_INFO_H
#define REDIS_REDIS_INFO_H

#include <stddef.h>

#include "base/slice.h"

/* Copies the value of "name:" at the beginning of a line; empty if there is none, or if it is too long. */
void redis_info_value(struct slice info, const char *name, char *value, size_t size_bytes);

#endif
