/* SPDX-License-Identifier: MIT */
/*
 * The flow of a load, on one loop.
 *
 *   load_start -> guard_start (guard.c) -> run -> guard_finish -> done
 *
 *   run, per batch:  FREE -> READING -> READY -> WRITING -> FREE
 *                                         ^         v no result
 *                                         '---- PAUSED (backoff)
 *
 * One batch is read at a time, on a pool thread, while up to writes_max are written. One more is ready, so the store
 * always has work, and memory is that of writes_max + 1 batches. Two batches that share an id are never written at
 * once.
 *
 * Each batch is one fenced write through the cache, as a live service needs it. The write fences its ids and the lists,
 * or uses the outbox if Redis was lost. Only a load that can't trust Redis at its start writes without fences; guard.c
 * then moves the epoch.
 *
 * A batch without a result (store away, outcome unknown) is sent again, RETRY_MAX times with growing pauses, before the
 * load gives up. batch.c explains why that is safe. The v of a row that was upserted twice may be higher by 2 instead
 * of 1.
 *
 * load_stop() ends it early: no batch is begun, those under way are finished. Batches begin in the order of their rows,
 * so all rows up to a number are then written or rejected, and the result has that number.
 */
#include "load/load.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/container.h"
#include "base/mem.h"
#include "load/batch.h"
#include "load/guard.h"
#include "store/foreign.h"

enum {
    SLOTS_MAX = LOAD_WRITES_MAX + 1,
    RETRY_MAX = 6,
    RETRY_FIRST_MS = 200,
    RETRY_MAX_MS = 5000,
    GUARD_LOOK_MS = 20,
    ADOPTED_ROWS_MAX = 250, /* a row is some statements, and each command has a time limit */
};

enum slot_state { SLOT_FREE, SLOT_READING, SLOT_READY, SLOT_WRITING, SLOT_PAUSED };

/* A batch and the jobs that move it. */
struct slot {
    struct load *load;
    enum slot_state state;
    struct batch *batch;
    struct pool_job job;      /* for reading, and for a write without a fence */
    struct cache_write write; /* for a fenced write */
    struct timer *retry;
    unsigned attempts;
};

struct load {
    struct load_options options;
    struct load_result result;
    load_done_cb done;
    void *ctx;
    struct intake intake;
    struct slot slots[SLOTS_MAX];
    size_t slot_count;
    struct guard *guard;
    struct timer *show; /* progress */
    struct timer *wait; /* looks again whether the guard allows a write */
    int64_t started_at_ms;
    double fraction;
    size_t notes_shown;
    bool running; /* the guard has started */
    bool input_ended;
    bool stopping; /* no batch is begun any more */
    bool gap;      /* a batch got no result */
    bool ending;
};

static void load_pump(struct load *load);
static void load_end(struct load *load);

static void load_timer(struct load *load, struct timer *timer, uint32_t after_ms)
{
    load->options.events->timer_start(timer, after_ms);
}

/* Keeps the first failure, and begins nothing more. */
static void load_fail(struct load *load, enum status status, const struct error *error)
{
    load->stopping = true;
    if (load->result.status != STATUS_OK)
        return;
    load->result.status = status;
    load->result.error = *error;
}

static size_t load_count(const struct load *load, enum slot_state state)
{
    size_t count = 0;
    for (size_t i = 0; i < load->slot_count; i++)
        count += load->slots[i].state == state;
    return count;
}

static struct slot *load_find(struct load *load, enum slot_state state)
{
    for (size_t i = 0; i < load->slot_count; i++)
        if (load->slots[i].state == state)
            return &load->slots[i];
    return NULL;
}

/* ---- Reading ---- */

static enum status slot_work_read(struct pool_job *job, struct error *error)
{
    struct slot *slot = container_of(job, struct slot, job);
    (void)error;
    batch_fill(slot->batch, &slot->load->intake);
    return STATUS_OK; /* if the file fails, the batch has the error: the pool has not failed */
}

