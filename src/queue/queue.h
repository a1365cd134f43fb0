/* SPDX-License-Identifier: MIT */
/*
 * The write queue: writes that are accepted by a durable journal and applied a little later, in order and once.
 *
 *   queue_put -> journal -> [202] ... applier: read -> fenced batch in the store -> settled
 *
 * Each worker accepts, and each applies those shards that no other worker holds (applier.c).
 * context  loop only; callbacks come once, later
 */
#ifndef QUEUE_QUEUE_H
#define QUEUE_QUEUE_H

#include "cache/cache.h"
#include "queue/journal.h"
#include "queue/options.h"
#include "store/apply.h"

struct queue;

/*
 * pool thread: whether the store can apply queued writes, and its name: of another store, or of a copy at another
 * place, it is another one. It claims a shard that no journal has, so no applier loses one. errors as
 * store_apply_claim()
 */
enum status queue_check_store(struct store *store, char name[JOURNAL_STORE_MAX + 1],
                              struct error *error) STATUS_MUST_CHECK;

/*
 * queue becomes NULL, with STATUS_OK, if write_queue is not set.
 * errors  STATUS_INVALID: write_queue
 */
enum status queue_new(struct queue **queue, const struct queue_options *options, struct error *error) STATUS_MUST_CHECK;

/* When it is idle, before the cache. NULL is fine. */
void queue_free(struct queue *queue);

/* Once a second: keeps the shards that it has, and tells the figures. The first one begins to take shards. */
void queue_tend(struct queue *queue);

/* No new batch begins; held shards are given back. Writes are still accepted. */
void queue_stop(struct queue *queue);
bool queue_is_idle(const struct queue *queue);

/* False, also for NULL: a preference for queued writes is ignored, as the store can't apply any. */
bool queue_is_on(const struct queue *queue);

/* Why it can't accept writes now, for /readyz; borrowed until the loop's next turn. NULL: it can, or it is NULL. */
const char *queue_lack(const struct queue *queue);

/* How a put ends: as journal_append_cb, and UNAVAILABLE while queue_lack() is something. */
struct queue_put {
    struct store_queued queued; /* what it points to is borrowed until done */
    journal_append_cb done;
    void *ctx;
};

void queue_put(struct queue *queue, const struct queue_put *put);

void queue_find(struct queue *queue, struct ticket ticket, journal_find_cb done, void *ctx);

/*
 * As queue_find(), but a pending write is waited for, until the loop's time until_ms; then found says PENDING.
 * Returns a handle for queue_leave(), which ends it without its callback; after the callback the handle is gone.
 */
struct queue_wait;
struct queue_wait *queue_await(struct queue *queue, struct ticket ticket, int64_t until_ms, journal_find_cb done,
                               void *ctx);
void queue_leave(struct queue_wait *wait);

struct journal *queue_journal(const struct queue *queue);

#endif
