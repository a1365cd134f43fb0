/* SPDX-License-Identifier: MIT */
/*
 * The journal in a folder of this machine, which all its workers share:
 *
 *   DIR/queue.db    an SQLite file: writes, outcomes, dead letters, keys (store/sqlite_journal.c)
 *   DIR/appliers    who applies each shard: a lock and a row for each (file_holds.c)
 *
 * Calls run on a pool of the journal's own, so a store that is slow delays no append. Appends and settles that wait at
 * the same time are committed together, by one sync of the disk (store/pool.h). What was committed survives whatever
 * kills a process; the disk must keep what it has synced.
 *
 * A hold ends with its process, so another worker has the shard at once after a crash. If a process is stopped, another
 * one has its shards after JOURNAL_HOLD_MS.
 *
 * Ready or not: a write that changes nothing shows it at first, and after any call that failed; else a look, once a
 * second. Both also show whose it is (readiness.c). While it is not ready nothing is held or read, so nothing is
 * applied. The folder is made if it is missing at the start.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/file_owner.h"
#include "base/hash.h"
#include "base/mem.h"
#include "queue/accept.h"
#include "queue/file_call.h"
#include "queue/outcome.h"

enum { READERS = 2, FOLDER_MODE = 0750 };
_Static_assert(READERS + 2 == (int)JOURNAL_THREADS_MAX, "readers, the writer, and the one for holds and looks");
_Static_assert((int)STORE_JOURNAL_SHARDS == (int)QUEUE_SHARDS, "a row for each shard");

struct file_call *file_call_new(struct journal *journal, enum pool_lane lane, pool_work_fn work, pool_done_cb done,
                                void *ctx)
{
    struct file_call *call = mem_zalloc(sizeof(*call));
    call->own = file_journal_of(journal);
    call->job = (struct pool_job){.lane = lane, .work = work, .done = done};
    call->ctx = ctx;
    arena_init(&call->arena);
    return call;
}

void file_call_run(struct file_call *call)
{
    pool_run(call->own->pool, &call->job);
}

void file_call_run_ready(struct file_call *call)
{
    const struct readiness *readiness = &call->own->readiness;
    if (readiness->is_ready) {
        file_call_run(call);
        return;
    }
    call->job.status =
        error_set(&call->job.error, STATUS_UNAVAILABLE, "the journal is not ready: %s", readiness->flaw.text);
    pool_refuse(call->own->pool, &call->job);
}

void file_call_free(struct file_call *call)
{
    arena_fini(&call->arena);
    free(call);
}

/* ---- Ready or not ---- */

enum status file_call_status(struct file_call *call, enum status status, const struct error *error)
{
    bool has_failed = call->job.worked && (status == STATUS_UNAVAILABLE || status == STATUS_UNKNOWN);
    if (has_failed && call->own->readiness.is_ready)
        readiness_tell(&call->own->readiness, error);
    return status == STATUS_BUSY ? STATUS_UNAVAILABLE : status;
}

static enum status probe_look(struct pool_job *job, struct error *error)
{
    struct file_call *call = file_call_of(job);
    return store_journal_owner(call->own->store, &call->arena, &call->store_name, error);
}

static enum status probe_write(struct pool_job *job, struct error *error)
{
    struct file_journal *own = file_call_of(job)->own;
    int code = own->was_opened ? 0 : file_owner_make_folder(own->folder, FOLDER_MODE);
    if (code)
        return error_set(error, STATUS_UNAVAILABLE, "can't make the folder %.80s: %s", own->folder, strerror(code));
    enum status status = store_journal_probe(own->store, file_call_of(job)->store_name, error);
    own->was_opened |= status == STATUS_OK;
    return status == STATUS_OK ? probe_look(job, error) : status;
}

static void file_journal_tend(struct journal *journal);

