/* SPDX-License-Identifier: MIT */
/*
 * Following the store: every change of the todos by any program, in order, and which worker reads them.
 *
 * One record in the store, shared by all workers, has the lease of the worker that follows, and the resume token up to
 * which it has handled the changes. A token is opaque. It is good as long as the store keeps the history behind it.
 *
 * context  pool thread, may block; one call at a time for each stream
 * errors   of all: STATUS_UNSUPPORTED: the store can't report changes, and the text says why; STATUS_UNAVAILABLE; of
 *          writes also STATUS_UNKNOWN
 */
#ifndef STORE_FOLLOW_H
#define STORE_FOLLOW_H

#include "store/store.h"

enum { RESUME_TOKEN_MAX_BYTES = 2048, STORE_CHANGES_MAX = 512 };

struct resume_token {
    size_t len_bytes; /* 0: none */
    int64_t seq;      /* of the feed's last row before it (feed.h); 0: the feed has not begun */
    uint8_t bytes[RESUME_TOKEN_MAX_BYTES];
};

/*
 * One change. v and updated_at_ms are set only if both surely differ from those before the change, as they do after
 * each write of ours; else v is 0. life is set where the event says it, which an insert's does; else it is 0.
 */
struct change_event {
    char id[TODO_ID_MAX + 1];
    bool created, deleted;
    uint32_t mark; /* for the feed: the same whenever the event is read again */
    int64_t v;
    int64_t updated_at_ms;
    int64_t life;
};

struct store_changes {
    size_t count;
    bool full;                        /* as many as fit: there may be more */
    struct resume_token resume_after; /* behind the last one; new also without changes */
    struct change_event items[STORE_CHANGES_MAX];
};

/*
 * Takes the lease if it is free, or over by the clock of this machine, and reads the saved token.
 * errors  STATUS_BUSY: another worker has it
 */
enum status store_follow_claim(struct store *store, const struct token *owner, uint32_t lease_ms,
                               struct resume_token *resume_after, struct error *error) STATUS_MUST_CHECK;

/*
 * Renews the lease for lease_ms from now, and saves the token; a token without a length removes the saved one.
 * errors  STATUS_MISMATCH: another worker has the lease; nothing was saved
 */
enum status store_follow_keep(struct store *store, const struct token *owner, uint32_t lease_ms,
                              const struct resume_token *resume_after, struct error *error) STATUS_MUST_CHECK;

/* Ends the lease, so that another worker need not wait. Does nothing if another worker has it by now. */
enum status store_follow_release(struct store *store, const struct token *owner, struct error *error) STATUS_MUST_CHECK;

struct store_stream;

/*
 * Opens a stream of the changes behind a token. Without a token (its length is 0) the stream begins now, and the first
 * read has the token of its beginning.
 * errors  STATUS_NOT_FOUND: the store does not have the history behind the token, or not any more
 */
enum status store_stream_open(struct store *store, const struct resume_token *resume_after,
                              struct store_stream **stream, struct error *error) STATUS_MUST_CHECK;

/*
 * Waits for changes, about wait_ms and no longer than the store's timeout. Without a change: STATUS_OK and a count of
 * 0.
 * errors  STATUS_NOT_FOUND: the history ends here (the collection was dropped or renamed). After any error the stream
 *         can only be closed
 */
enum status store_stream_read(struct store_stream *stream, uint32_t wait_ms, struct store_changes *changes,
                              struct error *error) STATUS_MUST_CHECK;

/* NULL is fine. */
void store_stream_close(struct store_stream *stream);

#endif
