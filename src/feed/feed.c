/* SPDX-License-Identifier: MIT */
/*
 * Readers of the feed, and one poll for all that wait.
 *
 *   read --> due --its turn--> answered from the tail
 *             ^  \--> a call of the store --> answered
 *             |    \---> waiting (nothing is behind its place yet)
 *             '--- the poll has found rows ---'
 *
 * The tail is the last rows that the poll has read. While readers wait, the poll asks the store each FEED_POLL_MS for
 * the rows behind its last one. So ten thousand readers that wait at one place, are answered, and come back with the
 * next place cost one call of the store for each change. A reader whose place is not in the tail has a call of its own,
 * and so has one that doesn't wait: it is shown what was committed before it asked.
 *
 * Why a poll, and no signal from worker to worker: a change may be another program's, or that of a worker that died
 * after its commit, and nobody would signal these. The poll costs five short reads a second, for all waiting readers.
 *
 * Readers are answered in portions of TURN_MAX a turn of the loop, so that a crowd does not delay other requests.
 *
 * Guarantees. A reader is told the rows behind its place in their order and without a gap, because each answer is one
 * run of rows as store_feed_read() gave it, and begins behind the reader's own row: the tail holds that row, number and
 * mark, or it isn't asked. If the poll finds that the store has lost its place, the tail is forgotten, and each reader
 * asks for itself.
 *
 * If the store is away, readers go on waiting. Only those whose place could not be looked up yet are told.
 */
#include "feed/feed.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/container.h"
#include "base/mem.h"

enum { TAIL_MAX = 2 * STORE_FEED_MAX, TURN_MAX = 64 };

/* A call of the store: a reader's, or the poll's. */
struct feed_call {
    struct pool_job job;
    struct feed *feed;
    struct feed_reader *reader; /* NULL: the poll's, or its reader has left */
    struct feed_place after;
    struct feed_place last; /* of a call with after.seq 0 */
    struct feed_rows rows;
};

struct feed {
    const struct events *events;
    struct store *store;
    struct pool *pool;
    struct feed_reader *waiting, *due;
    struct timer *poll_timer, *turn_timer;
    bool poll_is_set, turn_is_set; /* the timers */
    size_t call_count;
    bool is_polling; /* a call of the poll is under way */
    bool is_stopped;
    struct feed_row tail[TAIL_MAX]; /* of which only the first one's place may be known */
    size_t tail_count;              /* 0: the poll has no place yet */
};

static void feed_poll(struct feed *feed);

/* ---- Lists and timers ---- */

static void reader_put(struct feed_reader *reader, struct feed_reader **list)
{
    DL_APPEND(*list, reader);
    reader->list = list;
}

static void reader_take(struct feed_reader *reader)
{
    if (reader->list)
        DL_DELETE(*reader->list, reader);
    reader->list = NULL;
}

static void turn_set(struct feed *feed)
{
    if (!feed->turn_is_set && feed->due)
        feed->events->timer_start(feed->turn_timer, 0);
    feed->turn_is_set = feed->turn_is_set || feed->due;
}

static void poll_set(struct feed *feed)
{
    if (!feed->poll_is_set)
        feed->events->timer_start(feed->poll_timer, FEED_POLL_MS);
    feed->poll_is_set = true;
}

static void reader_due(struct feed_reader *reader)
{
    reader_take(reader);
    reader_put(reader, &reader->feed->due);
    turn_set(reader->feed);
}

static void all_due(struct feed *feed)
{
    struct feed_reader *each;
    DL_FOREACH(feed->waiting, each)
    {
        each->list = &feed->due;
    }
    DL_CONCAT(feed->due, feed->waiting);
    feed->waiting = NULL;
    turn_set(feed);
}

/* ---- Answers ---- */

void feed_leave(struct feed_reader *reader)
{
    reader_take(reader);
    if (reader->call)
        reader->call->reader = NULL;
    reader->call = NULL;
    if (reader->timer)
        reader->feed->events->timer_free(reader->timer);
    reader->timer = NULL;
}

