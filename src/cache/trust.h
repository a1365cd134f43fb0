/* SPDX-License-Identifier: MIT */
/*
 * Trust in this Redis: whether its entries may be believed, and under which epoch.
 *
 * "Redis was trusted when I asked and has been ever since" is a question to a hold: take one before asking Redis, and
 * use the answer only if the hold still holds. Only trust.c gives trust and withdraws it; others can only report a
 * refusal.
 * context  loop only
 */
#ifndef CACHE_TRUST_H
#define CACHE_TRUST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "cache/options.h"
#include "cache/outbox.h"
#include "redis/redis.h"

struct trust;

/* The period of trust in which it was taken; 0: there was no trust, so it never holds. */
struct trust_hold {
    uint64_t period;
};

/* Begins to connect to Redis, and owns that connection. STATUS_INVALID: the redis setting. */
enum status trust_new(struct trust **trust, const struct cache_options *options, struct outbox *outbox,
                      struct error *error) STATUS_MUST_CHECK;

/* When no job of the pool runs. Commands under way are answered from inside. NULL is fine. */
void trust_free(struct trust *trust);

struct redis *trust_redis(const struct trust *trust);

/* Whether Redis answers and is known to hold this epoch's entries, so that reads may believe it. */
bool trust_is_given(const struct trust *trust);

enum trust_lack {
    TRUST_LACKS_NOTHING,
    TRUST_LACKS_TIME,  /* Redis is being connected or asked */
    TRUST_LACKS_REDIS, /* it is away, or not the right one */
    TRUST_LACKS_STORE, /* Redis is there, but whether it may be trusted is in the store */
};

/* Why there is no trust; reason is borrowed until the next turn of the loop, and "" for the first two. */
enum trust_lack trust_lack(const struct trust *trust, const char **reason);

/* The epoch in all keys; it changes only while there is no trust. 0: not known yet. */
int64_t trust_epoch(const struct trust *trust);

struct trust_hold trust_take(const struct trust *trust);

/* Whether Redis has been trusted ever since the hold was taken, and thus under one epoch. */
bool trust_holds(const struct trust *trust, struct trust_hold hold);

/* There is no trust, but as far as is known there will be in a moment: worth a short wait. */
bool trust_is_coming(const struct trust *trust);

/*
 * Redis answered an invalidation with an error, so it still has the entry: trust is withdrawn until it takes the
 * outbox.
 */
void trust_report_refusal(struct trust *trust, const char *reason);

/* Once a second: has the epoch moved on, are Redis and store still the same? Drains the outbox, too. */
void trust_tend(struct trust *trust);

/* The last good look at the store is more than 2 s ago: hits may lack what other workers wrote since. */
bool trust_is_unseen(const struct trust *trust);

/* This process has written to the store, or has taken others' writes to Redis: the store's beat is due (beat.h). */
void trust_note_write(struct trust *trust);

/* Before the end: whether no beat is due, or can be made. If false, one is under way: ask again. */
bool trust_settle(struct trust *trust);

#endif
