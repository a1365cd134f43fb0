/* SPDX-License-Identifier: MIT */
/*
 * A deadline for calls that block the loop on a socket. If such a call takes longer, the socket is shut down, and the
 * call fails.
 * context  loop only
 */
#ifndef SERVER_DEADLINE_H
#define SERVER_DEADLINE_H

#include <stdbool.h>

#include "base/error.h"

enum { DEADLINE_MS = 2000 }; /* met a quarter of a second late at most */

struct deadline;

/* Starts a thread, so signals must be blocked already (loop_new() does that). STATUS_UNAVAILABLE: it can't. */
enum status deadline_new(struct deadline **deadline, struct error *error) STATUS_MUST_CHECK;

/* No call may be under way; NULL is fine. */
void deadline_free(struct deadline *deadline);

/* A call, or several in a row, begins; one at a time. fd stays open until deadline_end(). */
void deadline_begin(struct deadline *deadline, int fd);

/* It has ended; false: too late, and fd is shut down. */
bool deadline_end(struct deadline *deadline);

#endif