static void reader_answer(struct feed_reader *reader, const struct feed_answer *answer)
{
    feed_leave(reader);
    reader->done(reader, answer);
}

static void reader_tell(struct feed_reader *reader, const struct feed_row *rows, size_t count)
{
    reader_answer(reader, &(struct feed_answer){.status = STATUS_OK,
                                                .next = count > 0 ? rows[count - 1].place : reader->after,
                                                .rows = rows,
                                                .count = count});
}

static void reader_fail(struct feed_reader *reader, enum status status, const struct error *error)
{
    reader_answer(reader, &(struct feed_answer){.status = status, .error = error});
}

static void on_wait_over(void *ctx)
{
    struct feed_reader *reader = ctx;
    if (reader->call)
        reader->wait_ms = 0; /* the call's end answers it */
    else
        reader_tell(reader, NULL, 0);
}

/* ---- The tail ---- */

static const struct feed_row *tail_last(const struct feed *feed)
{
    return &feed->tail[feed->tail_count - 1];
}

/* Where a place is in the tail; NULL: nowhere. */
static const struct feed_row *tail_find(const struct feed *feed, const struct feed_place *place)
{
    for (size_t i = feed->tail_count; i > 0; i--)
        if (feed->tail[i - 1].place.seq == place->seq)
            return feed->tail[i - 1].place.mark == place->mark ? &feed->tail[i - 1] : NULL;
    return NULL;
}

static void tail_begin(struct feed *feed, const struct feed_place *place)
{
    feed->tail[0] = (struct feed_row){.place = *place};
    feed->tail_count = 1;
}

/* The oldest rows make room. */
static void tail_add(struct feed *feed, const struct feed_rows *rows)
{
    if (feed->tail_count + rows->count > TAIL_MAX) {
        size_t kept_count = TAIL_MAX - STORE_FEED_MAX;
        memmove(feed->tail, &feed->tail[feed->tail_count - kept_count], kept_count * sizeof(*feed->tail));
        feed->tail_count = kept_count;
    }
    memcpy(&feed->tail[feed->tail_count], rows->items, rows->count * sizeof(*feed->tail));
    feed->tail_count += rows->count;
}

/* ---- Calls of the store ---- */

/* pool thread */
static enum status call_work(struct pool_job *job, struct error *error)
{
    struct feed_call *call = container_of(job, struct feed_call, job);
    return call->after.seq == 0 ? store_feed_last(call->feed->store, &call->last, error)
                                : store_feed_read(call->feed->store, &call->after, &call->rows, error);
}

static struct feed_call *call_send(struct feed *feed, const struct feed_place *after, pool_done_cb done)
{
    struct feed_call *call = mem_zalloc(sizeof(*call));
    call->feed = feed;
    call->after = *after;
    call->job = (struct pool_job){.lane = POOL_READ, .work = call_work, .done = done};
    feed->call_count++;
    pool_run(feed->pool, &call->job);
    return call;
}

static void call_end(struct feed_call *call)
{
    call->feed->call_count--;
    free(call);
}

/* Nothing is behind its place, as far as its own call has seen. The poll may have seen more. */
static void reader_wait(struct feed_reader *reader)
{
    struct feed *feed = reader->feed;
    if (feed->is_stopped || (feed->tail_count > 0 && reader->after.seq < tail_last(feed)->place.seq))
        reader_due(reader);
    else
        reader_put(reader, &feed->waiting);
    poll_set(feed);
}

static void on_read(struct pool_job *job, enum status status, const struct error *error)
{
    struct feed_call *call = container_of(job, struct feed_call, job);
    struct feed_reader *reader = call->reader;
    if (reader)
        reader->call = NULL;
    if (reader && status != STATUS_OK)
        reader_fail(reader, status, error);
    else if (reader && call->after.seq == 0)
        reader_answer(reader, &(struct feed_answer){.status = STATUS_OK, .next = call->last});
    else if (reader && call->rows.count == 0 && reader->wait_ms > 0)
        reader_wait(reader);
    else if (reader)
        reader_tell(reader, call->rows.items, call->rows.count);
    call_end(call);
}

/* ---- The poll ---- */

