/* SPDX-License-Identifier: MIT */
/*
 * The store's record as this worker knows it: which epoch, which Redis, which beat. Checks and looks read it, compare
 * it with what Redis and this worker know (beat.h), and move epoch and beat on.
 * context  loop only; callbacks come once, later
 */
#ifndef CACHE_RECORD_H
#define CACHE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "cache/claim.h"
#include "cache/options.h"
#include "redis/redis.h"

struct record;

enum record_outcome {
    RECORD_GOOD,    /* the entries of its epoch were filled in this Redis, from this store */
    RECORD_CHANGED, /* of a look: it is another epoch's, or the store has gone back; check it */
    RECORD_FAILED,  /* the store did not answer, or others moved it on again and again */
    RECORD_REFUSED, /* Redis does not tell the store's latest beat */
    RECORD_LOST,    /* the connection to Redis was lost on the way */
};

/* reason: of FAILED and REFUSED; borrowed for the call */
typedef void (*record_done_cb)(void *ctx, enum record_outcome outcome, const char *reason);

/* has_slots: it is of a shard of a cluster. ctx goes to each done. */
struct record *record_new(const struct cache_options *options, bool has_slots, void *ctx);

/* When it is not busy. NULL is fine. */
void record_free(struct record *record);

/* Whether a check, a look or a beat is under way: then none of them may begin. */
bool record_is_busy(const struct record *record);

/* Before Redis is trusted. run_id: its identity. If the record is another's, the epoch moves on. */
void record_check(struct record *record, struct redis *redis, const char *run_id, record_done_cb done);

/* After a check that was good, once a second. A good look is followed by a beat, if one is due. */
void record_look(struct record *record, struct redis *redis, record_done_cb done);

/* As it was last read or moved. Not while it is busy, but in every done. */
const struct store_meta *record_meta(const struct record *record);

/* Of a cluster: what the primary claims now. The next check or look takes it (claim.h). */
void record_set_claims(struct record *record, const struct slot_set *claims);
const struct slot_set *record_claims(const struct record *record);

/* Of a cluster: which slots are its own, as the record was last read. Not while it is busy, but in every done. */
const struct slot_epochs *record_own(const struct record *record);

/* That Redis is left: what is still to be told goes to this one, which is down. */
void record_leave(struct record *record, struct redis *closed);

/* When the last check or look began to read, on the loop's clock. */
int64_t record_read_at_ms(const struct record *record);

/* This process has written to the store, or has taken others' writes to Redis: a beat is due. */
void record_note_write(struct record *record);
bool record_beat_is_due(const struct record *record);

#endif
