/* SPDX-License-Identifier: MIT */
/*
 * Writes of others: a shell, a script, another service that changes the todos without asking the cache. The store tells
 * every change (store/follow.h), and one worker takes each to Redis.
 *
 *   idle --lease--> begin --stream--> read -> pause -> invalidate -> save the resume token, read -> ...
 *     ^                                 |                                  |
 *     '-------- end: stream closed, lease given back <--- any failure -----'
 *
 * Of all the workers that are asked to follow, the one that holds the lease in the store does. Lease and resume token
 * are one record there: the token must outlive Redis, and a worker that has lost the lease must not save it.
 *
 * Guarantees. A token is saved after Redis has answered for all changes before it, under the epoch that still stands in
 * the store after that. So if a worker is killed at any moment, the next one repeats changes and skips none. Without a
 * saved token, or when the history behind it is lost, nothing is known of earlier changes: the new stream is opened,
 * then the epoch moves on, and every earlier entry is out of reach. The feed (store/feed.h) gets each batch before its
 * token is saved, and a row that begins a history where the stream does. Without a trusted Redis the lease goes back.
 *
 * Why an entry may stay (invalidate.lua). Changes of an id are taken in order, and each deletes the leases of readers
 * that may have read before it. So an entry that a change meets is not older than the change before. If it has the v
 * and updated_at that this change made, and the change made both new, it was read after the change. So the entries of
 * own writes stay. An insert also tells its life, which the entry must have then: two lives may share v and time.
 *
 * Why the pause. A change may overtake its own writer's publish on the way to Redis, which would then be refused. So
 * changes wait for PAUSE_MS, unless they come in so fast that they are late already.
 *
 * In a cluster a change whose Redis is not trusted, or all of them while the list's is not, become closed records in
 * the outbox before the token is saved. So does a batch that the epoch has moved on behind, as it does with each slot:
 * neither a part that is away nor slots that move hold up anything.
 *
 * What it does not do: make others' writes visible at once; tell own writes from others'. Pages do not say what they
 * were made from, so they go out of reach with every batch, and caches in front are told of own writes once more.
 */
#include "follow/follow.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/failpoint.h"
#include "base/log.h"
#include "base/mem.h"
#include "cache/fence.h"
#include "cdn/purger.h"
#include "l1/table.h"
#include "store/feed.h"
#include "store/follow.h"

enum {
    LEASE_MS = 6000, /* so long no worker follows after its holder was killed */
    RENEW_MS = LEASE_MS / 3,
    READ_WAIT_MS = 500, /* a stop waits for it */
    PAUSE_MS = 50,
    FEED_SEQ_BITS = 20, /* of the feed's numbers: a history's start is on by more than its rows each millisecond */
};

enum follow_state {
    FOLLOW_IDLE,      /* until the next tend */
    FOLLOW_BEGINNING, /* a job takes the lease and opens the stream */
    FOLLOW_READING,   /* a job saves the resume token and waits for changes */
    FOLLOW_PAUSING,
    FOLLOW_INVALIDATING,
    FOLLOW_ENDING, /* a job closes the stream and gives the lease back */
};

struct follow {
    struct cache *cache;
    struct cache_options options; /* the cache's: a copy that outlives it */
    const struct purger *purger;  /* the cache's; NULL: there are no caches in front */
    struct pool *pool;
    enum follow_state state;
    bool is_over;    /* stopped, or the store tells no changes */
    bool was_logged; /* this failure is in the log */
    struct token owner;
    struct timer *timer;
    struct pool_job job;
    /* The job's, while one runs. */
    bool has_lease;
    bool anew;            /* it began from now on, under a new epoch */
    bool is_history_lost; /* the saved token must be forgotten */
    bool keep_due;        /* the token is saved, and the lease renewed, before the read */
    struct store_stream *stream;
    struct resume_token resume_after; /* all changes before it are in Redis */
    struct store_changes changes;
    struct change_event sent[STORE_CHANGES_MAX]; /* of the last changes: those that went to Redis */
    struct store_fence records[STORE_CHANGES_MAX];
    size_t record_count; /* those that go to the outbox */
    int64_t epoch;       /* of the store's record, as the homes knew it where the last changes went */
    int64_t kept_count;  /* of the last changes: entries that stayed */
    struct home home;    /* the list's, taken at the begin */
    int64_t kept_at_ms;  /* monotonic */
    bool is_unsaved;     /* the token, and it matters */
};