static void probe_done(struct pool_job *job, enum status status, const struct error *error)
{
    struct file_call *call = file_call_of(job);
    struct readiness *readiness = &call->own->readiness;
    struct error flaw = *error;
    bool is_done = status != STATUS_BUSY;
    call->own->is_probing = false;
    if (status == STATUS_OK)
        status = readiness_compare(readiness, call->store_name, &flaw);
    if (status != STATUS_BUSY || (is_done && readiness->is_ready))
        readiness_tell(readiness, status == STATUS_OK ? NULL : &flaw);
    if (is_done && status == STATUS_BUSY && *readiness_store(readiness)) /* it is known by now, or was removed */
        file_journal_tend(&call->own->journal);
    file_call_free(call);
}

static void file_journal_tend(struct journal *journal)
{
    struct file_journal *own = file_journal_of(journal);
    if (own->is_probing)
        return;
    own->is_probing = true;
    struct file_call *call = own->readiness.is_ready ? file_call_new(journal, POOL_READ, probe_look, probe_done, NULL)
                                                     : file_call_new(journal, POOL_CARE, probe_write, probe_done, NULL);
    call->store_name = arena_copy(&call->arena, slice_of(readiness_store(&own->readiness)));
    file_call_run(call);
}

/* ---- Arriving ---- */

/* SQLite needs room for its log (sqlite_file.c), and to bring that into the file, before anything can leave. */
static bool has_room(const struct file_journal *own)
{
    struct statvfs disk;
    bool is_known = statvfs(own->folder, &disk) == 0;
    return !is_known || (uint64_t)disk.f_bavail * disk.f_frsize >> 20 >= ACCEPT_ROOM_MB;
}

static enum status append_work(struct pool_job *job, struct error *error)
{
    struct file_call *call = file_call_of(job);
    const struct settings *settings = call->own->options.settings;
    struct store_arrival *arrival = &call->arrival;
    arrival->now_ms = clock_wall_ms();
    arrival->number = arrival->now_ms << TICKET_SEQ_BITS;
    arrival->oldest_number = (arrival->now_ms - settings->queue_age_max_s * 1000) << TICKET_SEQ_BITS;
    arrival->depth_max = settings->queue_depth_max;
    arrival->key_expires_at_ms = arrival->now_ms + settings->idempotency_ttl_s * 1000;
    call->accept = STORE_ACCEPT_NO_ROOM;
    return has_room(call->own) ? store_journal_append(call->own->store, arrival, &call->accept, error) : STATUS_OK;
}

static void append_done(struct pool_job *job, enum status status, const struct error *error)
{
    struct file_call *call = file_call_of(job);
    struct error refused = *error;
    if (status == STATUS_OK)
        status = accept_status(call->accept, call->own->options.settings, &refused);
    else
        status = file_call_status(call, status, error);
    call->told.append(call->ctx, status, (struct ticket){call->arrival.shard, call->arrival.number}, &refused);
    file_call_free(call);
}

static void file_journal_append(struct journal *journal, const struct journal_append *append, journal_append_cb done,
                                void *ctx)
{
    struct file_call *call = file_call_new(journal, POOL_WRITE, append_work, append_done, ctx);
    struct store_arrival *arrival = &call->arrival;
    char hash[HASH_FINGERPRINT_LEN + 1];
    call->told.append = done;
    arrival->shard = append->shard;
    arrival->id = arena_copy(&call->arena, append->id);
    arrival->text = arena_copy(&call->arena, append->text);
    if (append->key.data) {
        hash_secret(hash, append->key);
        arrival->key = arena_copy(&call->arena, slice_of(hash));
        arrival->fingerprint = arena_copy(&call->arena, append->fingerprint);
    }
    file_call_run(call);
}

/* ---- Leaving ---- */

static void on_done(struct pool_job *job, enum status status, const struct error *error)
{
    struct file_call *call = file_call_of(job);
    call->told.done(call->ctx, file_call_status(call, status, error), error);
    file_call_free(call);
}

static enum status settle_work(struct pool_job *job, struct error *error)
{
    struct file_call *call = file_call_of(job);
    call->leaving.now_ms = clock_wall_ms();
    return store_journal_settle(call->own->store, &call->leaving, error);
}

