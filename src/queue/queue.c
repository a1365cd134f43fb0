/* SPDX-License-Identifier: MIT */
/*
 * The write queue of one process: what it accepts, its eight appliers, and what it knows of the whole.
 *
 * A write is accepted when the journal has it on a disk. Before the first one this process must have heard two things:
 * that the store can apply batches, and that the journal is ready (it is there, durable, and our store's). A MongoDB
 * without transactions can't; then the queue is off, and clients' preference for it is ignored. To find that out the
 * store is asked to give a shard away that no journal has. That shard's bookmark names the store, too.
 *
 * In the first moments of a process a put waits for both, START_WAIT_MS at most: a restart under load refuses nobody.
 * While the journal is away or full, or the store can't tell, a put is refused. It is never made a synchronous write
 * instead: that one would overtake writes of the same todo that wait in the journal.
 *
 * A journal that is not durable is a wrong setting. The worker then ends at its start (on_wrong). One that becomes so
 * later, while clients are served, is refused and told by /readyz.
 *
 * Once in LOOK_S one worker of the machine asks the journal for its figures, and all show them.
 *
 * Does not: apply (applier.c), or decide what may be queued (api/).
 */
#include "queue/queue.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "queue/applier.h"
#include "queue/queued.h"
#include "queue/wait.h"

enum { PROBE_SHARD = QUEUE_SHARDS, LOOK_S = 3, START_WAIT_MS = 1000, START_LOOK_MS = 10 };

enum support { SUPPORT_UNKNOWN, SUPPORT_ASKED, SUPPORT_GIVEN, SUPPORT_NONE };

struct queue {
    struct queue_options options;
    struct journal *journal;
    bool was_ready, is_ready;
    struct error lack; /* while it is not ready, and if the store can't apply */
    enum support support;
    bool is_stopped;
    struct pool_job probe;
    char store_name[JOURNAL_STORE_MAX + 1]; /* while the probe runs, the probe's */
    struct applier *appliers[QUEUE_SHARDS];
    struct turns turns;
    struct wait_list waits;
    struct queue_board *board;
    struct queue_board own_board; /* if the machine has none */
};

/* ---- What is there ---- */

/* A server of a cluster is no journal anyway (durable.c). */
static const char *cache_id(void *ctx)
{
    const struct queue *queue = ctx;
    return trust_run_id(home_of_list(queue->options.cache).trust);
}

static const char *store_name(void *ctx)
{
    const struct queue *queue = ctx;
    return queue->support == SUPPORT_GIVEN ? queue->store_name : "";
}

static void on_ready(void *ctx, bool is_ready, const struct error *error)
{
    struct queue *queue = ctx;
    queue->is_ready = is_ready;
    if (is_ready) {
        queue->was_ready = true;
        log_info(NULL, "queue_ready", "write_queue=%s", queue->options.settings->write_queue);
        return;
    }
    queue->lack = *error;
    log_warn(NULL, "queue_not_ready", "error=\"%s\"", error->text);
    if (error->status == STATUS_INVALID && !queue->was_ready && queue->options.on_wrong)
        queue->options.on_wrong(queue->options.ctx, error);
}

enum status queue_check_store(struct store *store, char name[JOURNAL_STORE_MAX + 1], struct error *error)
{
    struct token owner = token_new();
    struct store_bookmark bookmark;
    enum status status = store_apply_claim(store, PROBE_SHARD, &owner, &bookmark, error);
    if (status == STATUS_OK)
        snprintf(name, JOURNAL_STORE_MAX + 1, "%s %s", bookmark.name.text, bookmark.place);
    return status;
}

/* pool thread */
static enum status probe_work(struct pool_job *job, struct error *error)
{
    struct queue *queue = container_of(job, struct queue, probe);
    return queue_check_store(queue->options.store, queue->store_name, error);
}

static void on_probed(struct pool_job *job, enum status status, const struct error *error)
{
    struct queue *queue = container_of(job, struct queue, probe);
    queue->support = SUPPORT_UNKNOWN;
    if (status == STATUS_OK) {
        queue->support = SUPPORT_GIVEN;
        queue->journal->ops->tend(queue->journal); /* which waits for the store's name */
    }
    if (status != STATUS_UNSUPPORTED)
        return;
    queue->support = SUPPORT_NONE;
    queue->lack = *error;
    log_warn(NULL, "queue_unsupported", "error=\"%s\" action=\"writes are not queued\"", error->text);
}

