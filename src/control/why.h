/* SPDX-License-Identifier: MIT */
/*
 * The trail of one id (base/trail.h) as a person reads it: todoctl why.
 * context  any (pure)
 */
#ifndef CONTROL_WHY_H
#define CONTROL_WHY_H

#include "base/buf.h"
#include "base/trail.h"

/* Appends a line for each event, and one above them. */
void why_print(const char *id, const struct trail_story *story, struct buf *out);

#endif