static void file_journal_settle(struct journal *journal, unsigned shard, const struct journal_outcome *outcomes,
                                size_t count, const char *reason, journal_done_cb done, void *ctx)
{
    struct file_call *call = file_call_new(journal, POOL_WRITE, settle_work, on_done, ctx);
    struct store_departure *items = arena_alloc(&call->arena, (count + 1) * sizeof(*items));
    call->told.done = done;
    for (size_t i = 0; i < count; i++) {
        char text[OUTCOME_TEXT_MAX + 1];
        outcome_print(text, &outcomes[i]);
        items[i] = (struct store_departure){outcomes[i].applied.number, arena_copy(&call->arena, slice_of(text))};
    }
    int64_t last = count > 0 ? outcomes[count - 1].applied.number : 0; /* not given here if another program wrote it */
    call->leaving = (struct store_leaving){.shard = shard,
                                           .last = ticket_number_given(last, clock_wall_ms()) ? last : 0,
                                           .items = items,
                                           .count = count,
                                           .kept_max = JOURNAL_OUTCOMES_MAX,
                                           .reason = arena_copy(&call->arena, slice_of(reason))};
    file_call_run(call);
}

static enum status retry_work(struct pool_job *job, struct error *error)
{
    struct file_call *call = file_call_of(job);
    call->arrival.number = clock_wall_ms() << TICKET_SEQ_BITS;
    return store_journal_retry(call->own->store, call->ticket.shard, call->ticket.number, &call->arrival.number, error);
}

static void retry_done(struct pool_job *job, enum status status, const struct error *error)
{
    struct file_call *call = file_call_of(job);
    call->told.append(call->ctx, file_call_status(call, status, error),
                      (struct ticket){call->ticket.shard, call->arrival.number}, error);
    file_call_free(call);
}

static void file_journal_dead_retry(struct journal *journal, struct ticket ticket, journal_append_cb done, void *ctx)
{
    struct file_call *call = file_call_new(journal, POOL_WRITE, retry_work, retry_done, ctx);
    call->told.append = done;
    call->ticket = ticket;
    file_call_run(call);
}

static enum status drop_work(struct pool_job *job, struct error *error)
{
    const struct file_call *call = file_call_of(job);
    return store_journal_drop(call->own->store, call->ticket.shard, call->ticket.number, error);
}

static void file_journal_dead_drop(struct journal *journal, struct ticket ticket, journal_done_cb done, void *ctx)
{
    struct file_call *call = file_call_new(journal, POOL_WRITE, drop_work, on_done, ctx);
    call->told.done = done;
    call->ticket = ticket;
    file_call_run(call);
}

/* ---- Holds and figures: one at a time, in the care lane ---- */

static enum status hold_work(struct pool_job *job, struct error *error)
{
    struct file_call *call = file_call_of(job);
    return file_holds_take(&call->own->holds, call->ticket.shard, &call->owner, error);
}

static void hold_done(struct pool_job *job, enum status status, const struct error *error)
{
    struct file_call *call = file_call_of(job);
    call->told.done(call->ctx, status, error);
    file_call_free(call);
}

static struct file_call *hold_new(struct journal *journal, unsigned shard, const struct token *owner, pool_work_fn work,
                                  pool_done_cb done, void *ctx)
{
    struct file_call *call = file_call_new(journal, POOL_CARE, work, done, ctx);
    call->ticket.shard = shard;
    call->owner = *owner;
    return call;
}

static void file_journal_hold(struct journal *journal, unsigned shard, const struct token *owner, journal_done_cb done,
                              void *ctx)
{
    struct file_call *call = hold_new(journal, shard, owner, hold_work, hold_done, ctx);
    call->told.done = done;
    file_call_run_ready(call);
}

static enum status release_work(struct pool_job *job, struct error *error)
{
    struct file_call *call = file_call_of(job);
    (void)error;
    file_holds_give(&call->own->holds, call->ticket.shard, &call->owner);
    return STATUS_OK;
}

static void release_done(struct pool_job *job, enum status status, const struct error *error)
{
    (void)status, (void)error;
    file_call_free(file_call_of(job));
}

static void file_journal_release(struct journal *journal, unsigned shard, const struct token *owner)
{
    file_call_run(hold_new(journal, shard, owner, release_work, release_done, NULL));
}

