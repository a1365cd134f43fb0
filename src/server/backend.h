/* SPDX-License-Identifier: MIT */
/*
 * The parts that a worker and the tools have in common: store, pool and cache on a loop.
 *
 * A backend that is all zero is closed; backend_close() also takes one that was opened in part.
 * context  loop only, or before the loop runs
 */
#ifndef SERVER_BACKEND_H
#define SERVER_BACKEND_H

#include <stdbool.h>

#include "base/error.h"
#include "base/settings.h"
#include "base/stats.h"
#include "base/trail.h"
#include "queue/queue.h"
#include "server/loop.h"

struct backend {
    struct http_client *http_client; /* NULL: purge_url is empty */
    struct store *store;
    struct pool *pool;
    struct pool *follow_pool; /* these two NULL: the store's changes are not followed */
    struct follow *follow;
    struct census_taker *census; /* NULL: nobody counts what Redis holds */
    struct auditor *auditor;     /* NULL: hits are not compared with the store */
    struct l1_table *l1;         /* NULL: this process has none */
    struct cache *cache;
    struct queue *queue; /* NULL: write_queue is empty, or this program is no worker */
    void (*on_wrong)(void *ctx, const struct error *error); /* the options' */
    void *ctx;
};

struct backend_options {
    struct loop *loop; /* all borrowed for the backend's life */
    const struct settings *settings;
    struct stats *stats;
    struct trail *trail;        /* NULL: nothing is noted */
    struct census_board *board; /* NULL: what Redis holds isn't counted */
    bool follow;                /* what others write to the store */
    bool audit;                 /* a sample of the hits */
    bool queue;                 /* with the setting write_queue, and with this board (queue/options.h) */
    struct queue_board *queue_board;
    /* A setting turned out to be wrong: as in cache/options.h, the queue's, or the store's. May be NULL. */
    void (*on_wrong)(void *ctx, const struct error *error);
    void *ctx;
};

/* The threads that its store calls need; loop_new() gets at least that many. */
unsigned backend_thread_count(const struct settings *settings, bool follow);

/*
 * A store or a Redis that is away is no error here.
 * errors  STATUS_INVALID: store, redis, write_queue, purge_url or purge_header_file is wrong; STATUS_UNAVAILABLE:
 *         libcurl can't start
 */
enum status backend_open(struct backend *backend, const struct backend_options *options,
                         struct error *error) STATUS_MUST_CHECK;

/* Once a second: the duties of the cache, the follower, the auditor and the queue. */
void backend_tend(struct backend *backend);

/* No new round of following begins, and no new batch of queued writes. */
void backend_stop(struct backend *backend);
bool backend_is_following(const struct backend *backend);
bool backend_is_applying(const struct backend *backend); /* queued writes, or the journal is at work */

/* Whether no store call, no refresh, no purge, no following and no batch is under way. */
bool backend_is_idle(const struct backend *backend);

/* When no store call is under way, before the loop is freed. */
void backend_close(struct backend *backend);

#endif