static void queue_probe(struct queue *queue)
{
    queue->support = SUPPORT_ASKED;
    queue->probe = (struct pool_job){.lane = POOL_CARE, .work = probe_work, .done = on_probed};
    pool_run(queue->options.pool, &queue->probe);
}

bool queue_is_on(const struct queue *queue)
{
    return queue && queue->support != SUPPORT_NONE;
}

const char *queue_lack(const struct queue *queue)
{
    if (!queue || queue->is_ready) /* which it is only if the store has told */
        return NULL;
    if (queue->support == SUPPORT_GIVEN || queue->lack.status != STATUS_BUSY)
        return queue->lack.text;
    return "the store has not told yet whether it can apply queued writes";
}

/* ---- Accepting ---- */

struct put_call {
    struct queue *queue;
    unsigned shard;
    char id[TODO_ID_MAX + 1];
    struct store_queued queued;
    journal_append_cb done;
    void *ctx;
    struct timer *timer; /* of a put that could not be sent at once */
    int64_t until_ms;    /* loop time */
};

static void on_appended(void *ctx, enum status status, struct ticket ticket, const struct error *error)
{
    struct put_call *call = ctx;
    struct queue *queue = call->queue;
    if (status == STATUS_OK) {
        stats_add(queue->options.stats, STAT_QUEUE_ACCEPTED, 1);
        trail_note(cache_options(queue->options.cache)->trail, TRAIL_QUEUED, call->id, NULL, 0);
        applier_poke(queue->appliers[call->shard]);
    } else if (status == STATUS_BUSY) {
        stats_add(queue->options.stats, STAT_QUEUE_REFUSED, 1);
    }
    call->done(call->ctx, status, ticket, error);
    free(call);
}

static void put_append(struct put_call *call)
{
    struct journal *journal = call->queue->journal;
    const struct store_answer *answer = call->queued.answer;
    struct journal_append append = {.shard = call->shard, .id = slice_of(call->id)};
    struct buf text;
    buf_init(&text);
    queued_write(&text, &call->queued);
    append.text = buf_slice(&text);
    if (answer) {
        append.key = slice_of(answer->key);
        append.fingerprint = slice_of(answer->fingerprint);
    }
    journal->ops->append(journal, &append, on_appended, call);
    buf_fini(&text);
}

/* BUSY: the journal or the store has not answered yet. An answer never comes before the put has returned. */
static void put_look(void *ctx)
{
    struct put_call *call = ctx;
    struct queue *queue = call->queue;
    const struct events *events = queue->options.events;
    const char *lack = queue_lack(queue);
    struct error error;
    if (lack && queue->lack.status == STATUS_BUSY && events_now_ms(events) < call->until_ms) {
        events->timer_start(call->timer, START_LOOK_MS);
        return;
    }
    events->timer_free(call->timer);
    if (!lack) {
        put_append(call);
        return;
    }
    enum status status = error_set(&error, STATUS_UNAVAILABLE, "%s", lack);
    call->done(call->ctx, status, (struct ticket){.shard = call->shard}, &error);
    free(call);
}

void queue_put(struct queue *queue, const struct queue_put *put)
{
    const struct events *events = queue->options.events;
    const char *id = put->queued.change.todo->id;
    struct put_call *call = mem_zalloc(sizeof(*call));
    *call = (struct put_call){.queue = queue,
                              .shard = ticket_shard(slice_of(id)),
                              .queued = put->queued,
                              .done = put->done,
                              .ctx = put->ctx,
                              .until_ms = events_now_ms(events) + START_WAIT_MS};
    memcpy(call->id, id, strlen(id) + 1);
    if (!queue_lack(queue)) {
        put_append(call);
        return;
    }
    call->timer = events->timer_new(events->loop, put_look, call);
    events->timer_start(call->timer, 0);
}

/* ---- What became of it ---- */

void queue_find(struct queue *queue, struct ticket ticket, journal_find_cb done, void *ctx)
{
    queue->journal->ops->find(queue->journal, ticket, done, ctx);
}

struct queue_wait *queue_await(struct queue *queue, struct ticket ticket, int64_t until_ms, journal_find_cb done,
                               void *ctx)
{
    return wait_list_add(&queue->waits, ticket, until_ms, done, ctx);
}

void queue_leave(struct queue_wait *wait)
{
    wait_leave(wait);
}

struct journal *queue_journal(const struct queue *queue)
{
    return queue->journal;
}