static enum status look_work(struct pool_job *job, struct error *error)
{
    struct file_call *call = file_call_of(job);
    struct store_journal_shard shards[QUEUE_SHARDS] = {0};
    enum status status = store_journal_look(call->own->store, shards, error);
    for (unsigned i = 0; i < QUEUE_SHARDS && status == STATUS_OK; i++) {
        call->figures.shards[i].depth = (uint64_t)shards[i].depth;
        call->figures.shards[i].oldest_at_ms = shards[i].first_number >> TICKET_SEQ_BITS;
        call->figures.shards[i].dead_count = (uint64_t)shards[i].dead_count;
        call->figures.shards[i].last_number = shards[i].last_number;
        struct token owner = file_holds_owner(&call->own->holds, i);
        memcpy(call->figures.shards[i].applier, owner.text, sizeof(owner.text));
    }
    return status;
}

static void look_done(struct pool_job *job, enum status status, const struct error *error)
{
    struct file_call *call = file_call_of(job);
    call->told.look(call->ctx, file_call_status(call, status, error), &call->figures, error);
    file_call_free(call);
}

static void file_journal_look(struct journal *journal, journal_look_cb done, void *ctx)
{
    struct file_call *call = file_call_new(journal, POOL_CARE, look_work, look_done, ctx);
    call->told.look = done;
    file_call_run(call);
}

/* ---- The seam ---- */

static bool file_journal_is_ready(const struct journal *journal)
{
    return file_journal_of(journal)->readiness.is_ready;
}

static bool file_journal_is_idle(const struct journal *journal)
{
    return pool_busy_count(file_journal_of(journal)->pool) == 0;
}

static void file_journal_free(struct journal *journal)
{
    struct file_journal *own = file_journal_of(journal);
    pool_free(own->pool);
    store_close(own->store);
    file_holds_fini(&own->holds);
    free(own);
}

static const struct journal_ops FILE_JOURNAL_OPS = {
    .free = file_journal_free,
    .is_ready = file_journal_is_ready,
    .is_idle = file_journal_is_idle,
    .tend = file_journal_tend,
    .append = file_journal_append,
    .read = file_journal_read,
    .settle = file_journal_settle,
    .hold = file_journal_hold,
    .release = file_journal_release,
    .find = file_journal_find,
    .look = file_journal_look,
    .dead_list = file_journal_dead_list,
    .dead_retry = file_journal_dead_retry,
    .dead_drop = file_journal_dead_drop,
};

static struct pool *pool_make(const struct file_journal *own)
{
    uint32_t queue_max = (uint32_t)own->options.settings->store_queue;
    struct pool_options options = {.loop = own->options.loop};
    options.lanes[POOL_READ] = (struct pool_lane_options){.concurrency = READERS, .queue_max = queue_max};
    options.lanes[POOL_WRITE] =
        (struct pool_lane_options){.concurrency = 1, .queue_max = queue_max, .grouped = own->store};
    options.lanes[POOL_CARE] = (struct pool_lane_options){.concurrency = 1, .queue_max = queue_max};
    return pool_new(&options);
}

enum status file_journal_open(struct journal **journal, const struct journal_options *options, const char *folder,
                              struct error *error)
{
    struct file_journal *own = mem_zalloc(sizeof(*own));
    char path[HOLDS_PATH_ROOM];
    struct slice name = slice_trim_end(slice_of(folder), "/");
    (void)error;
    own->journal.ops = &FILE_JOURNAL_OPS;
    own->options = *options;
    own->readiness.options = &own->options;
    snprintf(own->folder, sizeof(own->folder), "%.*s", (int)name.len, name.data);
    snprintf(path, sizeof(path), "%s/appliers", own->folder);
    file_holds_init(&own->holds, path);
    snprintf(path, sizeof(path), "%s/queue.db", own->folder);
    own->store = store_journal_new(path, READERS + 1, (uint32_t)options->settings->store_timeout_ms);
    own->pool = pool_make(own);
    *journal = &own->journal;
    file_journal_tend(*journal);
    return STATUS_OK;
}