static void follow_read(struct follow *follow);

static void follow_run(struct follow *follow, enum follow_state state, pool_work_fn work, pool_done_cb done)
{
    follow->state = state;
    follow->job = (struct pool_job){.lane = POOL_CARE, .work = work, .done = done};
    pool_run(follow->pool, &follow->job);
}

/* Whether Redis has been trusted ever since the begin. Of a cluster any part will do: the rest is recorded. */
static bool follow_may_go_on(const struct follow *follow)
{
    bool is_cluster = follow->home.slot != HOME_SLOT_NONE;
    return !follow->is_over && (is_cluster ? cache_is_trusted(follow->cache) : home_holds(&follow->home));
}

/* ---- The end ---- */

/* pool thread */
static void stream_drop(struct follow *follow)
{
    store_stream_close(follow->stream);
    follow->stream = NULL;
}

/* pool thread */
static enum status end_work(struct pool_job *job, struct error *error)
{
    struct follow *follow = container_of(job, struct follow, job);
    struct store *store = follow->options.store;
    enum status status = STATUS_OK;
    stream_drop(follow);
    if (follow->is_history_lost)
        status = store_follow_keep(store, &follow->owner, LEASE_MS, &(struct resume_token){0}, error);
    if (follow->has_lease && status == STATUS_OK)
        status = store_follow_release(store, &follow->owner, error);
    follow->has_lease = follow->is_history_lost = false;
    return status;
}

/*
 * If the lease could not be given back, it runs out. If the token could not be forgotten, the next begin finds its
 * history lost again. If the pool turned the job away, the next begin closes the stream.
 */
static void on_ended(struct pool_job *job, enum status status, const struct error *error)
{
    (void)status, (void)error;
    container_of(job, struct follow, job)->state = FOLLOW_IDLE;
}

static void follow_end(struct follow *follow)
{
    follow_run(follow, FOLLOW_ENDING, end_work, on_ended);
}

static void follow_fail(struct follow *follow, const char *reason)
{
    stats_add(follow->options.stats, STAT_FOLLOW_FAILED, 1);
    if (!follow->was_logged)
        log_warn(NULL, "follow_failed", "error=\"%s\" action=\"trying again\"", reason);
    follow->was_logged = true;
    follow_end(follow);
}

/* any thread */
static void log_history_lost(const struct error *error)
{
    log_warn(NULL, "follow_history_lost", "error=\"%s\" action=\"from now on, under a new epoch\"", error->text);
}

/* A job failed. BUSY is no failure: another has the lease, or the epoch moved on and the changes are read again. */
static void follow_fail_by(struct follow *follow, enum status status, const struct error *error)
{
    switch (status) {
    case STATUS_UNSUPPORTED:
        follow->is_over = true;
        log_warn(NULL, "follow_unsupported",
                 "error=\"%s\" action=\"the entries' lifetimes bound how old others' writes may be\"", error->text);
        follow_end(follow);
        break;
    case STATUS_NOT_FOUND:
        follow->is_history_lost = follow->has_lease;
        log_history_lost(error);
        follow_end(follow);
        break;
    case STATUS_MISMATCH:
        follow->has_lease = false;
        log_info(NULL, "follow_lost", "error=\"%s\"", error->text);
        follow_end(follow);
        break;
    case STATUS_BUSY:
        follow_end(follow);
        break;
    default:
        follow_fail(follow, error->text);
    }
}

/* ---- Changes ---- */

