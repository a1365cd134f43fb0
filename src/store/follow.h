/* SPDX-License-Identifier: MIT */
/*
 * Following the store: every change that anybody makes to the todos, in its order, and which worker is to read them.
 *
 * One record, shared by all workers, holds the lease of the one that follows and the place up to which it has seen to the
 * changes. A place is opaque, and stays good for as long as the store keeps that history.
 *
 * context  pool thread, may block; one call at a time for each stream
 * errors   for all: STATUS_UNSUPPORTED: this store tells no changes, and why; STATUS_UNAVAILABLE; for writes STATUS_UNKNOWN
 */
#ifndef STORE_FOLLOW_H
#define STORE_FOLLOW_H

#include "store/store.h"

enum { RESUME_TOKEN_MAX_BYTES = 2048, STORE_CHANGES_MAX = 512 };

struct resume_token {
    size_t len_bytes; /* 0: none */
    uint8_t bytes[RESUME_TOKEN_MAX_BYTES];
};

/*
 * What is told of one change. v and updated_at_ms are set only if both are certain to differ from those before the change, as
 * they do after each write of ours; else v is 0.
 */
struct change_event {
    char id[TODO_ID_MAX + 1];
    bool deleted;
    int64_t v;
    int64_t updated_at_ms;
};

struct store_changes {
    size_t count;
    bool full;                        /* as many as fit: there may be more already */
    struct resume_token resume_after; /* behind the last one; it moves on in a quiet time too */
    struct change_event items[STORE_CHANGES_MAX];
};

/*
 * Takes the lease, if nobody has it or its time is up by this machine's clock, and tells the saved place.
 * errors  STATUS_BUSY: another has it
 */
enum status store_follow_claim(struct store *store, const struct token *owner, uint32_t lease_ms,
                               struct resume_token *resume_after, struct error *error) STATUS_MUST_CHECK;

/*
 * Makes the lease last for another lease_ms, and saves the place; one without a length forgets the saved one.
 * errors  STATUS_MISMATCH: another has the lease; nothing was saved
 */
enum status store_follow_keep(struct store *store, const struct token *owner, uint32_t lease_ms,
                              const struct resume_token *resume_after, struct error *error) STATUS_MUST_CHECK;

/* Gives the lease back, so that another needn't wait for its end; if it is another's by now, nothing is done. */
enum status store_follow_release(struct store *store, const struct token *owner, struct error *error) STATUS_MUST_CHECK;

struct store_stream;

/*
 * Opens a stream of the changes behind place, or from now on if that has no length; then the first read tells where it began.
 * errors  STATUS_NOT_FOUND: the store has no longer, or never had, the history behind that place
 */
enum status store_stream_open(struct store *store, const struct resume_token *resume_after,
                              struct store_stream **stream, struct error *error) STATUS_MUST_CHECK;

/*
 * Waits up to about wait_ms for changes, no longer than the store's timeout. None came: STATUS_OK and a count of 0.
 * errors  STATUS_NOT_FOUND: here the history breaks off (the collection was dropped or renamed). After any error the stream is
 *         of no more use
 */
enum status store_stream_read(struct store_stream *stream, uint32_t wait_ms, struct store_changes *changes,
                              struct error *error) STATUS_MUST_CHECK;

/* NULL is fine. */
void store_stream_close(struct store_stream *stream);

#endif
