/* SPDX-License-Identifier: MIT */
/*
 * The outbox: invalidations that Redis could not take, kept in the store and brought to Redis later (drain.h).
 * context  loop only
 */
#ifndef CACHE_OUTBOX_H
#define CACHE_OUTBOX_H

#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "cache/options.h"

struct outbox;

struct outbox *outbox_new(const struct cache_options *options);

/* When no job of the pool runs; NULL is fine. */
void outbox_free(struct outbox *outbox);

/* A write of this process has closed its records. */
void outbox_note_closed(struct outbox *outbox, const char *const *ids, size_t id_count);

/* How often one had when a record last concerned this slot (each concerns the list's). HOME_SLOT_NONE: of any slot. */
uint64_t outbox_closed_count(const struct outbox *outbox, int slot);

/* A drain has met records; has found none, or has removed all. */
void outbox_note_waiting(struct outbox *outbox);
void outbox_note_empty(struct outbox *outbox);

/* For how long there have been records, as far as this process knows; 0: there are none. */
uint32_t outbox_waiting_s(const struct outbox *outbox);

/*
 * Keeps the invalidation of a finished write that neither Redis nor the store could take; each tend offers it to the
 * store.
 */
void outbox_owe(struct outbox *outbox, const struct token *token, const char *const *ids, size_t id_count);
void outbox_tend(struct outbox *outbox);

#endif