/* All changes that were read are in Redis. */
static void resume_move(struct follow *follow)
{
    int64_t seq = follow->resume_after.seq + (int64_t)follow->changes.count;
    follow->resume_after = follow->changes.resume_after;
    follow->resume_after.seq = seq;
}

static void on_told(void *ctx, enum fence_outcome outcome, int64_t count)
{
    struct follow *follow = ctx;
    (void)count;
    if (outcome != FENCE_TAKEN) {
        follow_fail(follow, "Redis did not take what others changed");
        return;
    }
    cache_note_write(follow->cache);
    stats_add(follow->options.stats, STAT_FOLLOW_KEPT, (uint64_t)follow->kept_count);
    stats_add(follow->options.stats, STAT_FOLLOW_INVALIDATED, follow->changes.count - (uint64_t)follow->kept_count);
    if (!follow_may_go_on(follow)) {
        follow_end(follow);
        return;
    }
    resume_move(follow);
    follow->is_unsaved = true;
    follow_read(follow);
}

/* Redis has forgotten what others changed, and now the L1s do. */
static void on_invalidated(void *ctx, enum fence_outcome outcome, int64_t kept_count)
{
    struct follow *follow = ctx;
    const char *ids[STORE_CHANGES_MAX];
    for (size_t i = 0; i < follow->changes.count; i++)
        ids[i] = follow->changes.items[i].id;
    const struct fence_call call = {.ids = ids, .id_count = follow->changes.count, .list = &follow->home};
    follow->kept_count = kept_count;
    l1_raise(follow->options.l1, ids, follow->changes.count);
    for (size_t i = 0; i < follow->changes.count && outcome == FENCE_TAKEN; i++)
        trail_note(follow->options.trail, TRAIL_FOLLOWED, ids[i], NULL, follow->changes.items[i].v);
    if (outcome == FENCE_TAKEN)
        fence_tell(follow->options.peers, &call, false, on_told, follow);
    else
        on_told(follow, outcome, 0);
}

/* As if a writer that lost its Redis had left it. */
static void record_add(struct follow *follow, const char *id)
{
    struct store_fence *record = &follow->records[follow->record_count++];
    *record = (struct store_fence){.token = token_new(), .deadline_at_ms = clock_wall_ms(), .is_closed = true};
    memcpy(record->id, id, strlen(id) + 1);
}

static void follow_invalidate(struct follow *follow)
{
    const char *ids[STORE_CHANGES_MAX];
    struct home homes[STORE_CHANGES_MAX];
    size_t count = 0;
    if (follow->home.slot != HOME_SLOT_NONE)
        follow->home = home_of_list(follow->cache);
    follow->epoch = follow->home.serial;
    follow->record_count = 0;
    follow->kept_count = 0;
    for (size_t i = 0; i < follow->changes.count; i++) {
        const struct change_event *event = &follow->changes.items[i];
        const struct home home = home_of(follow->cache, event->id);
        if (!home_holds(&home) || !home_holds(&follow->home)) {
            record_add(follow, event->id);
            continue;
        }
        follow->epoch = home.serial < follow->epoch ? home.serial : follow->epoch;
        follow->sent[count] = *event;
        ids[count] = event->id;
        homes[count++] = home;
    }
    const struct fence_call call = {.settings = follow->options.settings,
                                    .store = follow->options.store,
                                    .ids = ids,
                                    .homes = homes,
                                    .id_count = count,
                                    .list = &follow->home};
    follow->state = FOLLOW_INVALIDATING;
    if (count > 0)
        invalidate_send(&call, follow->sent, on_invalidated, follow);
    else
        on_told(follow, FENCE_TAKEN, 0);
}

static void on_pause_over(void *ctx)
{
    struct follow *follow = ctx;
    if (follow_may_go_on(follow))
        follow_invalidate(follow);
    else
        follow_end(follow);
}

static void follow_pause(struct follow *follow)
{
    follow->state = FOLLOW_PAUSING;
    follow->options.events->timer_start(follow->timer, PAUSE_MS);
}

