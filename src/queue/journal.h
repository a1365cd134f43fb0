/* SPDX-License-Identifier: MIT */
/*
 * The seam to the queue's journal (its durable log), which has every accepted write until it is settled.
 * redis_journal.c (redis://..., a durable Redis of its own) and file_journal.c (file:DIR, an SQLite file) implement
 * it.
 *
 * A write is in the journal when append says STATUS_OK: it is on a disk then. It leaves the journal when it is
 * settled, in one step with the keeping of its outcome. Outcomes are kept for a while, the dead letters until
 * somebody retries or drops them.
 *
 * Numbers of a shard grow and never come twice, also in a journal that was lost or restored: they are made of the
 * time. An applier that meets a number at or below its bookmark which is not the bookmark's knows that the clock went
 * back with the journal, and puts the write among the dead letters: it is never taken for applied.
 *
 * context  loop only; callbacks come once, later, never from inside the call that asked for them. What they are given
 *          is borrowed until they return
 * errors   of all: STATUS_UNAVAILABLE: the journal is away, or is not durable; nothing was done. STATUS_UNKNOWN: of
 *          append, settle, retry, drop: no word whether it was done; the last three may be sent again
 */
#ifndef QUEUE_JOURNAL_H
#define QUEUE_JOURNAL_H

#include <stddef.h>

#include "base/error.h"
#include "base/events.h"
#include "base/settings.h"
#include "base/stats.h"
#include "queue/ticket.h"
#include "store/apply.h"

enum { JOURNAL_STORE_MAX = 200 };

struct journal_options {
    const struct events *events; /* all borrowed for the journal's life */
    const struct settings *settings;
    struct stats *stats;
    void *loop; /* the uv_loop_t, for a pool of its own */
    /* Which Redis has the cache's entries (cache/identity.h): it is no journal. NULL: not known, "": not yet. */
    const char *(*cache_id)(void *ctx);
    /*
     * The store that the writes are for (queue_check_store()). A new journal takes it over; one that has another's is
     * not ready. NULL: any; "": not known yet, so it is not ready yet.
     */
    const char *(*store_name)(void *ctx);
    /*
     * Told whenever that changes: whether writes may be accepted, and if not why. It begins as not ready, untold.
     * STATUS_INVALID: the journal is not durable, and the text says which line is missing; UNAVAILABLE: it is away.
     */
    void (*on_ready)(void *ctx, bool is_ready, const struct error *error);
    void *ctx;
};

/* A write in the journal. */
struct journal_write {
    int64_t number;
    struct slice text; /* queued.h */
};

struct journal_append {
    unsigned shard;
    struct slice text;        /* these four are copied */
    struct slice id;          /* of the todo */
    struct slice key;         /* of an Idempotency-Key, scoped; absent: it has none */
    struct slice fingerprint; /* of the keyed request */
};

/*
 * OK; EXISTS: the key has a ticket already, and this is it; MISMATCH: the key came with another fingerprint; BUSY: the
 * journal is full (queue_depth_max) or its oldest write too old (queue_age_max_s): nothing was accepted
 */
typedef void (*journal_append_cb)(void *ctx, enum status status, struct ticket ticket, const struct error *error);
typedef void (*journal_read_cb)(void *ctx, enum status status, const struct journal_write *writes, size_t count,
                                const struct error *error);
typedef void (*journal_done_cb)(void *ctx, enum status status, const struct error *error);

enum ticket_state {
    TICKET_PENDING,
    TICKET_SETTLED,   /* applied or refused, as outcome says */
    TICKET_DEAD,      /* among the dead letters, with a reason */
    TICKET_FORGOTTEN, /* settled, but its outcome is not kept any more */
    TICKET_UNKNOWN,   /* the journal has never had it */
};

/* What became of a write. */
struct journal_outcome {
    struct store_applied applied;
    char id[TODO_ID_MAX + 1]; /* of the todo: of a settled POST with a key, the one that its key has */
};

struct journal_found {
    enum ticket_state state;
    struct journal_outcome outcome; /* SETTLED; of DEAD and PENDING the id alone */
    struct slice reason;            /* DEAD */
};

typedef void (*journal_find_cb)(void *ctx, enum status status, const struct journal_found *found,
                                const struct error *error);

/* A write that the store refuses for good. */
struct journal_dead {
    struct ticket ticket;
    int64_t died_at_ms;
    struct slice text, reason;
};