/* ---- Figures ---- */

static void on_looked(void *ctx, enum status status, const struct journal_figures *figures, const struct error *error)
{
    struct queue *queue = ctx;
    (void)error;
    if (status != STATUS_OK)
        return;
    struct journal_shard sum = journal_figures_sum(figures);
    atomic_store(&queue->board->depth, sum.depth);
    atomic_store(&queue->board->dead_count, sum.dead_count);
    atomic_store(&queue->board->oldest_at_ms, sum.oldest_at_ms);
}

static void queue_look(struct queue *queue)
{
    int64_t now_s = clock_wall_ms() / 1000, last_s = atomic_load(&queue->board->looked_at_s);
    bool is_due = last_s > now_s || now_s - last_s >= LOOK_S;
    if (is_due && atomic_compare_exchange_strong(&queue->board->looked_at_s, &last_s, now_s))
        queue->journal->ops->look(queue->journal, on_looked, queue);
}

static void queue_set_gauges(const struct queue *queue)
{
    struct stats *stats = queue->options.stats;
    int64_t oldest_at_ms = atomic_load(&queue->board->oldest_at_ms);
    int64_t age_s = oldest_at_ms > 0 ? (clock_wall_ms() - oldest_at_ms) / 1000 : 0;
    stats_set(stats, STAT_NOW_QUEUE_DEPTH, atomic_load(&queue->board->depth));
    stats_set(stats, STAT_NOW_QUEUE_OLDEST, age_s > 0 ? (uint64_t)age_s : 0);
    stats_set(stats, STAT_NOW_QUEUE_DEAD, atomic_load(&queue->board->dead_count));
}

/* ---- Begin, duties, end ---- */

void queue_tend(struct queue *queue)
{
    queue->journal->ops->tend(queue->journal);
    if (queue->support == SUPPORT_UNKNOWN && !queue->is_stopped)
        queue_probe(queue);
    for (unsigned i = 0; i < QUEUE_SHARDS && queue->support == SUPPORT_GIVEN; i++) {
        applier_start(queue->appliers[i]);
        applier_tend(queue->appliers[i]);
    }
    queue_look(queue);
    queue_set_gauges(queue);
}

void queue_stop(struct queue *queue)
{
    queue->is_stopped = true;
    for (unsigned i = 0; i < QUEUE_SHARDS; i++)
        applier_stop(queue->appliers[i]);
}

bool queue_is_idle(const struct queue *queue)
{
    bool is_idle = queue->support != SUPPORT_ASKED && queue->journal->ops->is_idle(queue->journal);
    for (unsigned i = 0; i < QUEUE_SHARDS; i++)
        is_idle = is_idle && applier_is_idle(queue->appliers[i]);
    return is_idle;
}

static void appliers_make(struct queue *queue)
{
    struct applier_options options = {
        .queue = &queue->options, .journal = queue->journal, .board = queue->board, .turns = &queue->turns};
    queue->turns.free_count = queue->options.turn_count;
    for (options.shard = 0; options.shard < QUEUE_SHARDS; options.shard++)
        queue->appliers[options.shard] = applier_new(&options);
}

enum status queue_new(struct queue **out, const struct queue_options *options, struct error *error)
{
    *out = NULL;
    if (!*options->settings->write_queue)
        return STATUS_OK;
    struct queue *queue = mem_zalloc(sizeof(*queue));
    struct journal_options journal_options = {.events = options->events,
                                              .settings = options->settings,
                                              .stats = options->stats,
                                              .loop = options->loop,
                                              .cache_id = cache_id,
                                              .store_name = store_name,
                                              .on_ready = on_ready,
                                              .ctx = queue};
    queue->options = *options;
    queue->board = options->board ? options->board : &queue->own_board;
    error_set(&queue->lack, STATUS_BUSY, "the queue's journal has not answered yet");
    enum status status = journal_open(&queue->journal, &journal_options, error);
    if (status != STATUS_OK) {
        free(queue);
        return status;
    }
    wait_list_init(&queue->waits, options->events, queue->journal);
    appliers_make(queue);
    *out = queue;
    return STATUS_OK;
}

void queue_free(struct queue *queue)
{
    if (!queue)
        return;
    queue->journal->ops->free(queue->journal);
    wait_list_fini(&queue->waits);
    for (unsigned i = 0; i < QUEUE_SHARDS; i++)
        applier_free(queue->appliers[i]);
    free(queue);
}