/* ---- Reading ---- */

/* pool thread. Caches in front are told by way of the purges' records, as if a worker had died after its write. */
static enum status purge_work(const struct follow *follow, struct error *error)
{
    const char *ids[STORE_CHANGES_MAX];
    const struct token token = token_new();
    for (size_t i = 0; i < follow->changes.count; i++)
        ids[i] = follow->changes.items[i].id;
    const struct purge_write write = {
        .token = &token, .ids = ids, .id_count = follow->changes.count, .last_at_ms = clock_wall_ms()};
    return purger_record(follow->purger, &write, error);
}

/* pool thread. Rows come after the invalidation: a client that is told of a change reads the todo, perhaps in Redis. */
static enum status feed_work(const struct follow *follow, struct error *error)
{
    int64_t before_seq = follow->resume_after.seq - (int64_t)follow->changes.count;
    return store_feed_add(follow->options.store, before_seq, &follow->changes, error);
}

/* pool thread. Of what changed before this place nothing is known. */
static enum status feed_begin_work(struct follow *follow, struct error *error)
{
    follow->resume_after.seq = clock_wall_ms() << FEED_SEQ_BITS;
    return store_feed_add(follow->options.store, follow->resume_after.seq - 1, NULL, error);
}

/* pool thread. Keys of an older epoch are read by no worker: not done; in a cluster it is left to the outbox. */
static enum status finish_work(struct follow *follow, struct error *error)
{
    struct store_meta meta;
    enum status status = store_meta_get(follow->options.store, &meta, error);
    if (status != STATUS_OK)
        return status;
    bool is_same = meta.epoch == follow->epoch || failpoint_is_on(FAILPOINT_FOLLOW_EPOCH_UNLOOKED);
    size_t sent_count = is_same ? 0 : follow->changes.count - follow->record_count;
    if (sent_count > 0 && follow->home.slot == HOME_SLOT_NONE)
        return error_set(error, STATUS_BUSY, "the epoch has moved on to %lld meanwhile", (long long)meta.epoch);
    for (size_t i = 0; i < sent_count; i++)
        record_add(follow, follow->sent[i].id);
    if (follow->record_count > 0)
        status = store_outbox_put(follow->options.store, follow->records, follow->record_count, error);
    if (status == STATUS_OK && follow->purger)
        status = purge_work(follow, error);
    return status == STATUS_OK ? feed_work(follow, error) : status;
}

/* pool thread */
static enum status keep_work(struct follow *follow, struct error *error)
{
    enum status status = !follow->is_unsaved ? STATUS_OK : finish_work(follow, error);
    if (status != STATUS_OK)
        return status;
    return store_follow_keep(follow->options.store, &follow->owner, LEASE_MS, &follow->resume_after, error);
}

/* pool thread */
static enum status read_work(struct pool_job *job, struct error *error)
{
    struct follow *follow = container_of(job, struct follow, job);
    enum status status = follow->keep_due ? keep_work(follow, error) : STATUS_OK;
    return status == STATUS_OK ? store_stream_read(follow->stream, READ_WAIT_MS, &follow->changes, error) : status;
}

static void on_read(struct pool_job *job, enum status status, const struct error *error)
{
    struct follow *follow = container_of(job, struct follow, job);
    if (status != STATUS_OK) {
        follow_fail_by(follow, status, error);
        return;
    }
    follow->was_logged = false;
    if (follow->keep_due)
        follow->is_unsaved = false;
    if (!follow_may_go_on(follow)) {
        follow_end(follow);
    } else if (follow->changes.count == 0) {
        resume_move(follow);
        follow_read(follow);
    } else if (follow->changes.full) {
        follow_invalidate(follow);
    } else {
        follow_pause(follow);
    }
}

static void follow_read(struct follow *follow)
{
    int64_t now = events_now_ms(follow->options.events);
    follow->keep_due = follow->is_unsaved || now - follow->kept_at_ms >= RENEW_MS;
    if (follow->keep_due)
        follow->kept_at_ms = now;
    follow_run(follow, FOLLOW_READING, read_work, on_read);
}