static void poll_failed(struct feed *feed, enum status status, const struct error *error)
{
    struct feed_reader *reader;
    if (status == STATUS_NOT_FOUND) {
        feed->tail_count = 0;
        all_due(feed);
    }
    while (status != STATUS_NOT_FOUND && feed->tail_count == 0 && (reader = feed->waiting))
        reader_fail(reader, status, error);
}

static void on_polled(struct pool_job *job, enum status status, const struct error *error)
{
    struct feed_call *call = container_of(job, struct feed_call, job);
    struct feed *feed = call->feed;
    feed->is_polling = false;
    if (status != STATUS_OK) {
        poll_failed(feed, status, error);
    } else if (call->after.seq == 0) {
        tail_begin(feed, &call->last);
        all_due(feed);
    } else if (call->rows.count > 0) {
        tail_add(feed, &call->rows);
        all_due(feed);
    }
    if (status == STATUS_OK && call->rows.more)
        feed_poll(feed);
    call_end(call);
}

static void feed_poll(struct feed *feed)
{
    static const struct feed_place none;
    if (feed->is_polling)
        return;
    feed->is_polling = true;
    call_send(feed, feed->tail_count > 0 ? &tail_last(feed)->place : &none, on_polled);
}

static void on_poll_time(void *ctx)
{
    struct feed *feed = ctx;
    feed->poll_is_set = false;
    if (!feed->waiting && !feed->due) {
        feed->tail_count = feed->is_polling ? feed->tail_count : 0;
        return;
    }
    feed_poll(feed);
    poll_set(feed);
}

/* ---- Turns ---- */

static void reader_serve(struct feed_reader *reader)
{
    struct feed *feed = reader->feed;
    if (reader->wait_ms > 0 && feed->is_stopped) {
        reader_tell(reader, NULL, 0);
        return;
    }
    if (reader->wait_ms > 0 && reader->after.seq > 0 && feed->tail_count == 0) {
        reader_put(reader, &feed->waiting); /* until the poll has a place */
        feed_poll(feed);
        poll_set(feed);
        return;
    }
    const struct feed_row *row = reader->wait_ms > 0 ? tail_find(feed, &reader->after) : NULL;
    if (!row) {
        reader->call = call_send(feed, &reader->after, on_read);
        reader->call->reader = reader;
    } else if (row == tail_last(feed)) {
        reader_put(reader, &feed->waiting);
        poll_set(feed);
    } else {
        reader_tell(reader, row + 1, (size_t)(tail_last(feed) - row));
    }
}

static void on_turn(void *ctx)
{
    struct feed *feed = ctx;
    feed->turn_is_set = false;
    for (size_t i = 0; i < TURN_MAX && feed->due; i++) {
        struct feed_reader *reader = feed->due;
        reader_take(reader);
        reader_serve(reader);
    }
    turn_set(feed);
}

void feed_read(struct feed *feed, struct feed_reader *reader)
{
    reader->feed = feed;
    reader->list = NULL;
    reader->call = NULL;
    reader->timer = NULL;
    if (reader->wait_ms > 0) {
        reader->timer = feed->events->timer_new(feed->events->loop, on_wait_over, reader);
        feed->events->timer_start(reader->timer, reader->wait_ms);
    }
    reader_due(reader);
}

void feed_stop(struct feed *feed)
{
    feed->is_stopped = true;
    all_due(feed);
}

struct feed *feed_new(const struct feed_options *options)
{
    struct feed *feed = mem_zalloc(sizeof(*feed));
    feed->events = options->events;
    feed->store = options->store;
    feed->pool = options->pool;
    feed->poll_timer = feed->events->timer_new(feed->events->loop, on_poll_time, feed);
    feed->turn_timer = feed->events->timer_new(feed->events->loop, on_turn, feed);
    return feed;
}

void feed_free(struct feed *feed)
{
    if (!feed)
        return;
    bug_unless(!feed->waiting && !feed->due && feed->call_count == 0, "the feed is freed under a reader or a call");
    feed->events->timer_free(feed->poll_timer);
    feed->events->timer_free(feed->turn_timer);
    free(feed);
}