typedef void (*journal_dead_cb)(void *ctx, enum status status, const struct journal_dead *dead, size_t count,
                                const struct error *error);

struct journal_figures {
    struct journal_shard {
        uint64_t depth;       /* writes that wait */
        int64_t oldest_at_ms; /* when the first of them was accepted; 0: none waits */
        uint64_t dead_count;
        int64_t last_number;         /* that was given; 0: none */
        char applier[TOKEN_LEN + 1]; /* "": nobody holds the shard */
    } shards[QUEUE_SHARDS];
};

/* Of all shards: how many wait, since when, and the dead letters. */
static inline struct journal_shard journal_figures_sum(const struct journal_figures *figures)
{
    struct journal_shard sum = {0};
    for (unsigned i = 0; i < QUEUE_SHARDS; i++) {
        int64_t at_ms = figures->shards[i].oldest_at_ms;
        sum.depth += figures->shards[i].depth;
        sum.dead_count += figures->shards[i].dead_count;
        if (at_ms > 0 && (sum.oldest_at_ms == 0 || at_ms < sum.oldest_at_ms))
            sum.oldest_at_ms = at_ms;
    }
    return sum;
}

typedef void (*journal_look_cb)(void *ctx, enum status status, const struct journal_figures *figures,
                                const struct error *error);

/* The callback of a call, whichever it is: for those who implement the seam. */
union journal_told {
    journal_append_cb append;
    journal_read_cb read;
    journal_done_cb done;
    journal_find_cb find;
    journal_look_cb look;
    journal_dead_cb dead;
};

struct journal;

struct journal_ops {
    /* Calls under way fail from inside; the journal's own jobs must have ended (is_idle). */
    void (*free)(struct journal *journal);
    bool (*is_ready)(const struct journal *journal);
    bool (*is_idle)(const struct journal *journal); /* no call is under way */
    void (*tend)(struct journal *journal);          /* once a second */
    void (*append)(struct journal *journal, const struct journal_append *append, journal_append_cb done, void *ctx);
    /* Up to limit writes behind a number, in order, at most about 1 MB of text. */
    void (*read)(struct journal *journal, unsigned shard, int64_t after, size_t limit, journal_read_cb done, void *ctx);
    /*
     * In one step: keeps the outcomes and removes these writes, which are the shard's first ones. What is settled
     * already is left as it is. reason: of all, they are dead letters; NULL: they are not.
     */
    void (*settle)(struct journal *journal, unsigned shard, const struct journal_outcome *outcomes, size_t count,
                   const char *reason, journal_done_cb done, void *ctx);
    /*
     * Takes or renews the shard's applying for this owner, for JOURNAL_HOLD_MS: so that one applier works on a shard,
     * and another one follows soon. Safety doesn't depend on it (store/apply.h). BUSY: another owner has it.
     */
    void (*hold)(struct journal *journal, unsigned shard, const struct token *owner, journal_done_cb done, void *ctx);
    void (*release)(struct journal *journal, unsigned shard, const struct token *owner); /* told, not waited for */
    void (*find)(struct journal *journal, struct ticket ticket, journal_find_cb done, void *ctx);
    void (*look)(struct journal *journal, journal_look_cb done, void *ctx);
    void (*dead_list)(struct journal *journal, unsigned shard, int64_t after, size_t limit, journal_dead_cb done,
                      void *ctx);
    /* The write goes to the end of its shard, under a new ticket. NOT_FOUND: there is no such dead letter */
    void (*dead_retry)(struct journal *journal, struct ticket ticket, journal_append_cb done, void *ctx);
    void (*dead_drop)(struct journal *journal, struct ticket ticket, journal_done_cb done, void *ctx); /* NOT_FOUND */
};

enum {
    JOURNAL_HOLD_MS = 3000,
    JOURNAL_THREADS_MAX = 4,
};

struct journal {
    const struct journal_ops *ops;
};

/* Threads of libuv that the journal of write_queue has to itself. */
unsigned journal_thread_count(const struct settings *settings);

/*
 * As the setting write_queue says. A journal that is away is no error here.
 * errors  STATUS_INVALID: the setting
 */
enum status journal_open(struct journal **journal, const struct journal_options *options,
                         struct error *error) STATUS_MUST_CHECK;

#endif