/* ---- The begin ---- */

/*
 * pool thread. The epoch moves after the stream is open and its first token known. So the stream tells every later
 * change, and entries of the new epoch are filled after the earlier ones. The token is saved at once: this worker too
 * ends and begins again when it learns of the new epoch, and must not move it once more.
 */
static enum status anew_work(struct follow *follow, struct error *error)
{
    struct store *store = follow->options.store;
    int64_t epoch;
    follow->anew = true;
    follow->resume_after.len_bytes = 0;
    enum status status = store_stream_open(store, &follow->resume_after, &follow->stream, error);
    if (status == STATUS_OK)
        status = store_stream_read(follow->stream, 0, &follow->changes, error);
    if (status == STATUS_OK)
        status = cache_move_epoch(follow->cache, &epoch, error);
    follow->resume_after = follow->changes.resume_after;
    if (status == STATUS_OK)
        status = feed_begin_work(follow, error);
    return status == STATUS_OK ? store_follow_keep(store, &follow->owner, LEASE_MS, &follow->resume_after, error)
                               : status;
}

/* pool thread */
static enum status begin_work(struct pool_job *job, struct error *error)
{
    struct follow *follow = container_of(job, struct follow, job);
    struct store *store = follow->options.store;
    stream_drop(follow);
    enum status status = store_follow_claim(store, &follow->owner, LEASE_MS, &follow->resume_after, error);
    follow->has_lease = status == STATUS_OK;
    if (status != STATUS_OK)
        return status;
    if (follow->resume_after.len_bytes == 0)
        return anew_work(follow, error);
    status = store_stream_open(store, &follow->resume_after, &follow->stream, error);
    if (status == STATUS_OK && follow->resume_after.seq == 0)
        return feed_begin_work(follow, error); /* the token was saved by an older version */
    if (status != STATUS_NOT_FOUND)
        return status;
    log_history_lost(error);
    return anew_work(follow, error);
}

static void on_begun(struct pool_job *job, enum status status, const struct error *error)
{
    struct follow *follow = container_of(job, struct follow, job);
    if (status != STATUS_OK) {
        follow_fail_by(follow, status, error);
        return;
    }
    if (follow->anew)
        stats_add(follow->options.stats, STAT_FOLLOW_ANEW, 1);
    log_info(NULL, "follow_begun", "owner=%s from=%s", follow->owner.text, follow->anew ? "now" : "saved_place");
    if (follow_may_go_on(follow))
        follow_read(follow);
    else
        follow_end(follow);
}

void follow_tend(struct follow *follow)
{
    if (follow->state != FOLLOW_IDLE)
        return;
    follow->home = home_of_list(follow->cache);
    if (!follow_may_go_on(follow))
        return;
    follow->anew = follow->is_unsaved = false;
    follow->kept_at_ms = events_now_ms(follow->options.events);
    follow_run(follow, FOLLOW_BEGINNING, begin_work, on_begun);
}

void follow_stop(struct follow *follow)
{
    follow->is_over = true;
}

bool follow_is_idle(const struct follow *follow)
{
    return follow->state == FOLLOW_IDLE;
}

struct follow *follow_new(struct cache *cache, struct pool *pool)
{
    struct follow *follow = mem_zalloc(sizeof(*follow));
    follow->cache = cache;
    follow->options = *cache_options(cache);
    follow->purger = cache_purger(cache);
    follow->pool = pool;
    follow->owner = token_new();
    const struct events *events = follow->options.events;
    follow->timer = events->timer_new(events->loop, on_pause_over, follow);
    return follow;
}

void follow_free(struct follow *follow)
{
    if (!follow)
        return;
    bug_unless(follow->state == FOLLOW_IDLE, "the follower is freed while it is at work");
    stream_drop(follow);
    follow->options.events->timer_free(follow->timer);
    free(follow);
}
