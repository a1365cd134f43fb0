/* SPDX-License-Identifier: MIT */
/*
 * Many threads that do one thing at the same moment. Members note what they got; the asserts are the caller's.
 */
#ifndef CROWD_H
#define CROWD_H

typedef void (*crowd_member_fn)(void *ctx, unsigned number);

enum { CROWD_MAX = 64 };

/* Calls member(ctx, 0) to member(ctx, count - 1), each in a thread of its own, and returns when all are done. */
void crowd_run(unsigned count, crowd_member_fn member, void *ctx);

#endif