static void load_show_notes(struct load *load)
{
    const struct row_maker *maker = &load->options.reader->maker;
    for (; load->notes_shown < maker->note_count; load->notes_shown++)
        progress_say(load->options.progress, "%s", maker->notes[load->notes_shown]);
}

static void load_take_rejects(struct load *load, const struct batch *batch)
{
    for (size_t i = 0; i < batch->reject_count; i++) {
        const struct batch_reject *reject = &batch->rejects[i];
        rejects_add(load->options.rejects, reject->row_number, reject->reason.data, reject->raw);
    }
}

static void slot_on_read(struct pool_job *job, enum status status, const struct error *error)
{
    struct slot *slot = container_of(job, struct slot, job);
    struct load *load = slot->load;
    struct batch *batch = slot->batch;
    bug_unless(status == STATUS_OK, "the pool for reading turned its only job away");
    (void)error;
    slot->state = SLOT_READY;
    slot->attempts = 0;
    load->input_ended = batch->end != STATUS_OK;
    load_show_notes(load);
    if (load->result.interrupted) {
        slot->state = SLOT_FREE; /* read, but not begun */
        load_pump(load);
        return;
    }
    load_take_rejects(load, batch);
    if (load->input_ended && batch->end != STATUS_NOT_FOUND && load->result.status == STATUS_OK) {
        load->result.input_broken = true;
        load->result.status = batch->end; /* rows that were read before are still written */
        load->result.error = batch->error;
    }
    load_pump(load);
}

static void slot_read(struct slot *slot)
{
    slot->state = SLOT_READING;
    slot->job = (struct pool_job){.lane = POOL_READ, .work = slot_work_read, .done = slot_on_read};
    pool_run(slot->load->options.read_pool, &slot->job);
}

/* ---- Writing ---- */

static void load_settle(struct load *load, const struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->results[i] == STATUS_OK) {
            load->result.in_count++;
            continue;
        }
        char reason[TODO_ID_MAX + 64];
        snprintf(reason, sizeof(reason), "id \"%s\" is taken (%s)", batch->ids[i],
                 load->options.adopts ? "the document stays as it is" : "--upsert replaces what is there");
        rejects_add(load->options.rejects, batch->row_numbers[i], reason, batch->raws[i]);
    }
    if (batch->last_row_number > load->result.finished_row)
        load->result.finished_row = batch->last_row_number;
    load->fraction = batch->fraction;
}

static void slot_retry(struct slot *slot, const struct error *error)
{
    uint32_t pause_ms = RETRY_FIRST_MS << slot->attempts;
    if (pause_ms > RETRY_MAX_MS)
        pause_ms = RETRY_MAX_MS;
    slot->attempts++;
    slot->state = SLOT_PAUSED;
    progress_say(slot->load->options.progress, "a batch is sent again in %" PRIu32 " ms: %s", pause_ms, error->text);
    load_timer(slot->load, slot->retry, pause_ms);
}

static void slot_written(struct slot *slot, enum status status, const struct error *error)
{
    struct load *load = slot->load;
    bool may_retry = status == STATUS_BUSY || status == STATUS_UNAVAILABLE || status == STATUS_UNKNOWN;
    if (status != STATUS_OK && may_retry && slot->attempts < RETRY_MAX && !load->stopping) {
        slot_retry(slot, error);
        return;
    }
    slot->state = SLOT_FREE;
    if (status == STATUS_OK) {
        load_settle(load, slot->batch);
    } else {
        load->gap = true;
        load_fail(load, status, error);
    }
    load_pump(load);
}

static enum status slot_write_batch(struct slot *slot, struct store *store, struct error *error)
{
    struct batch *batch = slot->batch;
    const struct load_options *options = &slot->load->options;
    if (options->adopts)
        return store_adopt(store, batch->todos, batch->raws, batch->count, batch->results, error);
    return store_load(store, batch->todos, batch->count, options->mode, batch->results, error);
}

