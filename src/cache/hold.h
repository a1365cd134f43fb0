/* SPDX-License-Identifier: MIT */
/*
 * Trust in a Redis, as operations see it: whether its entries may be believed, and under which epoch.
 *
 * "Redis was trusted when I asked and has been ever since" is a question to a hold: take one before asking Redis, and
 * use the answer only if the hold still holds. Only trust.c gives trust and withdraws it; others can only report a
 * refusal.
 * context  loop only
 */
#ifndef CACHE_HOLD_H
#define CACHE_HOLD_H

#include <stdbool.h>
#include <stdint.h>

struct grant;
struct trust;

/* The period of trust in which it was taken; 0: there was no trust, so it never holds. */
struct trust_hold {
    uint64_t period;
    const struct grant *grant; /* these two: of a slot of a cluster (grants.h); NULL: of all that this Redis has */
    int64_t epoch;
};

/* The identity (identity.h) of the Redis that was asked last; "": none yet. Borrowed for the trust's life. */
const char *trust_run_id(const struct trust *trust);

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

/* There is no trust, but as far as is known there will be in a moment: worth a short wait. */
bool trust_is_coming(const struct trust *trust);

/*
 * Redis answered an invalidation with an error, so it still has the entry: trust is withdrawn until it takes the
 * outbox.
 */
void trust_report_refusal(struct trust *trust, const char *reason);

/* The last good look at the store is more than 2 s ago: hits may lack what other workers wrote since. */
bool trust_is_unseen(const struct trust *trust);

/* This process has written to the store, or has taken others' writes to Redis: the store's beat is due (beat.h). */
void trust_note_write(struct trust *trust);

/* Reads the store's record again, if it is trusted. True: that is under way. */
bool trust_look(struct trust *trust);

#endif