static enum status slot_work_fenced(struct cache_write *write, struct store *store, struct error *error)
{
    return slot_write_batch(container_of(write, struct slot, write), store, error);
}

static void slot_on_fenced(struct cache_write *write, enum status status, const struct error *error)
{
    slot_written(container_of(write, struct slot, write), status, error);
}

static enum status slot_work_plain(struct pool_job *job, struct error *error)
{
    struct slot *slot = container_of(job, struct slot, job);
    return slot_write_batch(slot, slot->load->options.store, error);
}

static void slot_on_plain(struct pool_job *job, enum status status, const struct error *error)
{
    slot_written(container_of(job, struct slot, job), status, error);
}

static void slot_send(struct slot *slot)
{
    struct load *load = slot->load;
    slot->state = SLOT_WRITING;
    if (guard_is_fenced(load->guard)) {
        slot->write = (struct cache_write){
            .ids = slot->batch->ids,
            .id_count = slot->batch->count,
            .work = slot_work_fenced,
            .done = slot_on_fenced,
        };
        cache_write_run(load->options.cache, &slot->write);
        return;
    }
    slot->job = (struct pool_job){.lane = POOL_WRITE, .work = slot_work_plain, .done = slot_on_plain};
    pool_run(load->options.store_pool, &slot->job);
}

static void slot_on_retry(void *ctx)
{
    slot_send(ctx);
}

/* A batch without rows, or a dry run's, is finished without a store. */
static void slot_write(struct slot *slot)
{
    struct batch *batch = slot->batch;
    if (batch->count > 0 && slot->load->options.store) {
        slot_send(slot);
        return;
    }
    for (size_t i = 0; i < batch->count; i++)
        batch->results[i] = STATUS_OK;
    load_settle(slot->load, batch);
    slot->state = SLOT_FREE;
}

/* ---- The run: begins all that can be begun ---- */

static bool load_may_write(struct load *load, const struct slot *ready)
{
    if (load_count(load, SLOT_WRITING) + load_count(load, SLOT_PAUSED) >= load->options.writes_max)
        return false;
    for (size_t i = 0; i < load->slot_count; i++) {
        const struct slot *slot = &load->slots[i];
        bool under_way = slot->state == SLOT_WRITING || slot->state == SLOT_PAUSED;
        if (under_way && batch_overlaps(ready->batch, slot->batch))
            return false;
    }
    return true;
}

/* Gives up one batch that is not under way; false if there is none. */
static bool load_abandon(struct load *load)
{
    struct slot *ready = load_find(load, SLOT_READY);
    struct slot *paused = load_find(load, SLOT_PAUSED);
    if (paused) {
        load->options.events->timer_stop(paused->retry);
        paused->state = SLOT_FREE;
        load->gap = true;
    }
    if (ready)
        ready->state = SLOT_FREE; /* its rows come after all rows that were begun: no gap */
    return ready || paused;
}

/* Begins one thing; false if there is nothing to begin now. */
static bool load_advance(struct load *load)
{
    struct slot *ready = load_find(load, SLOT_READY);
    if (load->stopping)
        return load_abandon(load);
    if (ready && !guard_allows_write(load->guard)) {
        load_timer(load, load->wait, GUARD_LOOK_MS);
        return false;
    }
    if (ready && load_may_write(load, ready)) {
        slot_write(ready);
        return true;
    }
    struct slot *free_slot = load_find(load, SLOT_FREE);
    if (ready || load->input_ended || !free_slot || load_find(load, SLOT_READING))
        return false;
    slot_read(free_slot);
    return true;
}

static void load_pump(struct load *load)
{
    while (load_advance(load))
        continue;
    bool over = load->stopping || load->input_ended;
    if (over && !load->ending && load_count(load, SLOT_FREE) == load->slot_count)
        load_end(load);
}

static void load_on_wait(void *ctx)
{
    load_pump(ctx);
}

static void load_on_show(void *ctx)
{
    struct load *load = ctx;
    struct progress_state state = {
        .row_count = load->result.in_count + rejects_count(load->options.rejects),
        .fraction = load->fraction,
        .elapsed_ms = events_now_ms(load->options.events) - load->started_at_ms,
    };
    progress_show(load->options.progress, &state);
    load_timer(load, load->show, progress_interval_ms(load->options.progress));
}

/* ---- Before and after the run ---- */

static void load_on_guard_started(void *ctx, enum status status, const struct error *error)
{
    struct load *load = ctx;
    if (status != STATUS_OK)
        load_fail(load, status, error);
    load->running = true;
    load_timer(load, load->show, progress_interval_ms(load->options.progress));
    load_pump(load);
}

static void load_on_guard_finished(void *ctx, enum status status, const struct error *error)
{
    struct load *load = ctx;
    load->options.events->timer_stop(load->show);
    load->options.events->timer_stop(load->wait);
    progress_clear(load->options.progress);
    if (status != STATUS_OK) {
        progress_say(load->options.progress,
                     "the cache's entries could not be invalidated and may be stale until they expire: %s",
                     error->text);
        load_fail(load, status, error);
    }
    load->result.elapsed_ms = events_now_ms(load->options.events) - load->started_at_ms;
    load->result.reject_count = rejects_count(load->options.rejects);
    if (load->gap)
        load->result.finished_row = 0;
    load->done(load->ctx, &load->result);
}

static void load_end(struct load *load)
{
    load->ending = true;
    guard_finish(load->guard, load_on_guard_finished, load);
}

struct load *load_new(const struct load_options *options)
{
    struct load *load = mem_zalloc(sizeof(*load));
    const struct events *events = options->events;
    bug_unless(options->writes_max >= 1 && options->writes_max <= LOAD_WRITES_MAX, "writes_max is out of range");
    load->options = *options;
    load->slot_count = options->writes_max + 1;
    size_t rows_max = options->adopts ? ADOPTED_ROWS_MAX : BATCH_ROWS_MAX;
    intake_init(&load->intake, options->reader, rows_max, options->keep_raw || options->adopts);
    for (size_t i = 0; i < load->slot_count; i++) {
        load->slots[i].load = load;
        load->slots[i].batch = batch_new();
        load->slots[i].retry = events->timer_new(events->loop, slot_on_retry, &load->slots[i]);
    }
    load->show = events->timer_new(events->loop, load_on_show, load);
    load->wait = events->timer_new(events->loop, load_on_wait, load);
    struct guard_options guard_options = {
        .events = events,
        .cache = options->cache,
        .store = options->store,
        .pool = options->store_pool,
        .progress = options->progress,
        .cache_required = options->cache_required,
    };
    load->guard = guard_new(&guard_options);
    return load;
}

void load_free(struct load *load)
{
    if (!load)
        return;
    guard_free(load->guard);
    load->options.events->timer_free(load->show);
    load->options.events->timer_free(load->wait);
    for (size_t i = 0; i < load->slot_count; i++) {
        load->options.events->timer_free(load->slots[i].retry);
        batch_free(load->slots[i].batch);
    }
    intake_fini(&load->intake);
    free(load);
}

void load_start(struct load *load, load_done_cb done, void *ctx)
{
    load->done = done;
    load->ctx = ctx;
    load->started_at_ms = events_now_ms(load->options.events);
    guard_start(load->guard, load_on_guard_started, load);
}

void load_stop(struct load *load)
{
    bool all_begun = load->input_ended && !load_find(load, SLOT_READY) && !load_find(load, SLOT_PAUSED);
    if (load->stopping || all_begun)
        return;
    load->stopping = true;
    load->result.interrupted = true;
    reader_cancel(load->options.reader);
    if (load->running)
        load_pump(load);
}
